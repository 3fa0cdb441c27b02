"""The messages of a run: each is one call into the engine. One task per kind of message."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import Task
from celery.exceptions import Ignore

from aiops.celery import app
from aiops.execution import advance as motor
from aiops.execution import bulk_work, deliver, door, member, runner
from aiops.execution.claim import Owner
from aiops.execution.patience import patiently
from aiops.execution.runner import Delivery, Message
from aiops.upkeep import node, promised


# The message of a child that was killed is sent again up to three times: it keeps its place in a
# chord. The record decides whether there is anything left to do for it.
@app.task(name="tasks.run_steps", bind=True, max_retries=3, default_retry_delay=5)
def run_steps(self: Task[Any, Any], run_id: str, steps: list[str], epoch: int, then: str) -> str:
    """Run consecutive steps of one pool."""
    message = Message(UUID(run_id), [UUID(step) for step in steps], epoch, then)
    delivery = runner.run_segment(message, _owner(self))
    if delivery is not Delivery.RAN:
        node.count(delivery.value)
    if delivery is Delivery.LEASED:
        # Not the end of the step: a chord must not count it.
        raise Ignore
    return str(delivery.value)


@app.task(name="tasks.run_items", bind=True, max_retries=None)
def run_items(self: Task[Any, Any], run_id: str, map_id: str, name: str) -> str:
    """Work on a map's items for a time slice, then give the slot back by queueing again."""
    if member.run_items(UUID(run_id), UUID(map_id), name, _owner(self)):
        raise self.retry(countdown=0)
    return "done"


@app.task(name="tasks.join")
def join(run_id: str) -> None:
    """Move a run on: the body of every chord."""
    patiently(lambda: motor.advance(UUID(run_id)))


@app.task(name="tasks.run_bulk")
def run_bulk(job_id: str) -> str:
    """Do the next runs of a bulk job."""
    return patiently(lambda: bulk_work.work(UUID(job_id)))


@app.task(name="tasks.start_run", ignore_result=False)
def start_run(workflow: str, input: Any, **options: Any) -> dict[str, Any]:
    """Start a run from another program; the options are those of `door.start`."""
    return patiently(lambda: door.start(workflow, input, options))


@app.task(name="tasks.cancel_run", ignore_result=False)
def cancel_run(run_id: str, reason: str = "", actor: str = "") -> dict[str, Any]:
    """Cancel a run from another program."""
    return patiently(lambda: door.cancel(run_id, reason=reason, actor=actor))


@app.task(name="tasks.run_status", ignore_result=False)
def run_status(run_id: str) -> dict[str, Any]:
    """The five answers about a run, for another program."""
    return patiently(lambda: door.status(run_id))


@app.task(name="tasks.notify")
def notify(named: list[list[int]]) -> int:
    """Tell people and programs outside about questions; each of `named` is an id and its tries."""
    return patiently(lambda: deliver.deliver(named))


@app.task(name="tasks.keep_promises")
def keep_promises(named: list[list[int]]) -> int:
    """Send the mails that were promised; each of `named` is a promise's id and its tries."""
    return patiently(lambda: promised.keep(named))


def _owner(task: Task[Any, Any]) -> Owner:
    return Owner(worker=node.worker_name(), task_id=task.request.id or "")
