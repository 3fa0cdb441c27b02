"""Look at schedules, and steer them by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from aiops.execution.resume import NotPossible
from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.models import Schedule
from aiops.models import schedule_moves as moves
from aiops.upkeep import backfills, beat, schedules
from aiops.upkeep.backfills import MOST, MOST_AT_ONCE, Wanted
from aiops.upkeep.schedule_checks import next_times
from aiops.upkeep.schedule_times import TimesRefused, in_words

_REASON = "why; it stays with the schedule and in the audit"


class Command(OperatorCommand):
    help = "List schedules, show when one is due, pause or resume it, run it now, or back-fill it."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        verbs.add_parser("list", help="every schedule, when it is due, and how it stands")
        following = _verb(verbs, "next", "when it is due next")
        following.add_argument("--number", type=int, default=5)
        for name, told in (
            ("pause", "start nothing at its due times"),
            ("resume", "go on from now"),
            ("run", "start one run now"),
        ):
            _verb(verbs, name, told).add_argument("--reason", required=True, help=_REASON)
        backfill = _verb(verbs, "backfill", "start what is left of a range of due times")
        backfill.add_argument("--from", dest="from_at", required=True, metavar="TIME", help="ISO")
        backfill.add_argument("--to", dest="to_at", metavar="TIME", help="ISO; now without it")
        backfill.add_argument("--at-once", type=int, default=2, help=f"up to {MOST_AT_ONCE} (2)")
        backfill.add_argument("--most", type=int, default=100, help=f"up to {MOST} (100)")
        backfill.add_argument("--reason", default="", help=_REASON)
        backfill.add_argument("--dry-run", action="store_true", help="only say what it would start")

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals_told():
            if options["verb"] == "list":
                self._list()
                return
            schedule = _named(options["name"])
            match options["verb"]:
                case "next":
                    self._next(schedule, options["number"])
                case "backfill":
                    self._backfill(schedule, options)
                case verb:
                    self.stdout.write(_do(schedule, verb, options["reason"]))

    def _list(self) -> None:
        for schedule in _all():
            state = f"paused: {schedule.paused_why}" if schedule.paused_at else "active"
            told = in_words(schedule)
            self.stdout.write(f"{schedule.name}  {schedule.workflow}  {told}  {state}")
        found = beat.pulse(timezone.now())
        if trouble := beat.trouble(found):
            self.stderr.write(self.style.ERROR(f"{trouble}. {beat.advice(found)}"))

    def _next(self, schedule: Schedule, number: int) -> None:
        self.stdout.write(in_words(schedule))
        try:
            for moment in next_times(schedule, timezone.now(), number):
                self.stdout.write(f"  {moment:%Y-%m-%d %H:%M:%S} UTC")
        except TimesRefused as error:
            raise NotPossible(str(error)) from None
        if schedule.paused_at:
            self.stdout.write("It is paused: nothing is started at these times.")

    def _backfill(self, schedule: Schedule, options: dict[str, Any]) -> None:
        wanted = Wanted(
            from_at=_moment(options["from_at"]),
            to_at=_moment(options["to_at"]) if options["to_at"] else timezone.now(),
            at_once=options["at_once"],
            most=options["most"],
        )
        if not options["dry_run"]:
            made = backfills.make(schedule.id, wanted, actor=actor(), reason=options["reason"])
            number = made.occurrences.count()
            self.stdout.write(f"{number} runs will be started, {wanted.at_once} at a time.")
            return
        planned = backfills.plan(schedule, wanted)
        span = ""
        if planned.moments:
            ends = (planned.moments[0], planned.moments[-1])
            span = ", " + " to ".join(f"{one:%Y-%m-%d %H:%M:%S}" for one in ends) + " UTC"
        self.stdout.write(f"{len(planned.moments)} runs would be started{span}.")


def _verb(verbs: Any, name: str, told: str) -> Any:
    found = verbs.add_parser(name, help=told)
    found.add_argument("name", metavar="NAME", help="the schedule; manage.py schedule list")
    return found


def _all() -> Any:
    return Schedule.objects.select_related("crontab", "interval", "clocked")


def _named(name: str) -> Schedule:
    found: Schedule | None = _all().filter(name=name).first()
    if found is None:
        raise CommandError(f"there is no schedule {name!r}: manage.py schedule list shows them")
    return found


def _do(schedule: Schedule, verb: str, reason: str) -> str:
    given = {"actor": actor(), "reason": reason}
    if verb == "run":
        return f"{schedules.run_now(schedule.id, **given).id}"
    if verb == "pause" and not moves.pause(schedule, **given):
        raise NotPossible(f"{schedule.name} is paused already")
    if verb == "resume" and not moves.resume(schedule, **given):
        raise NotPossible(f"{schedule.name} is not paused")
    return f"Schedule {schedule.name} is {'paused' if verb == 'pause' else 'resumed'}."


def _moment(text: str) -> datetime:
    """A time of the command line, in UTC unless it says otherwise."""
    try:
        found = parse_datetime(text) or datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no time: write 2026-03-01T06:00 or 2026-03-01") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
