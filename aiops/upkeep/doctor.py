"""The doctor: what is wrong with this installation, and what to do about it. The checks are pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiops.pools import POOLS

#: A node that has been silent for longer is taken for dead; they report every 5 to 10 s.
SILENT_S = 30.0
#: A clock that is off by more makes timers late; one off by half a lease makes leases wrong.
SKEW_S = 2.0
OLDEST_POSTGRES = 14
#: A queue this long deserves a look.
LONG_QUEUE = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check. `do` says what to do; "" when nothing is to be done."""

    check: str
    what: str
    do: str = ""
    #: Something to know that stops nothing.
    is_note: bool = False

    @property
    def is_wrong(self) -> bool:
        return bool(self.do) and not self.is_note


@dataclass(frozen=True, slots=True)
class Alive:
    """A node as it last reported itself."""

    name: str
    role: str
    pool: str
    is_leader: bool
    skew_s: float
    silent_s: float


def visibility_timeout(timeout_s: float, steps: Mapping[str, float]) -> Finding:
    """Whether the broker waits longer than the longest step. `steps`: seconds by name."""
    check = "visibility timeout"
    name, longest_s = max(steps.items(), key=lambda step: step[1], default=("", 0.0))
    if longest_s < timeout_s:
        return Finding(check, f"{timeout_s:g} s, above the longest step ({longest_s:g} s)")
    return Finding(
        check,
        f"{timeout_s:g} s, and {name} may run {longest_s:g} s: its message is delivered again "
        "while it runs, to no effect but wasted work",
        "shorten the step's timeout_s, or raise VISIBILITY_TIMEOUT_S in aiops/celery.py",
    )


def lease(lease_s: float, renew_s: float) -> Finding:
    """Whether a busy second costs no lease."""
    check = "lease"
    if lease_s >= 2 * renew_s:
        return Finding(check, f"{lease_s:g} s, renewed every {renew_s:g} s")
    return Finding(
        check,
        f"{lease_s:g} s is less than two renewals of {renew_s:g} s: a busy second loses it",
        "raise AIOPS_LEASE_S to three times AIOPS_RENEW_S, for every process alike",
    )


def broker_memory(info: Mapping[str, Any]) -> Finding:
    """Whether a full Redis refuses new messages rather than dropping old ones."""
    check = "broker memory"
    policy = str(info.get("maxmemory_policy", "unknown"))
    if policy == "noeviction":
        return Finding(check, "nothing is evicted")
    return Finding(
        check,
        f"eviction policy {policy}: when its memory is full, messages vanish",
        "set maxmemory-policy to noeviction (CONFIG SET maxmemory-policy noeviction, and in its "
        "configuration file)",
    )


def broker_persistence(info: Mapping[str, Any]) -> Finding:
    """Whether messages survive a restart of the broker. Runs survive it in any case."""
    check = "broker persistence"
    if int(info.get("aof_enabled", 0)):
        return Finding(check, "append-only file")
    return Finding(
        check,
        "no append-only file: a restart loses the messages, and the keeper sends them again, "
        "which takes some seconds",
        "set appendonly yes",
        is_note=True,
    )


def keepers(nodes: Iterable[Alive]) -> Finding:
    """Whether one keeper leads."""
    check = "keeper"
    found = [node for node in nodes if node.role == "keeper" and node.silent_s <= SILENT_S]
    leaders = [node.name for node in found if node.is_leader]
    match len(leaders):
        case 1:
            behind = f", {len(found) - 1} ready behind it" if len(found) > 1 else ""
            return Finding(check, f"{leaders[0]} leads{behind}")
        case 0 if not found:
            return Finding(
                check,
                "none is alive: nothing is published, woken or recovered",
                "start one: manage.py keeper",
            )
        case 0:
            return Finding(
                check,
                f"{len(found)} alive, and none leads",
                "wait half a minute; if it stays so, restart them and look at their logs",
            )
        case _:
            return Finding(
                check,
                f"{' and '.join(leaders)} both say that they lead",
                "if it stays so for a minute, they use different databases: compare DATABASE_URL",
            )


