"""List runs."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet
from django.utils import timezone

from aiops.execution import judge
from aiops.execution.verdict import Verdict
from aiops.management.acting import OperatorCommand
from aiops.management.telling import paint, span
from aiops.models import Run, RunState
from aiops.models.run import ENDED

#: States in which somebody should look.
NEEDS_YOU = (RunState.FAILED, RunState.ATTENTION)


def count(text: str) -> int:
    """A number of rows, for argparse."""
    if not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise ArgumentTypeError(f"{text!r} is no number of runs: give 1 to 10000")
    return int(text)


def hours(text: str) -> float:
    """A length of time in hours, for argparse."""
    try:
        found = float(text)
    except ValueError:
        found = -1
    # A century is enough, and a database's dates end somewhere.
    if not 0 < found <= 876_000:
        raise ArgumentTypeError(f"{text!r} is no number of hours: give 24, or 0.5")
    return found


class Command(OperatorCommand):
    help = "List runs, the newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--state", action="append", choices=RunState.values, metavar="STATE")
        which.add_argument("--needs-you", action="store_true", help="failed, or needs attention")
        which.add_argument("--open", action="store_true", help="not ended")
        parser.add_argument("--workflow")
        parser.add_argument("--tenant")
        parser.add_argument("--key")
        parser.add_argument("--since-h", type=hours, help="created in the last so many hours")
        parser.add_argument("--limit", type=count, default=25, help="at most so many (25)")
        parser.add_argument("--json", action="store_true", help="as JSON, one run a line")

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(_chosen(options)[: options["limit"]])
        verdicts = judge.verdicts_of([run.id for run in found])
        for run in found:
            judged = verdicts.get(run.id)
            line = _entry(run, judged) if options["json"] else self._line(run, judged)
            self.stdout.write(line)
        if not found and not options["json"]:
            self.stderr.write("No run matches.")

    def _line(self, run: Run, judged: Verdict | None) -> str:
        state = paint(self.style, run.state)(f"{run.get_state_display():<20}")
        age = span((timezone.now() - run.created_at).total_seconds())
        word = paint(self.style, judged.key)(f"  {judged.word}") if judged else ""
        told = "  ".join(text for text in (run.title, run.reason) if text)
        return f"{run.id}  {state}  {run.workflow:<24}  {age:>12} ago{word}  {told}".rstrip()


def _chosen(options: dict[str, Any]) -> QuerySet[Run]:
    runs = Run.objects.defer("input", "metadata").order_by("-created_at")
    if options["state"]:
        runs = runs.filter(state__in=options["state"])
    if options["needs_you"]:
        runs = runs.filter(state__in=NEEDS_YOU)
    if options["open"]:
        runs = runs.exclude(state__in=ENDED)
    if options["since_h"]:
        runs = runs.filter(created_at__gte=timezone.now() - timedelta(hours=options["since_h"]))
    named = {name: options[name] for name in ("workflow", "tenant", "key") if options[name]}
    return runs.filter(**named)


def _entry(run: Run, judged: Verdict | None) -> str:
    return json.dumps(
        {
            "run_id": str(run.id),
            "workflow": run.workflow,
            "tenant": run.tenant,
            "key": run.key,
            "title": run.title,
            "state": run.state,
            "reason": run.reason,
            "since": run.since.isoformat(),
            "created_at": run.created_at.isoformat(),
            "verdict": judged.key if judged else None,
        }
    )
