"""Reading the record from outside, as any other program sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import dict_row

T = TypeVar("T")

POLL_S = 0.05


class Record:
    """The stack's database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._line: psycopg.Connection[dict[str, Any]] | None = None
        #: Several threads wait for processes of theirs.
        self._lock = threading.Lock()

    def rows(self, query: LiteralString, *params: Any) -> list[dict[str, Any]]:
        with self._lock:
            if self._line is None or self._line.closed:
                self._line = psycopg.connect(self._url, autocommit=True, row_factory=dict_row)
            # Without parameters it may be several statements.
            cursor = self._line.execute(query, params or None)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        if self._line is not None:
            self._line.close()

    def step(self, run_id: str, name: str) -> dict[str, Any]:
        [row] = self.rows(
            "SELECT * FROM aiops_step WHERE run_id = %s AND name = %s AND item IS NULL",
            run_id,
            name,
        )
        return row

    def attempts(self, run_id: str, name: str) -> list[str]:
        """The outcomes of a step's attempts, in order."""
        rows = self.rows(
            "SELECT a.outcome FROM aiops_attempt a JOIN aiops_step s ON s.id = a.step_id"
            " WHERE s.run_id = %s AND s.name = %s ORDER BY a.number",
            run_id,
            name,
        )
        return [row["outcome"] for row in rows]

    def states(self, runs: Sequence[str]) -> dict[str, str]:
        rows = self.rows("SELECT id, state FROM aiops_run WHERE id = ANY(%s::uuid[])", list(runs))
        return {str(row["id"]): row["state"] for row in rows}

    def open_steps(self) -> str:
        """What is not at rest, for a person who reads why a test failed."""
        rows = self.rows(
            "SELECT r.workflow, r.state AS run, s.name, s.item, s.state, s.reason, s.worker,"
            " s.dispatches, s.lease_until::text, s.dispatch_due::text, s.wake_at::text"
            " FROM aiops_run r LEFT JOIN aiops_step s ON s.run_id = r.id"
            " WHERE r.finished_at IS NULL ORDER BY s.run_id, s.id LIMIT 40"
        )
        return "\n".join(str({k: v for k, v in row.items() if v is not None}) for row in rows)


def eventually(found: Callable[[], T], within_s: float = 20, what: str = "it") -> T:
    """Ask until the answer is true, and return it. A database that is away has no answer."""
    pause = threading.Event()
    deadline = time.monotonic() + within_s
    while True:
        answer: T | None = None
        try:
            answer = found()
        except psycopg.OperationalError as error:
            what = f"{what} ({error})"
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not happen within {within_s:g} s"
        pause.wait(POLL_S)
