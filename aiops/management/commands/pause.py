"""Pause a run, a pool or a workflow."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from aiops.execution import pausing, resume
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.management.aiming import aim, aims
from aiops.management.finding import run_named


class Command(OperatorCommand):
    help = (
        "Start no further step of a run, a pool or a workflow; what runs, finishes. "
        "manage.py resume goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        aims(parser)
        parser.add_argument("--reason", default="", help="why; whoever waits for it is told")

    def handle(self, *args: Any, **options: Any) -> None:
        what, name = aim(options)
        with refusals_told():
            if what == "run":
                run = run_named(name)
                resume.pause(run.id, actor=actor(), reason=options["reason"])
                name = str(run.id)
            else:
                pausing.pause(what, name, actor=actor(), reason=options["reason"])
        self.stdout.write(f"{what.capitalize()} {name} is paused.")
