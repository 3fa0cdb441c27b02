"""Pause a run."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from aiops.execution import resume
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.management.finding import run_named


class Command(OperatorCommand):
    help = "Start no further step of a run; what runs, finishes. manage.py resume goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", help="its id, or the start of it")
        parser.add_argument("--reason", default="", help="why; it is kept with the run")

    def handle(self, *args: Any, **options: Any) -> None:
        run = run_named(options["run"])
        with refusals_told():
            resume.pause(run.id, actor=actor(), reason=options["reason"])
        self.stdout.write(f"Run {run.id} is paused.")
