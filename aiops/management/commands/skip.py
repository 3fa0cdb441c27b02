"""Leave a step of a run out."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from aiops.execution import resume
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.management.finding import run_named


class Command(OperatorCommand):
    help = "Leave a step out; the steps after it start without its result."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", help="its id, or the start of it")
        parser.add_argument("step", help="the step's name")
        parser.add_argument("--reason", required=True, help="why; it is kept with the step")

    def handle(self, *args: Any, **options: Any) -> None:
        run, name = run_named(options["run"]), options["step"]
        with refusals_told():
            resume.skip(run.id, name, actor=actor(), reason=options["reason"])
        self.stdout.write(f"{name} of run {run.id} is left out.")
