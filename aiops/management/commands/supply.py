"""Give a step's result by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from aiops.execution import resume
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.management.finding import json_given, run_named


class Command(OperatorCommand):
    help = "Give a step's result by hand, as if it had succeeded; it must fit the step's type."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", help="its id, or the start of it")
        parser.add_argument("step", help="the step's name")
        parser.add_argument(
            "--result", required=True, metavar="JSON", help="JSON, @file, or - for standard input"
        )
        parser.add_argument("--reason", required=True, help="why; it is kept with the step")

    def handle(self, *args: Any, **options: Any) -> None:
        run, name = run_named(options["run"]), options["step"]
        result = json_given(options["result"], "--result")
        with refusals_told():
            resume.supply(run.id, name, result, actor=actor(), reason=options["reason"])
        self.stdout.write(f"{name} of run {run.id} has its result.")
