"""The plan of a bulk job: a list of runs, frozen, and what would become of each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Avg, Count, Q, Sum
from django.utils import timezone

from aiops.execution import judge, offers
from aiops.execution.answers import refusal
from aiops.execution.facts import STOPPED
from aiops.execution.failures import MARK
from aiops.execution.payloads import dumps
from aiops.execution.resume import NotPossible
from aiops.execution.verdict import Verdict
from aiops.models import (
    Attempt,
    BulkItem,
    BulkJob,
    BulkOutcome,
    BulkState,
    Escalation,
    EscalationState,
    Run,
    Step,
    StepState,
)

#: The verbs that may be done to many runs at once. What needs a look at each run is not among them.
VERBS: tuple[str, ...] = ("retry", "cancel", "escalate")
#: A job has at most so many runs.
MOST_RUNS = 5_000
#: A plan may be confirmed for so long: the longer it lies, the more runs have changed.
LASTS = timedelta(minutes=10)
#: At most so many causes are looked for when the first runs go ahead.
MOST_FINGERPRINTS = 500

_NOTE_CHARS = 300
_NOTHING_TO_ASK = "Nothing has failed that nobody is asked about."


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a run stands, as far as a verb touches it: what must not move before it is done."""

    run: Run
    #: The steps in question by name, kind, state and cause: how many, their claims and reruns.
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def fingerprint(self) -> str:
        run = self.run
        seen = [str(run.finished_at), str(run.cancel_requested_at), sorted(self.rows)]
        return hashlib.sha256(dumps(seen).encode()).hexdigest()[:32]

    @property
    def stopped(self) -> list[str]:
        """The steps of the plan that have stopped."""
        return sorted({row[0] for row in self.rows if row[1] != "item" and row[2] in STOPPED})

    @property
    def causes(self) -> set[str]:
        return {row[3] for row in self.rows if row[3]}

    @property
    def repeats(self) -> int:
        """How many steps, or items of maps, a retry runs again."""
        items = {row[0] for row in self.rows if row[1] == "item"}
        rows = (r for r in self.rows if r[1] == "item" or r[0] not in items)
        return sum(int(row[4]) for row in rows)


