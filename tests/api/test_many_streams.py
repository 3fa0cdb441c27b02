"""A thousand streams of one web process, its end while they are open, and a database that goes away."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from aiops.models import Step
from tests.api.crowd import close_all, listen_all, next_of_all
from tests.api.test_stream import assert_clean, key_of, url, works
from tests.api.web import database_url, eventually, following, serving
from tests.execution.engine import COMMITS, Engine

pytestmark = [COMMITS, pytest.mark.slow]

STREAMS, RUNS, IDLE_S = 1_000, 100, 4.0


def queries(within_s: float) -> int:
    """The queries of all others in this time, as long as they are not many: seen by looking often."""
    seen, until = set(), time.monotonic() + within_s
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(
                "SELECT pid, query_start FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            seen.update(cursor.fetchall())
            time.sleep(0.02)
    return len(seen)


def sessions() -> int:
    """Connections to this database but this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


@contextmanager
def refusing() -> Iterator[None]:
    """The database ends all sessions but this one, and lets nobody in."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(database_url("postgres"), autocommit=True) as outside:
        outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        outside.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> %s",
            [name, connection.connection.info.backend_pid],
        )
        try:
            yield
        finally:
            outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def test_a_thousand_streams_hear_of_a_change_at_the_cost_of_a_query_a_second(
    engine: Engine, no_session_left: None, tmp_path: Path
) -> None:
    runs = [engine.start("line", input={"number": n}).id for n in range(RUNS)]
    headers = key_of(streams=STREAMS)
    before = sessions()

    with serving(tmp_path, strict=False) as web, asyncio.Runner() as loop:
        empty_kb = web.status("VmRSS")
        began = time.monotonic()
        listeners = loop.run(listen_all(web, runs * (STREAMS // RUNS), headers))
        first = loop.run(next_of_all(listeners, "status"))
        opened_s, opening_cpu_s = time.monotonic() - began, web.cpu_s()

        cpu_before = web.cpu_s()
        asked = queries(IDLE_S)
        idle_cpu_s = web.cpu_s() - cpu_before
        threads, rss_kb, connections = web.status("Threads"), web.status("VmRSS"), sessions()

        changed = time.monotonic()
        soon = timezone.now() + timedelta(minutes=5)
        Step.objects.filter(name="one").update(
            state="running", reason="lease", lease_until=soon, worker="io@a/1"
        )
        second = loop.run(next_of_all(listeners, "status"))
        heard_s = time.monotonic() - changed
        loop.run(close_all(listeners))

        with following(url(web, runs[0]), headers=headers, within_s=30) as stream:
            stream.next("status")
        assert web.stop() == -signal.SIGTERM
    assert_clean(web.log)

    numbers = {
        "opened_s": round(opened_s, 2),
        "opening_cpu_s": round(opening_cpu_s, 2),
        "idle_cpu_share": round(idle_cpu_s / IDLE_S, 4),
        "queries_per_s": asked / IDLE_S,
        "heard_s": round(heard_s, 2),
        "threads": threads,
        "connections": connections - before,
        "kb_per_stream": round((rss_kb - empty_kb) / STREAMS, 1),
    }
    print(numbers)  # noqa: T201  # shown by pytest -rP
    assert {event.data["state"] for event in first} == {"queued"}
    assert {event.data["state"] for event in second} == {"running"}
    assert asked <= 3 * IDLE_S
    assert threads < 40
    assert connections - before <= 16


def test_a_process_that_is_stopped_ends_its_streams_and_leaves_nothing_behind(
    engine: Engine, no_session_left: None, tmp_path: Path
) -> None:
    run, headers = engine.start("line", input={"number": 1}), key_of()

    with serving(tmp_path) as web, following(url(web, run.id), headers=headers) as stream:
        stream.next("status")
        code = web.stop()
        said = [event.comment or event.name for event in stream.rest()]

    assert code == -signal.SIGTERM
    assert said == ["this server ends: come back"]
    # No word of connections that had to be broken off.
    assert_clean(web.log)


def test_streams_outlive_a_database_that_is_away(
    engine: Engine, no_session_left: None, tmp_path: Path
) -> None:
    run, headers = engine.start("line", input={"number": 1}), key_of()

    with (
        serving(tmp_path, AIOPS_STREAM_HEARTBEAT_S="0.3", AIOPS_STREAM_POLL_S="0.3") as web,
        following(url(web, run.id), headers=headers, within_s=20) as stream,
    ):
        stream.next("status")
        with refusing():
            eventually(lambda: stream.comment() == "the record is away")
            with following(url(web, run.id), headers=headers, within_s=20) as refused:
                problem = refused.response
        works(run)
        after = stream.next("status")

    assert (problem.status_code, problem.json()["code"]) == (503, "database-away")
    assert after.data["state"] == "running"
