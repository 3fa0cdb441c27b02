"""The same job twice: ask a model, then send what it said, once. As a workflow of ours, and in plain Celery."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError

from celery import Celery, Signature
from kombu import Queue
from pydantic import BaseModel

from aiops.flow import Absent, Retry, StepContext, series, step, workflow
from aiops.providers.port import complete
from bench.provider import ask

#: Ours are in a pool that no other measure uses; its worker has the peer's number of slots.
POOL = "batch"
SLOTS = 4
QUEUE = "peer.faulty"
MODEL = "faulty"
#: How long the outside takes to send something.
SEND_S = 0.25
#: Where the peer's tasks say how long each has held its slot.
SLOT_KEY = "bench:slot_s"


class Job(BaseModel):
    key: str


def send(key: str) -> None:
    ask(f"{os.environ['BENCH_PROVIDER']}/effects/{key}", {"slow_s": SEND_S})


# Ours


@step(pool=POOL, timeout_s=60, retry=Retry(attempts=10))
def answered(job: Job) -> str:
    return complete(f"Answer {job.key}", max_tokens=50, timeout_s=30).text


def was_it_sent(job: Job) -> str | Absent:
    try:
        ask(f"{os.environ['BENCH_PROVIDER']}/effects/{job.key}")
    except HTTPError:
        return Absent()
    return job.key


@step(pool=POOL, effect="once", timeout_s=30, reconcile=was_it_sent)
def told(job: Job, answered: str, context: StepContext) -> str:
    send(job.key)
    return job.key


answering = workflow("bench_answering", version=1, input=Job, flow=series(answered, told))


# Plain Celery, as its documentation has it: retry everything, with a back-off; acknowledge late.

app = Celery("peer", broker=os.environ.get("BROKER_URL"), backend=os.environ.get("RESULT_URL"))
app.conf.update(
    task_queues=[Queue(QUEUE)],
    task_default_queue=QUEUE,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    broker_transport_options={"global_keyprefix": "peer:"},
    result_backend_transport_options={"global_keyprefix": "peer:"},
    broker_connection_retry_on_startup=True,
)
_RETRIES: dict[str, Any] = {
    "autoretry_for": (Exception,),
    "retry_backoff": True,
    "max_retries": 10,
    "acks_late": True,
}


@contextmanager
def _slot() -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        app.backend.client.rpush(SLOT_KEY, time.monotonic() - began)


@app.task(name="peer.answer", **_RETRIES)
def answer(key: str) -> str:
    with _slot():
        # Imported here: the process that only sends the tasks needs no client.
        from openai import OpenAI

        client = OpenAI(base_url=f"{os.environ['BENCH_PROVIDER']}/v1", api_key="none")
        found = client.chat.completions.create(
            model=MODEL, max_tokens=50, messages=[{"role": "user", "content": f"Answer {key}"}]
        )
        return found.choices[0].message.content or ""


@app.task(name="peer.tell", **_RETRIES)
def tell(said: str, key: str) -> str:
    with _slot():
        send(key)
        return key


def job(key: str) -> Signature:
    return answer.s(key) | tell.s(key)
