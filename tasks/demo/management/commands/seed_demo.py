"""Fill a development database with pretended work, through the real engine."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from aiops.models import Node
from tasks.demo.rehearsal import Rehearsal
from tasks.demo.timetable import make_schedules


class Command(BaseCommand):
    help = "Start pretended runs for every state that the console can show, and act on some of them"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--runs", type=int, default=60, help="how many runs (60)")
        parser.add_argument("--seed", type=int, default=1, help="another play for each number (1)")
        parser.add_argument(
            "--patience",
            type=float,
            default=90.0,
            metavar="S",
            help="act on runs as they become ready, for so many seconds at most (90); 0: only start",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["runs"] < 1:
            raise CommandError("--runs takes a number above 0.")
        self.stdout.write(f"{make_schedules()} schedules were made.")
        rehearsal = Rehearsal(say=self.stdout.write)
        number = rehearsal.start(options["runs"], seed=options["seed"])
        self.stdout.write(f"{number} runs were accepted.")
        recent = timezone.now() - timedelta(seconds=30)
        if not Node.objects.filter(role="worker", seen_at__gt=recent).exists():
            self.stdout.write("No worker is up: `make run` in another terminal works on them.")
            return
        left = rehearsal.act(options["patience"])
        if left:
            self.stdout.write(f"{left} were not ready to be acted on in time.")
