"""Someone who waits comes before what may wait: on the real broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from aiops.celery import app
from aiops.execution.canvas import Segment, Vehicle
from aiops.execution.dispatch import Addressee, publish
from aiops.pools import POOLS

QUEUE = POOLS["batch"].queue


@pytest.fixture
def channel() -> Iterator[Any]:
    """The broker's end of a queue that no other test uses, empty before and after."""
    with app.connection_for_read() as connection:
        found: Any = connection.default_channel
        found.queue_purge(QUEUE)
        yield found
        found.queue_purge(QUEUE)


def sent(priority: str) -> Addressee:
    run = Addressee(uuid4(), "mails", priority)
    segment = Segment(pool="batch", names=("classify",), steps=(uuid4(),), epoch=0, limit_s=60)
    publish(run, Vehicle(((segment,),)))
    return run


def taken(channel: Any) -> str:
    message = channel.basic_get(QUEUE, no_ack=True)
    args, *_ = message.decode()
    return str(args[0])


def test_work_that_someone_waits_for_overtakes_work_that_may_wait(channel: Any) -> None:
    for _ in range(20):
        sent("batch")
    interactive = sent("interactive")

    assert taken(channel) == str(interactive.run_id)


def test_work_of_one_priority_keeps_its_order(channel: Any) -> None:
    first, second = sent("batch"), sent("batch")

    assert [taken(channel), taken(channel)] == [str(first.run_id), str(second.run_id)]
