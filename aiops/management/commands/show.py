"""Show a run: the five answers."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from aiops.execution.answers import five_answers
from aiops.management.acting import OperatorCommand
from aiops.management.finding import run_named
from aiops.management.telling import told

#: How often `--watch` looks.
LOOK_S = 1.0

#: Moves the cursor to the top and clears what is below it.
CLEAR = "\x1b[H\x1b[J"


class Command(OperatorCommand):
    help = "Show where a run stands, what is done, what may be retried, and what the user sees."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", help="its id, or the start of it")
        parser.add_argument("--json", action="store_true", help="the answers as JSON")
        parser.add_argument("--watch", action="store_true", help="until it ends, or Ctrl-C")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["json"] and options["watch"]:
            raise CommandError("--json and --watch do not go together: leave one of them out")
        run_id = run_named(options["run"]).id
        if options["watch"]:
            self._watch(run_id)
            return
        answers = five_answers(run_id)
        text = json.dumps(answers, indent=2) if options["json"] else told(answers, self.style)
        self.stdout.write(text)

    def _watch(self, run_id: UUID) -> None:
        clear = CLEAR if self.stdout.isatty() else ""
        try:
            while True:
                answers = five_answers(run_id)
                self.stdout.write(f"{clear}{told(answers, self.style)}\n")
                if answers["state"]["is_ended"]:
                    return
                pause()
        except KeyboardInterrupt:
            return


def pause() -> None:
    time.sleep(LOOK_S)
