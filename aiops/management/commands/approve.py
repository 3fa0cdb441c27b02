"""Approve or reject what a run asks for."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from aiops.execution.answer import answer
from aiops.management.acting import OperatorCommand, actor, refusals_told, still_open
from aiops.management.finding import approval_named


class Command(OperatorCommand):
    help = "Answer the approval that a run waits for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", metavar="RUN_or_ESCALATION", help="the start of either's id")
        parser.add_argument("--reject", action="store_true", help="say no instead of yes")
        parser.add_argument("--note", default="", help="why; required for a rejection")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["reject"] and not options["note"]:
            raise CommandError("a rejection needs its reason: add --note '...'")
        asked = approval_named(options["what"])
        if asked.kind != "approval":
            raise CommandError(
                f"{asked.question!r} is no approval: manage.py answer {asked.id} "
                f"{'|'.join(asked.answers)}"
            )
        choice = "reject" if options["reject"] else "approve"
        with refusals_told():
            answered = answer(
                asked.id,
                choice,
                actor=actor(),
                note=options["note"],
                shown_hash=asked.shown_hash,
            )
        done = "Rejected" if options["reject"] else "Approved"
        self.stdout.write(f"{done}: {asked.question} (run {asked.run_id}){still_open(answered)}")
