"""Counting what reaches the database and the broker while a block runs, without an extension."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection
from redis import Redis

#: A running session reads changed settings before its next statement.
RELOAD_S = 0.5
_SETTINGS = {
    "log_statement": "'all'",
    "log_line_prefix": "'%%p|%%a|'",
    "log_parameter_max_length": "0",
}
_LINE = re.compile(r"^\d+\|(?P<who>\w*)\|LOG:  (?:statement|execute [^:]+): (?P<text>.*)$")
#: They cost a round trip each, and are told apart: they are not work.
_FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
#: Idle commands of workers that wait, and of those who look.
_WAITS = {"brpop", "ping", "info", "auth", "hello", "client|setinfo", "select", "client|setname"}


@dataclass(slots=True)
class Traffic:
    """What went over the wire in a block."""

    statements: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Transactions that wrote or locked (each such commit is flushed to the disk), and WAL bytes.
    commits: int = 0
    wal_bytes: int = 0
    commands: Counter[str] = field(default_factory=Counter)

    def number(self, *who: str) -> int:
        """Statements of these processes; BEGIN, COMMIT and the like are not counted."""
        return sum(
            number
            for (whose, text), number in self.statements.items()
            if whose in who and not text.upper().startswith(_FRAME)
        )

    def round_trips(self, *who: str) -> int:
        return sum(n for (whose, _), n in self.statements.items() if whose in who)


@contextmanager
def watched(log: Path, broker: Redis) -> Iterator[Traffic]:
    """Count in the block. The statement log slows everything down: take no times there."""
    traffic = Traffic()
    with _logging():
        offset = log.stat().st_size
        xid, wal, commands = _xid(), _wal(), _commands(broker)
        yield traffic
        traffic.commits, traffic.wal_bytes = _xid() - xid, _wal() - wal
        traffic.commands = _commands(broker) - commands
    with log.open(errors="replace") as file:
        file.seek(offset)
        found = (_LINE.match(line) for line in file)
        traffic.statements = Counter((one["who"], one["text"].strip()) for one in found if one)


@contextmanager
def _logging() -> Iterator[None]:
    with connection.cursor() as cursor:
        for name, value in _SETTINGS.items():
            cursor.execute(f"ALTER SYSTEM SET {name} = {value}".replace("%%", "%"))
        _reload()
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for name in _SETTINGS:
                cursor.execute(f"ALTER SYSTEM RESET {name}")
        _reload()


def _reload() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_reload_conf()")
    time.sleep(RELOAD_S)


def _xid() -> int:
    return _number("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")


def _wal() -> int:
    return _number("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")


def _number(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (found,) = cursor.fetchone() or (0,)
    return int(found)


def _commands(broker: Redis) -> Counter[str]:
    stats = broker.info("commandstats")
    assert isinstance(stats, dict)
    calls = {name.removeprefix("cmdstat_"): said["calls"] for name, said in stats.items()}
    return Counter({name: number for name, number in calls.items() if name not in _WAITS})
