"""Run the worker of one or more pools, as `aiops/pools.py` declares them."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from aiops.pools import POOLS


class Command(BaseCommand):
    help = "Run the Celery worker of a pool."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pool", choices=sorted(POOLS), help="the pool to serve")

    def handle(self, *args: Any, **options: Any) -> None:
        pool = POOLS[options["pool"]]
        command = [sys.executable, "-m", *pool.arguments]
        try:
            os.execv(sys.executable, command)
        except OSError as error:
            raise CommandError(f"cannot start {' '.join(command)}: {error}") from error
