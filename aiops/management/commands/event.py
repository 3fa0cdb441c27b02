"""Hand in an event from outside."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from aiops.execution.incoming import Incoming
from aiops.execution.receive import take_in
from aiops.execution.what_became import told
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.management.finding import json_given


class Command(OperatorCommand):
    help = "Hand in an event: it starts runs by triggers, or wakes a run that waits for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the event's name, as in wait_for('order.paid', ...)")
        parser.add_argument("--match", default="", help="whose event it is, such as an order's id")
        parser.add_argument("--subject", default="", help="what it is about; --match unless given")
        parser.add_argument("--source", default="", help="who sent it, such as /shop/orders")
        parser.add_argument("--payload", default="{}", help="its data: JSON, @file, or -")
        parser.add_argument("--id", required=True, help="the sender's id of it: twice is once")
        parser.add_argument("--tenant", default="default")

    def handle(self, *args: Any, **options: Any) -> None:
        payload = json_given(options["payload"], "--payload")
        event = Incoming(
            name=options["name"],
            payload=payload,
            source=options["source"],
            source_id=options["id"],
            match=options["match"] or options["subject"],
            subject=options["subject"],
            tenant=options["tenant"],
            actor=actor(),
        )
        with refusals_told():
            signal = take_in(event)
        found = told(signal)
        known = f"known already ({signal.duplicates} times again). " if not signal.is_new else ""
        self.stdout.write(f"Event {signal}: {known}{found['told']}")
        for run in found["run_ids"]:
            self.stdout.write(f"  run {run}")
        for error in found["errors"]:
            self.stdout.write(f"  {error['trigger']} could not start: {error['message']}")
