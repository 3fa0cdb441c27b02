"""Failures that are alike: read from the steps that stand still and from the attempts of a while."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, TruncHour
from django.utils import timezone

from aiops.execution import failure_hints
from aiops.execution.facts import STOPPED, told
from aiops.execution.verdict import StepFacts, verdict
from aiops.models import Attempt, FailureGroup, GroupState, Outcome, RunState, Step, StepState

#: Runs in which nothing stands still any more: they were given up, or ended well without it.
_OVER: tuple[str, ...] = (
    *(RunState.CANCELLING, RunState.CANCELLED, RunState.SUCCEEDED, RunState.PARTIAL),
)
#: How a try ends that failed; one that was parked or stopped on request did not.
_FAILED: tuple[str, ...] = (Outcome.FAILED, Outcome.LOST, Outcome.TIMED_OUT)

#: Not a decision of a person: all of it was retried since, by itself or by hand.
RECOVERED = "recovered"
_STATES: tuple[str, ...] = (*(GroupState.OPEN, RECOVERED, GroupState.IGNORED, GroupState.RESOLVED),)
HOURS = 24

#: The expression of the two indexes over what failed alike.
MARK = KeyTextTransform("fingerprint", "error")


@dataclass(frozen=True, slots=True)
class FailureGroupRow:
    """All failures of one fingerprint, as they are now."""

    fingerprint: str
    #: The error's message without what differs, and what to do about it.
    title: str
    hint: str
    #: The workflow with the most of them.
    workflow: str
    step: str
    word: str
    code: str
    #: How many steps, and of how many runs, stand still with it now.
    steps: int
    runs: int
    #: How many runs, by the verdict of these steps.
    verdicts: dict[str, int]
    #: When it was first seen, in all attempts that are kept; a list does not look so far back.
    first_at: datetime | None
    last_at: datetime | None
    #: Failed tries in each of the last 24 hours, the present one last.
    hours: list[int]
    #: "open", "recovered", "resolved" or "ignored".
    state: str
    owner: str


@dataclass(frozen=True, slots=True)
class _Standing:
    """Steps of one group in one workflow that are judged alike."""

    workflow: str
    facts: StepFacts
    steps: int
    runs: int
    #: The newest of them, and since when it stands still.
    step: UUID
    since: datetime


@dataclass(frozen=True, slots=True)
class _Hour:
    """The failed tries of one group in one hour."""

    tries: int
    #: The newest of them.
    attempt: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class _Example:
    workflow: str
    step: str
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Group:
    """What was found of one fingerprint, and what was decided about it."""

    mark: str
    standing: Sequence[_Standing]
    hours: Mapping[datetime, _Hour]
    decision: FailureGroup | None
    state: str

    @property
    def runs(self) -> int:
        return sum(one.runs for one in self.standing)

    @property
    def workflow(self) -> str:
        """The workflow with the most runs; "" for none."""
        runs: Counter[str] = Counter()
        for one in self.standing:
            runs[one.workflow] += one.runs
        return max(runs, key=lambda name: runs[name], default="")

    @property
    def last_at(self) -> datetime | None:
        tries = (one.last_at for one in self.hours.values())
        return max([*tries, *(one.since for one in self.standing)], default=None)

    @property
    def place(self) -> tuple[int, int, float]:
        """What is open comes first; of these what stops the most runs, then the newest."""
        last = self.last_at.timestamp() if self.last_at else 0.0
        return _STATES.index(self.state), -self.runs, -last


def groups(limit: int, *, since: datetime) -> list[FailureGroupRow]:
    """The groups that are open, and those that failed since then: what stops the most runs first.

    The trend is of the last 24 hours.
    """
    return _told(sorted(_found(_standing(), _by_hour(since)), key=lambda one: one.place)[:limit])


def group(fingerprint: str) -> FailureGroupRow | None:
    """One group, whatever its state; None when nothing of it is kept."""
    since = timezone.now() - timedelta(hours=HOURS)
    standing = _standing(fingerprint) or {fingerprint: []}
    found = _told(_found(standing, _by_hour(since, fingerprint)))
    if not found:
        return None
    span = failed_tries(fingerprint).aggregate(first=Min("finished_at"), last=Max("finished_at"))
    return replace(found[0], first_at=span["first"], last_at=span["last"] or found[0].last_at)


def stopped_steps(*fingerprints: str) -> QuerySet[Step]:
    """Steps that stand still with an error of these fingerprints, or of any.

    Of a map that stopped, these are its items.
    """
    mark = Q(mark__in=fingerprints) if fingerprints else Q(mark__gt="")
    return (
        Step.objects.filter(state__in=STOPPED)
        .exclude(run__state__in=_OVER)
        # As for verdicts: while a map moves, only an item that asks a person stands still.
        .filter(Q(map__isnull=True) | Q(state=StepState.ATTENTION) | Q(map__state__in=STOPPED))
        .alias(mark=MARK)
        .filter(mark)
    )


def failed_tries(*fingerprints: str) -> QuerySet[Attempt]:
    """Tries that failed with an error of these fingerprints, or of any."""
    mark = Q(mark__in=fingerprints) if fingerprints else Q(mark__gt="")
    failed = Attempt.objects.filter(error__isnull=False, outcome__in=_FAILED)
    return failed.alias(mark=MARK).filter(mark)


def state_now(decision: FailureGroup | None, failed: Mapping[int, datetime], now: datetime) -> str:
    """What a decision is worth now: "open", "resolved" or "ignored".

    `failed` tells when a try of each version of its workflow last failed with it.
    """
    if decision is None or decision.state == GroupState.OPEN:
        return GroupState.OPEN
    if decision.state == GroupState.IGNORED:
        until = decision.ignored_until
        return GroupState.IGNORED if until and until > now else GroupState.OPEN
    least = decision.resolved_in or 0
    again = any(v >= least and at > decision.decided_at for v, at in failed.items())
    return GroupState.OPEN if again else GroupState.RESOLVED


def trend(hours: Mapping[datetime, int], now: datetime) -> list[int]:
    """The counts of the last 24 hours, the present hour last."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return [hours.get(last - timedelta(hours=back), 0) for back in range(HOURS - 1, -1, -1)]


