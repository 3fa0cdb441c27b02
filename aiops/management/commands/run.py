"""Start a run of a workflow."""

from __future__ import annotations

import time
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError, CommandParser

from aiops.execution.answers import five_answers
from aiops.execution.start import IfExists, start_run
from aiops.management.acting import actor, refusals_told
from aiops.management.finding import json_given
from aiops.management.telling import told
from aiops.models import Priority, Run, RunState

#: How often `--wait` looks.
LOOK_S = 0.5

FAILED = 1
NEEDS_A_PERSON = 3
TOOK_TOO_LONG = 4


class Command(BaseCommand):
    help = (
        "Start a run, and print its id. With --wait, exit with 0 when it has succeeded, 1 when it "
        "has failed or was cancelled, 3 when only a person can move it on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workflow", help="its name; manage.py listworkflows shows them")
        parser.add_argument(
            "--input", default="{}", metavar="JSON", help="JSON, @file, or - for standard input"
        )
        parser.add_argument("--key", help="the caller's name for this piece of work: one run each")
        parser.add_argument("--tenant", default="default")
        parser.add_argument("--title", default="", help="what the user and operators read")
        parser.add_argument("--priority", choices=Priority.values, default=Priority.INTERACTIVE)
        parser.add_argument(
            "--if-exists",
            choices=get_args(IfExists),
            default="return",
            help="what to do when the key has a run already",
        )
        parser.add_argument("--wait", action="store_true", help="wait for its end, and show it")
        parser.add_argument(
            "--timeout-s", type=float, default=0, help="with --wait: give up after this (0: never)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        given = json_given(options["input"], "--input")
        with refusals_told():
            run = start_run(
                options["workflow"],
                given,
                key=options["key"],
                tenant=options["tenant"],
                title=options["title"],
                priority=options["priority"],
                if_exists=options["if_exists"],
                started_by=actor(),
            )
        self.stdout.write(str(run.id))
        if not run.is_new:
            self.stderr.write(f"The key {run.key!r} had this run already; nothing was started.")
        if options["wait"]:
            self._wait(run, options["timeout_s"])

    def _wait(self, run: Run, timeout_s: float) -> None:
        give_up = time.monotonic() + timeout_s if timeout_s > 0 else None
        while True:
            answers = five_answers(run.id)
            if answers["state"]["is_ended"] or answers["person"]["total"]:
                break
            if give_up is not None and time.monotonic() > give_up:
                raise CommandError(
                    f"run {run.id} is {answers['state']['word'].lower()} after {timeout_s:g} s, "
                    "and goes on: manage.py show tells where it is",
                    returncode=TOOK_TOO_LONG,
                )
            pause()
        self.stdout.write(told(answers, self.style))
        self._conclude(run, answers["state"])

    def _conclude(self, run: Run, state: dict[str, Any]) -> None:
        if not state["is_ended"]:
            raise CommandError(
                "only a person can move it on: see 4 above", returncode=NEEDS_A_PERSON
            )
        if state["key"] not in (RunState.SUCCEEDED, RunState.PARTIAL):
            raise CommandError(
                f"run {run.id} is {state['word'].lower()}: {state['reason'] or 'see 3 above'}",
                returncode=FAILED,
            )


def pause() -> None:
    time.sleep(LOOK_S)
