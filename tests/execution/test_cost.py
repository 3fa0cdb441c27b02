"""What a durable step costs the database: counted, so that it does not grow unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.execution.engine import COMMITS, Engine, fresh, result

pytestmark = COMMITS

STEPS = 20


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that any cursor of this process sends."""
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def noting(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(str(query))
        return execute(self, query, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", noting)
        yield sent


def transactions() -> int:
    """The number of the next transaction that writes: their difference is what was committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return int(cursor.fetchone()[0])


@pytest.fixture
def warm(engine: Engine) -> Engine:
    """A process that has run the workflow before, as workers have."""
    engine.run("twenty")
    return engine


def test_a_chain_in_one_pool_needs_few_statements_a_step(
    warm: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = warm.start("twenty")

    with statements(monkeypatch) as sent:
        warm.work()

    assert result(run) == 19
    assert len(sent) <= STEPS + 15, "\n".join(sent)


def test_a_chain_in_one_pool_commits_once_a_step(warm: Engine) -> None:
    run = warm.start("twenty")

    before = transactions()
    warm.work()
    committed = transactions() - before - 1

    assert fresh(run).state == "succeeded"
    assert committed <= 1.1 * STEPS


def test_a_start_needs_few_statements_whatever_the_number_of_steps(
    warm: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with statements(monkeypatch) as sent:
        warm.start("twenty")

    assert len(sent) <= 12, "\n".join(sent)


def test_a_map_needs_no_statement_for_each_item(
    warm: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = warm.start("roots", input={"items": list(range(300))})

    with statements(monkeypatch) as sent:
        warm.work()

    assert result(run) == list(range(300))
    assert len(sent) <= 80, len(sent)


def test_the_messages_of_a_map_do_not_grow_with_its_items(warm: Engine) -> None:
    warm.vehicles.clear()

    warm.run("roots", input={"items": list(range(300))})

    # The map's members, and the step after it.
    assert [len(vehicle.branches) for vehicle in warm.vehicles] == [1, 1]
