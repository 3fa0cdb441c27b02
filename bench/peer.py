"""The peer: a bare Celery app on the same broker, set as ours where that changes what it costs."""

from __future__ import annotations

import os
import time

from celery import Celery
from kombu import Queue

NAP_S = 0.05
VICTIM_S = 300.0
#: Two queues, each with a worker of its own, as two of our pools.
QUEUES = ("peer.a", "peer.b")
VICTIM_QUEUE = "peer.victim"

app = Celery("peer", broker=os.environ.get("BROKER_URL"), backend=os.environ.get("RESULT_URL"))
app.conf.update(
    task_queues=[Queue(name) for name in (*QUEUES, VICTIM_QUEUE)],
    task_default_queue=QUEUES[0],
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    # Not the visibility timeout: recovery is measured with Celery's own.
    broker_transport_options={"global_keyprefix": "peer:"},
    result_backend_transport_options={"global_keyprefix": "peer:"},
    result_expires=3600,
    broker_connection_retry_on_startup=True,
)


@app.task(name="peer.add")
def add(number: int) -> int:
    return number + 1


@app.task(name="peer.add_leanly", ignore_result=True)
def add_leanly(number: int) -> int:
    return number + 1


@app.task(name="peer.square")
def square(item: int) -> int:
    return item * item


@app.task(name="peer.total")
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task(name="peer.nap")
def nap(item: int) -> int:
    time.sleep(NAP_S)
    return item


@app.task(name="peer.victim")
def victim(path: str) -> None:
    """Hang the first time, so that the worker can be killed; tell that there was a second."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        os.close(os.open(f"{path}.again", os.O_CREAT))
        return
    time.sleep(VICTIM_S)
