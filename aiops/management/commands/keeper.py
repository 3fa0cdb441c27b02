"""Run a keeper."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from aiops.upkeep.keeper import Keeper


class Command(BaseCommand):
    help = "Publish what was accepted, wake what is due, recover what was lost. Run one or more."

    def handle(self, *args: Any, **options: Any) -> None:
        keeper = Keeper()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: keeper.stop.set())
        keeper.run()
