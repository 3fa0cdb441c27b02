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
from aiops.webhooks import deliver as webhooks
from tasks.entry import Entry


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


# What other programs send (docs/celery-messages.md). Whatever comes is judged by the door: a message
# that is wrong is answered, and does not fail.


@app.task(name="tasks.start_run", base=Entry)
def start_run(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Start a run: workflow, input; the options of a start, and `dry_run`."""
    return patiently(lambda: door.answer("start_run", args, kwargs))


@app.task(name="tasks.cancel_run", base=Entry)
def cancel_run(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Cancel a run: run_id, reason, actor."""
    return patiently(lambda: door.answer("cancel_run", args, kwargs))


@app.task(name="tasks.run_status", base=Entry)
def run_status(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """The five answers about a run: run_id."""
    return patiently(lambda: door.answer("run_status", args, kwargs))


@app.task(name="tasks.send_event", base=Entry)
def send_event(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Send an event: event (CloudEvents 1.0), tenant, actor."""
    return patiently(lambda: door.answer("send_event", args, kwargs))


@app.task(name="tasks.notify")
def notify(named: list[list[int]]) -> int:
    """Tell people and programs outside about questions; each of `named` is an id and its tries."""
    return patiently(lambda: deliver.deliver(named))


@app.task(name="tasks.deliver_webhooks")
def deliver_webhooks(endpoint_id: str, turn: int) -> int:
    """Send what is due to one webhook, for a while."""
    return patiently(lambda: webhooks.deliver(UUID(endpoint_id), turn))


@app.task(name="tasks.keep_promises")
def keep_promises(named: list[list[int]]) -> int:
    """Send the mails that were promised; each of `named` is a promise's id and its tries."""
    return patiently(lambda: promised.keep(named))


def _owner(task: Task[Any, Any]) -> Owner:
    return Owner(worker=node.worker_name(), task_id=task.request.id or "")