def workers(nodes: Iterable[Alive], used: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Whether every pool that a workflow uses has a live worker. `used`: workflows by pool."""
    check = "workers"
    alive = {node.pool for node in nodes if node.role == "worker" and node.silent_s <= SILENT_S}
    missing = [pool for pool in POOLS if pool not in alive]
    if not missing:
        return [Finding(check, f"every pool has a live worker ({', '.join(sorted(alive))})")]
    return [_missing(check, pool, used.get(pool, ())) for pool in missing]


def _missing(check: str, pool: str, workflows: Sequence[str]) -> Finding:
    start = f"start one: manage.py worker {pool}"
    if pool == "control":
        what = "pool control has no live worker: runs with parallel steps do not move on"
        return Finding(check, what, start)
    if not workflows:
        return Finding(check, f"pool {pool} has no live worker, and no workflow uses it")
    names = ", ".join(workflows)
    return Finding(check, f"pool {pool} has no live worker, and {names} needs it", start)


def clocks(nodes: Iterable[Alive], lease_s: float) -> list[Finding]:
    """Whether every node's clock agrees with the database's."""
    check = "clocks"
    off = [node for node in nodes if node.silent_s <= SILENT_S and abs(node.skew_s) > SKEW_S]
    if not off:
        return [Finding(check, "they agree with the database's")]
    return [
        Finding(
            check,
            f"{node.name} is {abs(node.skew_s):.1f} s {'ahead of' if node.skew_s > 0 else 'behind'}"
            " the database" + (_WRONG_LEASES if abs(node.skew_s) > lease_s / 2 else ""),
            "let its host keep time by NTP (timedatectl set-ntp true)",
        )
        for node in off
    ]


_WRONG_LEASES = ": leases are taken for over while they hold"


def postgres(version: Sequence[int]) -> Finding:
    """Whether PostgreSQL is new enough. `version` is its major and its minor number."""
    check = "PostgreSQL"
    major, minor = version
    if major >= OLDEST_POSTGRES:
        return Finding(check, f"{major}.{minor}")
    return Finding(
        check, f"{major}.{minor} is too old", f"upgrade it to {OLDEST_POSTGRES} or later"
    )


def migrations(missing: Sequence[str]) -> Finding:
    """Whether the tables are those that the code wants."""
    check = "migrations"
    if not missing:
        return Finding(check, "all applied")
    return Finding(check, f"not applied: {', '.join(missing)}", "apply them: manage.py migrate")


def limbo(found: Sequence[str]) -> Finding:
    """Whether every unfinished step has a live reason. `found`: what is wrong, one a step."""
    check = "limbo"
    if not found:
        return Finding(check, "every unfinished step has a live reason")
    return Finding(
        check,
        f"{len(found)} in limbo, the first: {found[0]}",
        "the keeper repairs them within seconds: is one alive? If they stay, read its log",
    )


def queues(lengths: Mapping[str, int]) -> list[Finding]:
    """How many messages wait in each pool's queue."""
    check = "queues"
    told = ", ".join(f"{pool} {length}" for pool, length in lengths.items() if length)
    long = [pool for pool, length in lengths.items() if length >= LONG_QUEUE]
    if not long:
        return [Finding(check, f"messages waiting: {told or 'none'}")]
    return [
        Finding(
            check,
            f"{lengths[pool]} messages wait for pool {pool}",
            f"add workers for it (manage.py worker {pool} on another host, or a higher "
            f"AIOPS_POOL_{pool.upper()})",
            is_note=True,
        )
        for pool in long
    ]


def workflow_files(errors: Sequence[str]) -> list[Finding]:
    """Whether every workflow file can be used."""
    check = "workflow files"
    if not errors:
        return [Finding(check, "all accepted")]
    return [Finding(check, error, "correct the file, then restart the workers") for error in errors]


def beat(trouble: str, schedules: int, unreadable: Sequence[str], advice: str) -> list[Finding]:
    """Whether schedules are started at their times, and whether those can be read at all."""
    check = "schedules"
    found = [
        Finding(
            check,
            f"the times of {name} cannot be read",
            "correct its crontab or interval: its page in the console says what is wrong",
        )
        for name in unreadable
    ]
    if trouble:
        return [*found, Finding(check, f"{trouble[:1].lower()}{trouble[1:]}", advice)]
    told = f"{schedules} started at their times by beat" if schedules else "none needs beat"
    return found or [Finding(check, told)]
