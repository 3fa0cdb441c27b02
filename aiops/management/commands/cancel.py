"""Cancel a run."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from aiops.execution import cancel
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.management.finding import run_named


class Command(OperatorCommand):
    help = "Stop a run. What is done is kept, and what has gone out stays out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", help="its id, or the start of it")
        parser.add_argument("--reason", required=True, help="why; the run keeps it")
        parser.add_argument(
            "--now", action="store_true", help="take running steps away instead of asking them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = run_named(options["run"])
        with refusals_told():
            run = cancel.cancel(
                found.id, reason=options["reason"], actor=actor(), now=options["now"]
            )
        run.refresh_from_db(fields=["state"])
        self.stdout.write(f"Run {run.id} is {run.get_state_display().lower()}.")
