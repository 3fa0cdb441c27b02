"""Runs: the list is in runs_list.py, the page of one in run_page.py, the verbs in verbs.py."""

from __future__ import annotations

from django.contrib import admin

from aiops.admin.history import HistoryAdmin
from aiops.admin.run_page import RunPage
from aiops.admin.runs_list import RunsList
from aiops.admin.verbs import Verbs
from aiops.models import Run


@admin.register(Run)
class RunAdmin(RunPage, RunsList, Verbs, HistoryAdmin):
    """Everything about runs: it shows, and leads to plans."""
