"""What comes next, decided: which nodes are ready, and which messages carry them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from aiops.flow.plan import WORKED, Plan, PlanNode
from aiops.models.step import DONE

#: Steps that one message runs in a row, and segments that one chain links: enough to make
#: Celery's own cost small, few enough that a message stays small and a pool is given back.
MAX_SEGMENT = 50
MAX_LINKS = 10

#: Added to a message's time limit, for loading and recording.
LIMIT_MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class StepView:
    """What the decisions need to know of a step's row."""

    id: UUID
    state: str
    reason: str = ""
    epoch: int = 0
    wake_at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive steps of one pool: one message that runs them in order."""

    pool: str
    names: tuple[str, ...]
    steps: tuple[UUID, ...]
    epoch: int
    limit_s: float


@dataclass(frozen=True, slots=True)
class Members:
    """Workers for a map: `count` messages that each claim items until none is left."""

    pool: str
    name: str
    map_id: UUID
    count: int
    limit_s: float


Branch = tuple[Segment, ...] | Members


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What one publish sends. One branch travels as a chain, several as a chord."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """The nodes whose time has come, and those whose branch was not chosen."""

    begin: tuple[str, ...]
    skip: tuple[str, ...]


def ready(plan: Plan, states: Mapping[str, str], chosen: Mapping[str, str]) -> Ready:
    """Find pending nodes that may begin or must be skipped.

    `states` maps node names to step states; `chosen` maps finished choose nodes to their branch.
    Nodes come in document order, so one pass sees every consequence of a skip.
    """
    now = dict(states)
    begin: list[str] = []
    skip: list[str] = []
    for node in plan.nodes:
        if now.get(node.name) != "pending":
            continue
        if not all(now[need] in DONE for need in node.needs):
            continue
        if _is_chosen(node, now, chosen):
            begin.append(node.name)
        else:
            now[node.name] = "skipped"
            skip.append(node.name)
    return Ready(tuple(begin), tuple(skip))


def _is_chosen(node: PlanNode, states: Mapping[str, str], chosen: Mapping[str, str]) -> bool:
    return all(
        states[choice] != "skipped" and chosen.get(choice) == branch for choice, branch in node.when
    )


def compile(  # the design's word; nobody needs the builtin here
    plan: Plan,
    views: Mapping[str, StepView],
    begin: Sequence[str],
    members: Iterable[Members] = (),
) -> list[Vehicle]:
    """Build the next segments only: never the whole rest of a run.

    Branches that meet in the same node share a vehicle (a chord); every other travels alone, so
    that no branch waits for one it has nothing to do with.
    """
    meeting: dict[tuple[str, ...], list[Branch]] = {}
    for name in begin:
        segments = _chain(plan, views, name)
        meeting.setdefault(plan.followers[segments[-1].names[-1]], []).append(segments)
    for member in members:
        if member.count > 0:
            meeting.setdefault(plan.followers[member.name], []).append(member)
    return [Vehicle(tuple(branches)) for branches in meeting.values()]


def _chain(plan: Plan, views: Mapping[str, StepView], first: str) -> tuple[Segment, ...]:
    """Follow a series from its first step, as far as only one step can come next."""
    segments: list[list[str]] = [[first]]
    name = first
    while following := _sole_follower(plan, views, name):
        same_pool = plan.by_name[following].pool == plan.by_name[name].pool
        if same_pool and len(segments[-1]) < MAX_SEGMENT:
            segments[-1].append(following)
        elif len(segments) < MAX_LINKS:
            segments.append([following])
        else:
            break
        name = following
    return tuple(_segment(plan, views, names) for names in segments)


def _segment(plan: Plan, views: Mapping[str, StepView], names: Sequence[str]) -> Segment:
    nodes = [plan.by_name[name] for name in names]
    return Segment(
        pool=nodes[0].pool,
        names=tuple(names),
        steps=tuple(views[name].id for name in names),
        epoch=views[names[0]].epoch,
        limit_s=sum(node.timeout_s for node in nodes) + LIMIT_MARGIN_S,
    )


def _sole_follower(plan: Plan, views: Mapping[str, StepView], name: str) -> str | None:
    """The step that certainly comes right after this one, and waits for nothing else."""
    followers = plan.followers[name]
    if len(followers) != 1:
        return None
    node = plan.by_name[followers[0]]
    # A branch of a choose has conditions of its own: only `advance` may start it.
    follows = node.needs == (name,) and node.when == plan.by_name[name].when
    works = node.kind in WORKED and node.kind != "map" and views[node.name].state == "pending"
    return node.name if follows and works else None
