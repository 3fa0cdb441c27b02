"""The page of queues and workers in one value, from one reading of the record and of the broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString

from aiops.admin.page import links
from aiops.admin.page.amounts import count, rough
from aiops.admin.page.queues_card import tone_of_age
from aiops.admin.page.svg import rect, tag
from aiops.admin.page.words import Look
from aiops.models import Node, Pausable, Pause, Step, StepState, WorkflowVersion
from aiops.pools import POOLS, STEP_POOLS
from aiops.upkeep import prove
from aiops.upkeep.doctor import SILENT_S, SKEW_S
from aiops.upkeep.queues import QueueRow, messages, queues

#: Nodes that have been silent for longer are not worth a line; at most so many are shown.
GONE_S = 24 * 3600
MOST_NODES = 200
MOST_AT_WORK = 400
MOST_WORKFLOWS = 200
#: Ages move without an event: the page is drawn anew after this long at the latest.
AGES_S = 10
#: What reads every open step is looked at this often at most, whoever looks.
LIMBO_S = 15

ALIVE = Look("Alive", "check_circle", "green")
SILENT = Look("Silent", "link_off", "red")
LEADS = Look("Leads", "stars", "blue")

_METER_WIDTH = 200.0


@dataclass(frozen=True, slots=True)
class Queue:
    """One pool, as the page shows it."""

    pool: str
    says: str
    icon: str
    tone: str
    waiting: str
    oldest: str
    held: str
    slots: str
    meter: SafeString
    drain: str
    #: Messages at the broker; "" when it does not answer.
    messages: str
    paused: Pause | None
    since: str
    #: The runs that wait in it.
    url: str
    is_pausable: bool


@dataclass(frozen=True, slots=True)
class AtWork:
    """What a worker runs now."""

    run_id: UUID
    told: str
    lasts: str


@dataclass(frozen=True, slots=True)
class Worker:
    """One node, as the page shows it."""

    name: str
    pool: str
    look: Look
    leads: Look | None
    seen: str
    since: datetime
    up: str
    skew: str
    is_off: bool
    at_work: tuple[AtWork, ...]
    did_nothing: str
    has_flower: bool


_ICONS = {"control": "hub", "llm": "neurology", "effects": "send", "cpu": "memory", "io": "public"}


def build() -> dict[str, Any]:
    """Everything that the page shows."""
    now = timezone.now()
    depth = messages()
    nodes = _nodes(now)
    pauses = list(Pause.objects.filter(what=Pausable.WORKFLOW).order_by("name"))
    return {
        "queues": [shown(row, depth, now) for row in queues()],
        "has_broker": depth is not None,
        "workers": workers(nodes, _at_work(), now),
        "keeper": keeper(nodes, now),
        "limbo": _limbo(nodes, now),
        "paused_workflows": [(pause, rough(_age_s(pause.paused_at, now))) for pause in pauses],
        "pausable_workflows": _workflows({pause.name for pause in pauses}),
        "at": now,
    }


def shown(row: QueueRow, depth: Mapping[str, int] | None, now: datetime) -> Queue:
    """One pool in words."""
    paused = row.paused
    return Queue(
        pool=row.pool,
        says=POOLS[row.pool].says,
        icon=_ICONS.get(row.pool, "stacks"),
        tone="violet" if paused else tone_of_age(row.oldest_s or 0.0),
        waiting=f"{row.waiting:,}{'+' if row.is_capped else ''}",
        oldest=rough(row.oldest_s) if row.oldest_s is not None else "none waits",
        held=f"{row.held:,} held by a pause of their run or workflow" if row.held else "",
        slots=f"{row.busy} of {row.slots} busy" if row.slots else "no worker alive",
        meter=_meter(min(row.busy / row.slots, 1.0) if row.slots else 0.0),
        drain=_drain(row),
        messages=f"{depth[row.pool]:,}" if depth is not None else "",
        paused=paused,
        since=rough(_age_s(paused.paused_at, now)) if paused else "",
        url=links.runs(queue=row.pool, view="active"),
        is_pausable=row.pool in STEP_POOLS,
    )


def _drain(row: QueueRow) -> str:
    if not row.waiting:
        return "empty now"
    if row.paused:
        return "when it goes on"
    return "not known" if row.drain_s is None else f"in about {rough(row.drain_s)}"


def _meter(share: float) -> SafeString:
    """How many of its slots are busy; the words beside it say it too."""
    return tag(
        "svg",
        rect(0, 0, _METER_WIDTH, 6, "track"),
        rect(0, 0, _METER_WIDTH * share, 6, "fill"),
        class_="cx-meter",
        viewBox=f"0 0 {_METER_WIDTH:g} 6",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def workers(
    nodes: Sequence[Node], at_work: Mapping[str, Sequence[AtWork]], now: datetime
) -> list[Worker]:
    """The nodes in words: the silent ones first."""
    in_order = sorted(nodes, key=lambda node: (is_alive(node, now), node.role, node.name))
    return [_worker(node, at_work.get(node.name, ()), now) for node in in_order]


def is_alive(node: Node, now: datetime) -> bool:
    return _age_s(node.seen_at, now) <= SILENT_S


def _worker(node: Node, at_work: Sequence[AtWork], now: datetime) -> Worker:
    alive = is_alive(node, now)
    return Worker(
        name=node.name,
        pool=node.pool or node.role,
        look=ALIVE if alive else SILENT,
        leads=LEADS if node.is_leader and alive else None,
        seen="" if alive else f"for {rough(_age_s(node.seen_at, now))}",
        since=node.started_at,
        up=rough(_age_s(node.started_at, now)),
        skew=_skew(node.skew_s),
        is_off=abs(node.skew_s) > SKEW_S,
        at_work=tuple(at_work),
        did_nothing=did_nothing(node.counters),
        has_flower=node.role == "worker",
    )


def _skew(skew_s: float) -> str:
    """A clock beside the database's; what nobody would notice is none."""
    return f"{skew_s:+.2f} s" if abs(skew_s) >= 0.05 else "agrees"