def _found(
    standing: Mapping[str, Sequence[_Standing]], hours: Mapping[str, Mapping[datetime, _Hour]]
) -> list[_Group]:
    marks, now = list(standing.keys() | hours.keys()), timezone.now()
    decisions = {one.fingerprint: one for one in FailureGroup.objects.filter(pk__in=marks)}
    failed, found = _failed_since(decisions.values()), []
    for mark in marks:
        decision, steps = decisions.get(mark), standing.get(mark, ())
        state = state_now(decision, failed.get(mark, {}), now)
        if state == GroupState.OPEN and not steps:
            state = RECOVERED
        found.append(_Group(mark, steps, hours.get(mark, {}), decision, state))
    return found


def _told(found: Sequence[_Group]) -> list[FailureGroupRow]:
    examples, now = _examples(found), timezone.now()
    return [_row(one, examples[one.mark], now) for one in found if one.mark in examples]


def _row(found: _Group, example: _Example, now: datetime) -> FailureGroupRow:
    word, code = str(example.error.get("word") or ""), str(example.error.get("code") or "")
    return FailureGroupRow(
        fingerprint=found.mark,
        title=failure_hints.title(example.error),
        hint=failure_hints.hint(word, code),
        workflow=found.workflow or example.workflow,
        step=example.step,
        word=word,
        code=code,
        steps=sum(one.steps for one in found.standing),
        runs=found.runs,
        verdicts=_verdicts(found.standing, word),
        first_at=None,
        last_at=found.last_at,
        hours=trend({hour: one.tries for hour, one in found.hours.items()}, now),
        state=found.state,
        owner=found.decision.owner if found.decision else "",
    )


