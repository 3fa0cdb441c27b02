"""Sending the messages: ids only, by name, after the commit."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from celery import Signature, chain, chord
from django.db import connection, transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from aiops.celery import app
from aiops.execution.canvas import Branch, Members, Segment, Vehicle
from aiops.models import Priority, Run
from aiops.pools import POOLS

log = logging.getLogger(__name__)

#: The channel on which a process that must not publish tells the keeper that a run has work.
CHANNEL = "aiops_work"

#: Broker priorities: lower is sooner.
PRIORITIES = {Priority.INTERACTIVE: 0, Priority.BATCH: 9}


#: How an absent or half-open broker shows.
BROKER_ERRORS = (OperationalError, RedisError, OSError)


class BrokerAway(Exception):
    """The broker took no message. Nothing is lost: the keeper sends again when it is back."""


class _Process:
    """Whether this process publishes. A web process must not: a half-open socket blocks it."""

    publishes = False


def publish_here() -> None:
    """Let this process (a worker, the keeper) publish by itself."""
    _Process.publishes = True


def publishes_here() -> bool:
    return _Process.publishes


@dataclass(frozen=True, slots=True)
class Addressee:
    """The run a message belongs to, as far as a message shows it."""

    run_id: UUID
    workflow: str
    priority: str


def addressee(run: Run) -> Addressee:
    return Addressee(run.id, run.workflow, run.priority)


def after_commit(run: Addressee, vehicles: Sequence[Vehicle]) -> None:
    """Send vehicles when the transaction has committed; elsewhere, ring for the keeper."""
    if not vehicles:
        return
    if _Process.publishes:
        transaction.on_commit(lambda: _publish_or_leave(run, vehicles))
    else:
        ring(run.run_id)


def ring(run_id: UUID) -> None:
    """Tell the keeper, within the transaction, that this run has something to do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(run_id)])


def _publish_or_leave(run: Addressee, vehicles: Sequence[Vehicle]) -> None:
    try:
        for vehicle in vehicles:
            publish(run, vehicle)
    except BrokerAway as error:
        # The rows are queued with a dispatch deadline; the keeper sends past it.
        log.warning("dispatch.broker_away run=%s error=%s", run.run_id, error)


def publish(run: Addressee, vehicle: Vehicle) -> None:
    """Send now. Raises BrokerAway when the broker does not take it."""
    try:
        _canvas(run, vehicle).apply_async()
    except BROKER_ERRORS as error:
        raise BrokerAway(str(error)) from error


def _canvas(run: Addressee, vehicle: Vehicle) -> Signature:
    """A single branch ends in `advance` by itself; several are joined by the chord's body."""
    if len(vehicle.branches) == 1 and not isinstance(vehicle.branches[0], Members):
        return _chain(run, vehicle.branches[0], is_tail=True)
    header: list[Signature] = []
    for branch in vehicle.branches:
        header += _header(run, branch)
    return chord(header, join(run))


def _header(run: Addressee, branch: Branch) -> list[Signature]:
    match branch:
        case Members():
            return [_member(run, branch) for _ in range(branch.count)]
        case segments:
            return [_chain(run, segments, is_tail=False)]


def _chain(run: Addressee, segments: Sequence[Segment], *, is_tail: bool) -> Signature:
    last = len(segments) - 1
    links = [
        _segment(run, segment, segments[i + 1].steps[0] if i < last else _end(is_tail))
        for i, segment in enumerate(segments)
    ]
    return links[0] if len(links) == 1 else chain(*links)


def _end(is_tail: bool) -> str:
    """What comes after a branch: inside a chord nothing, the body does it."""
    return "advance" if is_tail else ""


def _segment(run: Addressee, segment: Segment, then: object) -> Signature:
    more = f"+{len(segment.names) - 1}" if len(segment.names) > 1 else ""
    return _message(
        run,
        "tasks.run_steps",
        [str(run.run_id), [str(step) for step in segment.steps], segment.epoch, str(then)],
        pool=segment.pool,
        shadow=f"{run.workflow}.{segment.names[0]}{more}",
        limit_s=segment.limit_s,
    )


def _member(run: Addressee, members: Members) -> Signature:
    return _message(
        run,
        "tasks.run_items",
        [str(run.run_id), str(members.map_id), members.name],
        pool=members.pool,
        shadow=f"{run.workflow}.{members.name}[]",
        limit_s=members.limit_s,
    )


def join(run: Addressee) -> Signature:
    """The message that moves a run on: the body of a chord."""
    return _message(
        run, "tasks.join", [str(run.run_id)], pool="control", shadow=f"{run.workflow}.join"
    )


def _message(
    run: Addressee, task: str, args: list[Any], *, pool: str, shadow: str, limit_s: float = 0
) -> Signature:
    options: dict[str, Any] = {
        "queue": POOLS[pool].queue,
        "priority": PRIORITIES[Priority(run.priority)],
        "shadow": shadow,
        # The record holds the result; a sender that may read one subscribes to it at Redis.
        "ignore_result": True,
    }
    if limit_s and POOLS[pool].kind == "prefork":
        options["time_limit"] = limit_s
    return Signature(task, args=tuple(args), immutable=True, options=options, app=app)
