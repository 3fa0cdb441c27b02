"""Let a paused run, pool or workflow go on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from aiops.execution import pausing, resume
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.management.aiming import aim, aims
from aiops.management.finding import run_named


class Command(OperatorCommand):
    help = "Let a paused run, pool or workflow go on. For a failed run, say manage.py retry."

    def add_arguments(self, parser: CommandParser) -> None:
        aims(parser)
        parser.add_argument("--reason", default="", help="why; it is kept in the record")

    def handle(self, *args: Any, **options: Any) -> None:
        what, name = aim(options)
        with refusals_told():
            if what == "run":
                run = run_named(name)
                resume.resume(run.id, actor=actor(), reason=options["reason"])
                name = str(run.id)
            else:
                pausing.go_on(what, name, actor=actor(), reason=options["reason"])
        self.stdout.write(f"{what.capitalize()} {name} goes on.")