@dataclass(frozen=True, slots=True)
class Fate:
    """What is planned for one run."""

    outcome: str
    verdict: str = ""
    #: The steps that run again; or why it is left out.
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody wants to do, and to which runs."""

    verb: str
    runs: Sequence[UUID]
    actor: str
    #: In words, and the query of the list that it was chosen from.
    told: str
    query: str = ""


def make(choice: Choice) -> BulkJob:
    """Freeze a list of runs and plan a verb for each; nothing is done to any of them.

    Raises NotPossible, with what to do instead.
    """
    if choice.verb not in VERBS:
        raise NotPossible(
            f"{choice.verb} cannot be done to many runs at once: open them one by one"
        )
    if not choice.runs:
        raise NotPossible(
            "no run was chosen: tick runs of the list, or take a filter that finds some"
        )
    if len(choice.runs) > MOST_RUNS:
        raise NotPossible(
            f"{len(choice.runs):,} runs are too many: one job takes {MOST_RUNS:,}. Narrow the filter"
        )
    with transaction.atomic():
        # What was never confirmed is in nobody's way any more.
        BulkJob.objects.filter(state=BulkState.PLANNED, expires_at__lt=timezone.now()).delete()
        return _frozen(choice)


def stands(verb: str, run_ids: Sequence[UUID]) -> dict[UUID, Stand]:
    """Where runs stand now: two queries, whatever their number."""
    # What is stopped is what a retry, or a question, is about; effects are what cancelling leaves.
    which = ~Q(effect="pure") if verb == "cancel" else Q(state__in=STOPPED)
    rows: dict[UUID, list[tuple[str, ...]]] = {}
    found = (
        Step.objects.filter(which, run__in=run_ids)
        .values_list("run_id", "name", "kind", "state", MARK)
        .annotate(number=Count("id"), claims=Sum("fence"), reruns=Sum("epoch"))
        .order_by()
    )
    for run_id, *row in found:
        rows.setdefault(run_id, []).append(tuple(str(one or "") for one in row))
    runs = Run.objects.filter(id__in=run_ids).defer("input", "metadata", "error")
    return {run.id: Stand(run, tuple(rows.get(run.id, ()))) for run in runs}


def fate(verb: str, stand: Stand, judged: Verdict | None, asked: set[tuple[UUID, str]]) -> Fate:
    """What would become of one run. `asked` are the failed steps that somebody is asked about."""
    match verb:
        case "cancel":
            return _of_cancelling(stand)
        case "escalate":
            return _of_asking(stand, asked)
        case _:
            return _of_retrying(stand, judged)


def _of_cancelling(stand: Stand) -> Fate:
    run = stand.run
    why = offers.cancel_refused(run.state, is_stopping=run.cancel_requested_at is not None)
    return Fate(BulkOutcome.LEFT_OUT, note=why) if why else Fate(BulkOutcome.READY)


def _of_asking(stand: Stand, asked: set[tuple[UUID, str]]) -> Fate:
    failed = {row[0] for row in stand.rows if row[2] == StepState.FAILED and row[1] != "item"}
    open_ = sorted(name for name in failed if (stand.run.id, name) not in asked)
    why = refusal(stand.run, True) or ("" if open_ else _NOTHING_TO_ASK)
    if why:
        return Fate(BulkOutcome.LEFT_OUT, note=why)
    return Fate(BulkOutcome.READY, note=open_[0])


def _of_retrying(stand: Stand, judged: Verdict | None) -> Fate:
    if why := refusal(stand.run, bool(stand.stopped)):
        return Fate(BulkOutcome.LEFT_OUT, note=why)
    if judged is None or judged.key in offers.HARMLESS:
        key = judged.key if judged else "safe"
        return Fate(BulkOutcome.READY, key, ", ".join(stand.stopped))
    return Fate(BulkOutcome.LEFT_OUT, judged.key, judged.sentence)


def _frozen(choice: Choice) -> BulkJob:
    # In the order in which they were chosen: the first of them go first.
    ids = list(dict.fromkeys(choice.runs))
    found = stands(choice.verb, ids)
    is_retry = choice.verb == "retry"
    verdicts = judge.verdicts_of(ids) if is_retry else {}
    asked = _asked(ids) if choice.verb == "escalate" else set()
    fates = {id: fate(choice.verb, found[id], verdicts.get(id), asked) for id in ids if id in found}
    costs = _costs(list(fates)) if is_retry else {}
    job = BulkJob.objects.create(
        verb=choice.verb,
        chosen=choice.told[:300],
        query=choice.query[:1000],
        fingerprints=_causes(found[id] for id, one in fates.items() if _may_go(one)),
        made_by=choice.actor,
        expires_at=timezone.now() + LASTS,
    )
    items = _items(job, fates, found, costs)
    BulkItem.objects.bulk_create(items, batch_size=1_000)
    return job


def _may_go(planned: Fate) -> bool:
    return planned.outcome == BulkOutcome.READY or planned.verdict == "fix"


def _causes(found: Iterable[Stand]) -> list[str]:
    return sorted({cause for stand in found for cause in stand.causes})[:MOST_FINGERPRINTS]


def _items(
    job: BulkJob,
    fates: Mapping[UUID, Fate],
    found: Mapping[UUID, Stand],
    costs: Mapping[UUID, int | None],
) -> Iterator[BulkItem]:
    for place, (run_id, planned) in enumerate(fates.items()):
        yield BulkItem(
            job=job,
            run_id=run_id,
            place=place,
            fingerprint=found[run_id].fingerprint,
            verdict=planned.verdict,
            steps=found[run_id].repeats if job.verb == "retry" and _may_go(planned) else 0,
            cost_microusd=costs.get(run_id),
            outcome=planned.outcome,
            note=planned.note[:_NOTE_CHARS],
        )


def _asked(run_ids: Sequence[UUID]) -> set[tuple[UUID, str]]:
    rows = Escalation.objects.filter(run__in=run_ids, state=EscalationState.OPEN)
    return set(rows.values_list("run_id", "step__name"))


@dataclass(slots=True)
class _Cost:
    total: float = 0.0
    is_known: bool = True


def _costs(run_ids: Sequence[UUID]) -> dict[UUID, int | None]:
    """What a retry of each run would cost: the mean of its tries for each step that runs again.

    One step that does not say makes it unknown.
    """
    stopped = Step.objects.filter(run__in=run_ids, state__in=STOPPED).values("id")
    rows: Any = (
        Attempt.objects.filter(step__in=stopped)
        .values_list("run_id", "step_id")
        .annotate(mean=Avg("cost_microusd"))
        .order_by()
    )
    found: dict[UUID, _Cost] = {}
    for run_id, _, mean in rows:
        one = found.setdefault(run_id, _Cost())
        one.total += float(mean or 0)
        one.is_known &= mean is not None
    return {run_id: round(one.total) if one.is_known else None for run_id, one in found.items()}