def _verdicts(standing: Sequence[_Standing], word: str) -> dict[str, int]:
    """How many runs are judged how; the word is the same for all errors of one fingerprint."""
    found: Counter[str] = Counter()
    for one in standing:
        found[verdict(replace(one.facts, word=word)).key] += one.runs
    return dict(found)


def _standing(*marks: str) -> dict[str, list[_Standing]]:
    """The steps that stand still, grouped by what their verdict is made of: each judged once."""
    rows = (
        stopped_steps(*marks)
        # Each look into an error unpacks the whole of it: as few as possible.
        .annotate(mark=MARK, sent=told("sent"))
        .values_list(
            *("mark", "run__workflow", "effect", "state", "kind", "reason", "in_doubt", "sent")
        )
        .annotate(
            number=Count("id"),
            runs=Count("run_id", distinct=True),
            # An id begins with its time; as text, because not every PostgreSQL compares ids.
            newest=Max(Cast("id", TextField())),
            last=Max("since"),
        )
        .order_by()
    )
    found: dict[str, list[_Standing]] = {}
    for mark, workflow, effect, state, kind, reason, in_doubt, sent, *counted in rows:
        facts = StepFacts(
            effect=effect,
            state=state,
            kind=kind,
            reason=reason,
            outcome="failed",
            sent=sent,
            in_doubt=in_doubt,
        )
        number, runs, newest, since = counted
        one = _Standing(workflow, facts, number, runs, UUID(newest), since)
        found.setdefault(mark, []).append(one)
    return found


def _by_hour(since: datetime, *marks: str) -> dict[str, dict[datetime, _Hour]]:
    rows = (
        failed_tries(*marks)
        .filter(finished_at__gte=since)
        .values_list(MARK, TruncHour("finished_at", tzinfo=UTC))
        .annotate(number=Count("id"), newest=Max("id"), last=Max("finished_at"))
        .order_by()
    )
    found: dict[str, dict[datetime, _Hour]] = {}
    for mark, hour, number, newest, last in rows:
        found.setdefault(mark, {})[hour] = _Hour(number, newest, last)
    return found


def _examples(found: Sequence[_Group]) -> dict[str, _Example]:
    """The newest failed try of the day, or a step that stands still; else the newest try at all."""
    tries = {max(hour.attempt for hour in one.hours.values()) for one in found if one.hours}
    steps = {max(s.step for s in one.standing) for one in found if one.standing and not one.hours}
    rest = [one.mark for one in found if not one.hours and not one.standing]
    columns = ("run__workflow", "step__name", "error")
    rows = [
        *(Attempt.objects.filter(id__in=tries).values_list(*columns) if tries else ()),
        *(_newest(rest) if rest else ()),
        *(Step.objects.filter(id__in=steps).values_list("run__workflow", "name", "error")),
    ]
    return {row[2]["fingerprint"]: _Example(*row) for row in rows if row[2]}


def _newest(marks: Sequence[str]) -> Iterator[tuple[str, str, Any]]:
    """The newest failed try of each."""
    tries = failed_tries(*marks).annotate(mark=MARK).order_by("mark", "-finished_at")
    columns = ("mark", "run__workflow", "step__name", "error")
    for _, *row in tries.distinct("mark").values_list(*columns):
        yield row[0], row[1], row[2]


def _failed_since(decisions: Iterable[FailureGroup]) -> dict[str, dict[int, datetime]]:
    """When each version last failed with what was resolved, after that."""
    resolved = [one for one in decisions if one.state == GroupState.RESOLVED]
    if not resolved:
        return {}
    rows = (
        failed_tries(*(one.fingerprint for one in resolved))
        .filter(finished_at__gt=min(one.decided_at for one in resolved))
        .values_list(MARK, "run__version__version")
        .annotate(last=Max("finished_at"))
        .order_by()
    )
    found: dict[str, dict[int, datetime]] = {}
    for mark, version, last in rows:
        found.setdefault(mark, {})[version] = last
    return found
