"""The examination: gathers what the doctor's checks look at, whatever of it can be reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.utils import timezone

from aiops.celery import VISIBILITY_TIMEOUT_S
from aiops.execution import dispatch, resend
from aiops.flow.registry import registry
from aiops.models import Node
from aiops.pools import POOLS
from aiops.upkeep import beat, doctor, prove
from aiops.upkeep.doctor import Alive, Finding


def examine() -> Iterator[Finding]:
    """Run every check; what cannot be reached is a finding too."""
    registry.load(settings.AIOPS_WORKFLOWS)
    yield from doctor.workflow_files([str(error) for error in registry.errors])
    yield doctor.lease(settings.AIOPS_LEASE_S, settings.AIOPS_RENEW_S)
    yield doctor.visibility_timeout(VISIBILITY_TIMEOUT_S, _steps())
    yield from _broker()
    yield from _database()


def _steps() -> dict[str, float]:
    """The time limit of every step, by workflow and step."""
    return {
        f"{workflow.name}.{node.name}": node.timeout_s
        for workflow in registry.all()
        for node in workflow.plan.nodes
        if node.code
    }


def _pools() -> dict[str, list[str]]:
    """The workflows that use each pool."""
    found: dict[str, list[str]] = {}
    for workflow in registry.all():
        for pool in {node.pool for node in workflow.plan.nodes if node.pool}:
            found.setdefault(pool, []).append(workflow.name)
    return found


def _broker() -> Iterator[Finding]:
    try:
        lengths = resend.queue_lengths(POOLS)
        info = _redis_info(settings.CELERY_BROKER_URL)
    except (dispatch.BrokerAway, *dispatch.BROKER_ERRORS) as error:
        yield Finding(
            "broker",
            f"it does not answer: {_first_line(error)}",
            "start it, or correct BROKER_URL; runs wait in the database meanwhile",
        )
        return
    yield from doctor.queues(lengths)
    if info is not None:
        yield doctor.broker_memory(info)
        yield doctor.broker_persistence(info)


def _redis_info(url: str) -> Mapping[str, Any] | None:
    """What a Redis or Valkey tells of itself; None for another broker."""
    if not url.startswith(("redis://", "rediss://")):
        return None
    with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
        info: Mapping[str, Any] = client.info()
        return info


def _database() -> Iterator[Finding]:
    try:
        connection.ensure_connection()
        yield doctor.postgres(connection.get_database_version())
        missing = _missing_migrations()
        yield doctor.migrations(missing)
        if missing:
            return  # what follows reads tables that may not be there
        nodes = _nodes()
        yield doctor.keepers(nodes)
        yield from doctor.workers(nodes, _pools())
        yield from doctor.clocks(nodes, settings.AIOPS_LEASE_S)
        yield from _schedules()
        yield doctor.limbo([f"run {one.run_id}: {one.what}" for one in prove.limbo()])
    except (DatabaseError, InterfaceError) as error:
        yield Finding(
            "database",
            f"it cannot be used: {_first_line(error)}",
            "start or upgrade it, or correct DATABASE_URL",
        )


def _schedules() -> list[Finding]:
    found = beat.pulse(timezone.now())
    return doctor.beat(beat.trouble(found), found.schedules, found.unreadable, beat.advice(found))


def _missing_migrations() -> list[str]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [str(migration) for migration, _ in plan]


def _nodes() -> list[Alive]:
    return [
        Alive(
            name=node.name,
            role=node.role,
            pool=node.pool,
            is_leader=node.is_leader,
            skew_s=node.skew_s,
            silent_s=(node.now - node.seen_at).total_seconds(),
        )
        for node in Node.objects.annotate(now=Now())
    ]


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
