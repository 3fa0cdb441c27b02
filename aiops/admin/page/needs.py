"""The cards at the top of the dashboard: what needs somebody now. Green when nobody is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from aiops.admin.page import links
from aiops.admin.page.amounts import count, rough
from aiops.admin.page.counts import Counts
from aiops.admin.page.overview import MOST_SILENT, Numbers
from aiops.admin.page.queues_card import tone_of_age
from aiops.models import RunState
from aiops.upkeep.queues import QueueRow, oldest_of


@dataclass(frozen=True, slots=True)
class Card:
    """One number, what it is a number of, and what makes it urgent (`alarm` before the rest)."""

    tone: str
    icon: str
    number: str
    title: str
    alarm: str
    more: str
    url: str


def cards(
    counts: Counts, numbers: Numbers, queues: Sequence[QueueRow], now: datetime
) -> list[Card]:
    return [
        requests(counts, now),
        failed(counts, numbers),
        silent(counts, numbers),
        queue_wait(queues),
    ]


def requests(counts: Counts, now: datetime) -> Card:
    """Questions that only a person can answer."""
    number, at = counts.requests, counts.oldest_request_at
    oldest = f"oldest {rough((now - at).total_seconds())}" if at else ""
    urgent = f"{counts.urgent:,} high" if counts.urgent else ""
    return Card(
        tone="red" if counts.overdue else "orange" if number else "green",
        icon="inbox",
        number=f"{number:,}",
        title="request waits for a person" if number == 1 else "requests wait for a person",
        alarm=f"{counts.overdue:,} overdue" if counts.overdue else "",
        more=_and(urgent, oldest) if number else "Nobody is waiting for you.",
        url=reverse("admin:aiops_escalation_changelist"),
    )


def failed(counts: Counts, numbers: Numbers) -> Card:
    """Runs that stopped, and about whose cause nobody has decided."""
    handled = numbers.handled
    number = max(counts.runs[RunState.FAILED] - handled, 0)
    return Card(
        tone="red" if number else "green",
        icon="error",
        number=f"{number:,}",
        title="failed run not handled" if number == 1 else "failed runs not handled",
        alarm=f"{numbers.safe:,} safe to retry" if number else "",
        more=f"{handled:,} more of a cause that is resolved or ignored" if handled else "",
        url=links.runs(view="failed"),
    )


def silent(counts: Counts, numbers: Numbers) -> Card:
    """Runs whose worker, or whose message, gives no sign of life."""
    number = numbers.silent
    more_than = "+" if number >= MOST_SILENT else ""
    return Card(
        tone="red" if number else "green",
        icon="ecg_heart",
        number=f"{number:,}{more_than}",
        title="run without a heartbeat" if number == 1 else "runs without a heartbeat",
        alarm="",
        more=f"{count(counts.open_runs, 'open run')} in all",
        url=links.runs(view="active"),
    )


def queue_wait(queues: Sequence[QueueRow]) -> Card:
    """The queue in which something has waited longest; one that is paused waits on purpose."""
    worst = oldest_of(queues)
    url = links.shown_if_there("admin:aiops_node_changelist")
    if worst is None or worst.oldest_s is None:
        nobody = "No step waits for a worker."
        return Card("green", "hourglass_bottom", "0 s", "longest queue wait", "", nobody, url)
    return Card(
        tone=tone_of_age(worst.oldest_s),
        icon="hourglass_bottom",
        number=rough(worst.oldest_s),
        title="longest queue wait",
        alarm="" if worst.nodes else "no worker is alive",
        more=_drains(worst),
        url=url,
    )


def _drains(row: QueueRow) -> str:
    drains = f", drains in {rough(row.drain_s)}" if row.drain_s else ""
    return f"queue {row.pool}, {row.waiting:,} waiting{drains}"


def _and(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
