"""One scrape: every part is read for itself, and one that fails leaves the others."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from django.db import DatabaseError, connection, transaction
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from aiops.execution.dispatch import BROKER_ERRORS
from aiops.upkeep.metrics import now, today
from aiops.upkeep.metrics.samples import Samples

log = logging.getLogger(__name__)

#: A part that takes longer is given up: a scrape must not hold up the database.
MOST_S = 5

_NOW: dict[str, Callable[[Samples], None]] = {
    "pools": now.pools,
    "broker": now.broker,
    "limbo": now.limbo,
    "leases": now.leases,
    "runs": now.runs,
    "nodes": now.nodes,
    "lanes": now.lanes,
    "people": now.people,
}


class Record(Collector):
    """What the record says, when somebody asks. One scrape at a time."""

    def __init__(self) -> None:
        self._sources = today.sources()
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            told = self._read()
        yield from told.families()

    def describe(self) -> Iterator[Metric]:
        """Registering it must not ask the database."""
        return iter(())

    def _read(self) -> Samples:
        told = Samples()
        day = today.midnight(datetime.now(UTC))
        for part, read in _NOW.items():
            _one(told, part, read)
        for part, source in self._sources.items():
            _one(told, part, partial(source.read, day=day))
        return told


def _one(told: Samples, part: str, read: Callable[[Samples], None]) -> None:
    began = time.perf_counter()
    found = Samples()
    is_ok = True
    try:
        with transaction.atomic():
            _bound()
            read(found)
    except (DatabaseError, *BROKER_ERRORS) as error:
        log.warning("metrics.not_read part=%s error=%s", part, str(error).partition("\n")[0])
        is_ok, found = False, Samples()
    told.update(found)
    told.add("aiops_scrape_ok", float(is_ok), part)
    told.add("aiops_scrape_seconds", time.perf_counter() - began, part)


def _bound() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{MOST_S}s'")
