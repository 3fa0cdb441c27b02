"""Workflows: how each does, its versions side by side, its steps, and how to start it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from aiops.admin.history import HistoryAdmin, as_text, column, list_of
from aiops.admin.page import links
from aiops.admin.page.prompts import prompts
from aiops.admin.page.starting import starting
from aiops.admin.page.workflow_numbers import counted, listed, told, versions
from aiops.admin.page.workflow_steps import drawn, rows
from aiops.execution import prompt_numbers, workflow_numbers
from aiops.execution.catalog import plan_of
from aiops.execution.known_workflows import Known, known_workflow, known_workflows
from aiops.models import Pausable, Pause, WorkflowVersion


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(HistoryAdmin):
    """The page of one row is that of a version: the plan that runs of it began with."""

    id_fields = ()
    exact_fields = ("hash", "name")
    heavy = ("plan",)
    shown = (
        (None, {"fields": ("name", "version", "hash", "created_at", "runs")}),
        ("Plan", {"fields": ("plan_shown",)}),
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.workflow_view)
        # Before the page of one row, whose pattern takes everything.
        return [path("of/<str:name>/", view, name="aiops_workflow_page"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._refuse_stranger(request)
        return self._page(request, "console/workflows.html", "Workflows", _list())

    def workflow_view(self, request: HttpRequest, name: str) -> HttpResponse:
        self._refuse_stranger(request)
        known = known_workflow(name)
        if known is None:
            raise Http404(f"There is no workflow {name}, and there never was a run of one")
        return self._page(request, "console/workflow.html", name, _one(request, known))

    def _page(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        shell = self.admin_site.each_context(request)
        about = {"opts": self.opts, "title": title, "is_fullwidth": "1"}
        return render(request, template, {**shell, **about, **context})

    def _refuse_stranger(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    @column("runs")
    def runs(self, version: WorkflowVersion) -> SafeString:
        return list_of("run", "its runs", version=version.pk)

    @column("plan")
    def plan_shown(self, version: WorkflowVersion) -> SafeString:
        return as_text(version.plan)


def _list() -> dict[str, Any]:
    known = known_workflows()
    names = [one.name for one in known]
    counts = workflow_numbers.counts(names)
    numbers = workflow_numbers.of_workflows(names)
    open_runs = workflow_numbers.open_runs()
    paused = {row.name: row for row in Pause.objects.filter(what=Pausable.WORKFLOW)}
    return {
        "rows": [
            listed(
                *(one, counts.get(one.name), numbers.get(one.name)),
                *(open_runs.get(one.name, 0), paused.get(one.name)),
            )
            for one in known
        ],
        "days": workflow_numbers.DAYS,
        "most_runs": workflow_numbers.LISTED_RUNS,
    }


def _one(request: HttpRequest, known: Known) -> dict[str, Any]:
    name, numbers = known.name, workflow_numbers.of_versions(known.name)
    plan = known.plan or plan_of(known.versions[0].id)
    of_steps = workflow_numbers.of_steps(name, list(plan.by_name))
    count = workflow_numbers.counts([name])[name]
    pause = Pause.objects.filter(what=Pausable.WORKFLOW, name=name).first()
    verb = "resume" if pause else "pause"
    may_pause = request.user.has_perm("aiops.pause_work")
    return {
        "known": known,
        "plan": plan,
        "graph": drawn(plan, of_steps),
        "steps": rows(plan, of_steps, name),
        "versions": versions(known, numbers, timezone.now()),
        "prompts": prompts(prompt_numbers.of_workflow(name), timezone.now()),
        "prompt_calls": prompt_numbers.MOST_CALLS,
        "whole": told(_newest(known, numbers)),
        "week": counted(count.week),
        "month": counted(count.month),
        "pause": pause,
        "pause_href": links.shown_if_there("admin:aiops_pause_do", "workflow", name, verb)
        if may_pause
        else "",
        "start": starting(known.workflow) if known.workflow else None,
        "links": _links(name),
        "days": workflow_numbers.DAYS,
        "most_runs": workflow_numbers.SHOWN_RUNS,
        "step_runs": workflow_numbers.STEP_RUNS,
    }


def _newest(known: Known, numbers: dict[int, Any]) -> Any:
    """The numbers of the version that the next run has."""
    return numbers.get(known.current.id) if known.current else None


def _links(name: str) -> list[tuple[str, str]]:
    return [
        ("All its runs", links.runs(workflow=name)),
        ("Needs you", links.runs(workflow=name, view="needs_you")),
        ("Active", links.runs(workflow=name, view="active")),
        ("Failed", links.runs(workflow=name, view="failed")),
    ]
