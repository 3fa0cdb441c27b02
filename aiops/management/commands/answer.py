"""Answer an escalation."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from aiops.execution.answer import answer
from aiops.management.acting import OperatorCommand, actor, refusals_told, still_open
from aiops.management.finding import escalation_named, json_given

#: Answers that bring the step's result along.
_WITH_RESULT = ("supply", "it_happened")


class Command(OperatorCommand):
    help = "Answer a question that only a person can answer; manage.py show RUN lists the answers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("escalation", help="its id, or the start of it")
        parser.add_argument("choice", help="one of the answers it allows")
        parser.add_argument(
            "--result", metavar="JSON", help="for supply and it_happened: the step's result"
        )
        parser.add_argument("--note", default="", help="why; it is kept with the answer")

    def handle(self, *args: Any, **options: Any) -> None:
        choice, given = options["choice"], options["result"]
        asked = escalation_named(options["escalation"])
        if given is not None and choice not in _WITH_RESULT:
            raise CommandError(f"{choice} takes no --result: only {' and '.join(_WITH_RESULT)} do")
        if given is None and choice == "supply":
            raise CommandError("supply gives the step's result: add --result JSON")
        result = None if given is None else json_given(given, "--result")
        with refusals_told():
            answered = answer(asked.id, choice, actor=actor(), note=options["note"], result=result)
        told = f"Answered {choice}: {asked.question} (run {asked.run_id}){still_open(answered)}"
        self.stdout.write(told)
