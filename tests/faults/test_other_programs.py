"""Another program, which has Celery and none of our code, talks to a real worker through a real broker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.aftermath import nothing_is_lost
from tests.faults.record import eventually
from tests.faults.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.slow]

#: A program of somebody else, as docs/celery-messages.md has it.
PROGRAM = """
import json, os, sys
from celery import Celery
from celery.result import AsyncResult

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.broker_transport_options = {"global_keyprefix": "aiops:"}
app.conf.result_backend_transport_options = {"global_keyprefix": "aiops:"}

for line in sys.stdin:
    asked = json.loads(line)
    sent = app.send_task(asked["task"], asked["args"], asked["kwargs"], queue="aiops.control")
    # By its id alone, as a program does that has started again.
    answer = AsyncResult(sent.id, app=app).get(timeout=30)
    print(json.dumps({"id": sent.id, "answer": answer}), flush=True)

assert not {"aiops", "tasks"} & set(sys.modules), "it is to know nothing of ours"
"""


class Shop:
    """The program, and what it is told."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        path = folder / "shop.py"
        path.write_text(PROGRAM)
        names = ("BROKER_URL", "RESULT_URL")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(path)],
            env={name: stack.environ[name] for name in names},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, task: str, *args: Any, **kwargs: Any) -> tuple[str, dict[str, Any]]:
        """Send a message; returns its id and the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"task": f"tasks.{task}", "args": args, "kwargs": kwargs}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        return str(said["id"]), said["answer"]

    def close(self) -> int:
        self._process.communicate(timeout=20)
        return self._process.returncode


def test_another_program_starts_follows_and_cancels_runs_and_sends_events(
    stack: Stack, tmp_path: Path
) -> None:
    stack.up("keeper", "control", "io")
    shop = Shop(stack, tmp_path)

    task_id, started = shop.ask("start_run", "trip", {}, key="one", v=1)
    _, again = shop.ask("start_run", workflow="trip", input={}, key="one")
    _, tried = shop.ask("start_run", "trip", {}, key="two", dry_run=True)
    _, late = shop.ask("start_run", "trip", {}, deadline_at="2000-01-01")
    _, newer = shop.ask("start_run", "trip", {}, v=2)
    _, wrong = shop.ask("start_run")
    nothing_is_lost(stack, [started["run_id"]])
    _, status = shop.ask("run_status", started["run_id"])
    _, refused = shop.ask("cancel_run", started["run_id"], reason="too late", actor="shop")
    event = {"specversion": "1.0", "type": "order.paid", "source": "/shop", "id": task_id}
    _, sent = shop.ask("send_event", event)
    _, twice = shop.ask("send_event", event)

    assert (started["ok"], started["is_new"], started["v"]) == (True, True, 1)
    assert (again["run_id"], again["is_new"]) == (started["run_id"], False)
    assert (tried["would"], len(stack.record.rows("SELECT 1 FROM aiops_run"))) == ("start", 1)
    assert "deadline_at" in late["message"]
    assert (newer["error"], wrong["error"]) == ("UnknownVersion", "WrongMessage")
    assert status["ok"]
    assert refused["v"] == 1
    assert (sent["outcome"], twice["outcome"]) == ("kept", "duplicate")
    assert shop.close() == 0
    _is_kept_by_django_celery_results(stack, task_id, started)


def _is_kept_by_django_celery_results(stack: Stack, task_id: str, answer: Any) -> None:
    """Also for programs that see the database; without what was asked."""
    query = (
        "SELECT status, result, task_name, task_args, task_kwargs FROM"
        " django_celery_results_taskresult WHERE task_id = %s"
    )
    eventually(lambda: stack.record.rows(query, task_id), what="the answer's row")
    [row] = stack.record.rows(query, task_id)
    assert (row["status"], row["task_name"]) == ("SUCCESS", "tasks.start_run")
    assert json.loads(row["result"]) == answer
    assert (row["task_args"], row["task_kwargs"]) == (None, None)