_CAUSES = {
    "repeated": "of steps done before",
    "leased": "of steps another worker had",
    "stale": "stale",
    "resent": "sent again",
}


def did_nothing(counters: Mapping[str, int]) -> str:
    """The messages that came and did nothing, by cause."""
    told = [f"{number:,} {_CAUSES.get(cause, cause)}" for cause, number in counters.items()]
    return ", ".join(told) or "none"


def keeper(nodes: Sequence[Node], now: datetime) -> dict[str, str]:
    """Who keeps: the leader, and who is ready behind it."""
    alive = [node for node in nodes if node.role == "keeper" and is_alive(node, now)]
    leader = next((node.name for node in alive if node.is_leader), "")
    if leader:
        behind = f"{count(len(alive) - 1, 'other')} ready behind it" if len(alive) > 1 else ""
        return {"leader": leader, "behind": behind, "wrong": ""}
    wrong = "None of the keepers leads" if alive else "No keeper is alive"
    return {"leader": "", "behind": "", "wrong": wrong}


def _limbo(nodes: Sequence[Node], now: datetime) -> int:
    """How many steps are in limbo: as the keeper found; without one that has looked, looked up here."""
    told = next((n.limbo for n in nodes if n.is_leader and is_alive(n, now)), None)
    if told is not None:
        return told
    return cache.get_or_set("aiops.limbo", prove.number, LIMBO_S) or 0


def _nodes(now: datetime) -> list[Node]:
    known = Node.objects.filter(seen_at__gt=now - timedelta(seconds=GONE_S))
    return list(known.order_by("role", "name")[:MOST_NODES])


def _at_work() -> dict[str, list[AtWork]]:
    """What the leases say that each node is at, oldest first."""
    rows = (
        Step.objects.filter(state=StepState.RUNNING, lease_until__isnull=False)
        .order_by("started_at")
        .values_list("worker", "run_id", "run__workflow", "name", "item", "started_at")
    )
    now = timezone.now()
    found: dict[str, list[AtWork]] = {}
    for worker, run_id, workflow, name, item, began in rows[:MOST_AT_WORK]:
        told = f"{workflow}.{name}" + ("" if item is None else f"[{item}]")
        lasts = rough(_age_s(began, now)) if began else ""
        found.setdefault(worker.rpartition("/")[0], []).append(AtWork(run_id, told, lasts))
    return found


def _workflows(paused: set[str]) -> list[str]:
    """The workflows that have run here and are not paused."""
    names = WorkflowVersion.objects.order_by("name").values_list("name", flat=True).distinct()
    return [name for name in names[:MOST_WORKFLOWS] if name not in paused]


def _age_s(moment: datetime, now: datetime) -> float:
    return (now - moment).total_seconds()


# The version: one query, whatever the page shows

_VERSION = """
SELECT
    (SELECT count(*) FROM (SELECT FROM aiops_step WHERE dispatch_due IS NOT NULL LIMIT 20000) q),
    (SELECT (count(*), max(since), sum(fence))::text FROM aiops_step
        WHERE lease_until IS NOT NULL AND state = 'running'),
    (SELECT (count(*), max(id))::text FROM aiops_pause),
    (SELECT (count(*), max(started_at), count(*) FILTER (WHERE is_leader))::text FROM aiops_node
        WHERE seen_at > now() - make_interval(secs => %s))
"""


def version(user_id: int) -> str:
    """The version of the page for one user, who cannot make it without having been shown it."""
    with connection.cursor() as cursor:
        cursor.execute(_VERSION, [SILENT_S])
        seen = cursor.fetchone()
    bucket = int(timezone.now().timestamp() // AGES_S)
    return salted_hmac(
        "aiops.admin.queues", repr((user_id, bucket, seen)), algorithm="sha256"
    ).hexdigest()[:32]
