"""Retry, cancel or escalate many runs at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from aiops.execution import bulk, choose
from aiops.execution.bulk_plan import MOST_RUNS, VERBS, Choice, make
from aiops.execution.verdict import WORDS
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.models import BulkJob, BulkOutcome


class Command(OperatorCommand):
    help = (
        "Retry, cancel or escalate the runs that a filter means, as the console does. Without "
        "--yes it only tells what would be done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=(*VERBS, "stop", "show"))
        parser.add_argument(
            "filter",
            help="the query of the list of runs, as view=failed&workflow=NAME; for stop and show, "
            "the id of the job",
        )
        parser.add_argument("--yes", action="store_true", help="do it; without, it is a dry run")
        parser.add_argument("--reason", default="", help="why; it is kept with each run")
        parser.add_argument("--person", default="", help="with escalate: whom to ask")
        parser.add_argument(
            "--number", default="", help=f"how many runs; needed for more than {bulk.UNTYPED}"
        )
        parser.add_argument(
            "--mended",
            action="store_true",
            help="what was wrong is mended: retry also what would fail the same way otherwise",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals_told():
            match options["verb"]:
                case "show":
                    self._told(_job(options["filter"]))
                case "stop":
                    why = options["reason"] or "No reason given"
                    self._told(bulk.stop(_job(options["filter"]).id, actor=actor(), why=why))
                case verb:
                    self._plan(verb, options)

    def _plan(self, verb: str, options: dict[str, Any]) -> None:
        job = make(_choice(verb, options["filter"]))
        self._split(job)
        if not options["yes"]:
            job.delete()
            self.stdout.write("A dry run: nothing was done. Add --yes to do it.")
            return
        given = bulk.Confirmed(
            actor=actor(),
            reason=options["reason"],
            typed=options["number"],
            person=options["person"],
            is_mended=options["mended"],
        )
        self.stdout.write(f"Job {bulk.confirm(job.id, given).id} begins with the first few runs.")

    def _split(self, job: BulkJob) -> None:
        rows = job.items.order_by("place").values_list("outcome", "verdict", "note")
        parts: dict[str, int] = {}
        for outcome, verdict, note in rows:
            told = "go ahead" if outcome == BulkOutcome.READY else _left_out(verdict, note)
            parts[told] = parts.get(told, 0) + 1
        self.stdout.write(f"{job.verb}: {job.chosen}")
        for told, number in parts.items():
            self.stdout.write(f"{number:>6}  {told}")

    def _told(self, job: BulkJob) -> None:
        why = f" ({job.stopped_why})" if job.stopped_why else ""
        self.stdout.write(f"{job.verb}: {job.chosen}\n{job.get_state_display()}{why}")
        for outcome, number in bulk.counts(job).items():
            self.stdout.write(f"{number:>6}  {BulkOutcome(outcome).label.lower()}")


def _left_out(verdict: str, note: str) -> str:
    return f"left out, {WORDS[verdict].lower()}" if verdict else f"left out: {note}"


def _choice(verb: str, query: str) -> Choice:
    params = dict(parse_qsl(query, keep_blank_values=True))
    if choose.is_empty(params):
        raise CommandError(
            f"{query!r} would mean every run there is: give a filter, as view=failed&workflow=NAME"
        )
    try:
        found = choose.chosen(params).order_by("created_at").values_list("id", flat=True)
        told = choose.in_words(params)
    except choose.WrongFilter as error:
        raise CommandError(str(error)) from None
    # One more than is taken tells that there are too many.
    return Choice(
        verb=verb, runs=list(found[: MOST_RUNS + 1]), actor=actor(), told=told, query=query
    )


def _job(text: str) -> BulkJob:
    try:
        return BulkJob.objects.get(id=UUID(text))
    except (ValueError, BulkJob.DoesNotExist):
        raise CommandError(f"there is no bulk job {text}: give the whole id of one") from None
