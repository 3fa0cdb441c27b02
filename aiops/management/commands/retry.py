"""Run failed steps of a run again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from aiops.execution import resume
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.management.finding import run_named


class Command(OperatorCommand):
    help = "Run failed steps again (all, or those named), or everything from one step on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", help="its id, or the start of it")
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--step", action="append", metavar="NAME", help="only this one; may be repeated"
        )
        which.add_argument(
            "--from", dest="from_step", metavar="STEP", help="this one and all after it"
        )
        parser.add_argument("--reason", default="", help="why; it is kept with the run")
        parser.add_argument(
            "--override",
            action="store_true",
            help="with --from: repeat also what went out already (mail, payments)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        run, reason = run_named(options["run"]), options["reason"]
        if options["override"] and not (options["from_step"] and reason):
            raise CommandError(
                "--override repeats what went out already: it needs --from STEP and a --reason"
            )
        with refusals_told():
            if options["from_step"]:
                names = resume.retry_from(
                    run.id,
                    options["from_step"],
                    actor=actor(),
                    reason=reason,
                    override=options["override"],
                )
            else:
                names = resume.retry(run.id, actor=actor(), names=options["step"], reason=reason)
        self.stdout.write(f"Run {run.id} runs again: {', '.join(names)}.")
