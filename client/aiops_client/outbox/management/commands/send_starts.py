"""Send the starts that are owed, until it is stopped."""

from __future__ import annotations

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import OperationalError, close_old_connections

from aiops_client.outbox import sending


class Command(BaseCommand):
    help = "Start the runs that committed transactions owe; several may run at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due, then end")
        parser.add_argument("--every", type=float, default=1.0, help="seconds between two looks")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        with sending.client() as asks:
            while not stop.is_set():
                try:
                    if taken := sending.send_due(asks):
                        self.stdout.write(f"started {taken}")
                except OperationalError as error:
                    # The rows wait; the database will be back.
                    self.stderr.write(f"no database: {error}")
                    close_old_connections()
                if options["once"]:
                    return
                stop.wait(options["every"])
