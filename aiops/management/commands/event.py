"""Hand in an event from outside."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from aiops.execution.receive import receive
from aiops.management.acting import OperatorCommand, refusals_told
from aiops.management.finding import json_given


class Command(OperatorCommand):
    help = "Hand in an event that a run waits for, or will wait for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the event's name, as in wait_for('order.paid', ...)")
        parser.add_argument("--match", default="", help="whose event it is, such as an order's id")
        parser.add_argument("--payload", default="{}", help="its data: JSON, @file, or -")
        parser.add_argument("--id", required=True, help="the sender's id of it: twice is once")
        parser.add_argument("--tenant", default="default")

    def handle(self, *args: Any, **options: Any) -> None:
        payload = json_given(options["payload"], "--payload")
        with refusals_told():
            signal = receive(
                options["name"],
                payload,
                source_id=options["id"],
                match=options["match"],
                tenant=options["tenant"],
            )
        known = f", known already ({signal.duplicates} times again)" if signal.duplicates else ""
        self.stdout.write(f"Event {signal} is kept{known}.")
