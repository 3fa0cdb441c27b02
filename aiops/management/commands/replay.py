"""Start a run like an earlier one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from aiops.execution.replay import replay
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.management.finding import json_given, run_named


class Command(OperatorCommand):
    help = "Start a new run like an earlier one, and print its id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", help="its id, or the start of it")
        parser.add_argument(
            "--from",
            dest="from_step",
            metavar="STEP",
            help="keep the results of the steps before this one, and do not run them again",
        )
        parser.add_argument(
            "--input", metavar="JSON", help="another input: JSON, @file, or - for standard input"
        )
        parser.add_argument("--reason", default="", help="why; it is kept with the new run")

    def handle(self, *args: Any, **options: Any) -> None:
        earlier, given = run_named(options["run"]), options["input"]
        changed = None if given is None else json_given(given, "--input")
        with refusals_told():
            run = replay(
                earlier.id,
                actor=actor(),
                input=changed,
                from_step=options["from_step"],
                reason=options["reason"],
            )
        self.stdout.write(str(run.id))
