"""What a step knows about itself, and how it is run."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydantic import BaseModel

from aiops.flow import Absent, Ambiguous, Retry, StepContext, TimedOut, Unsure, step
from aiops.flow.steps import Step


class Order(BaseModel):
    id: str
    pence: int = 0


trace = contextvars.ContextVar("trace", default="none")
taken_back: list[tuple[str, int]] = []


@step
def price(order: Order) -> int:
    return order.pence


@step(pool="llm", timeout_s=5, retry=Retry(attempts=7), says="Reading")
async def read(order: Order, context: StepContext) -> str:
    return f"{order.id} {trace.get()}"


def was_charged(order: Order) -> int | Absent:
    return order.pence if order.id == "known" else Absent()


def give_back(order: Order, result: int) -> None:
    taken_back.append((order.id, result))


@step(pool="effects", effect="once", reconcile=was_charged, undo=give_back)
def charge(order: Order, price: int) -> int:
    return price


@step
async def never_ends(order: Order) -> None:
    await asyncio.Event().wait()


@step
async def cancels_itself(order: Order) -> None:
    raise asyncio.CancelledError


@step
async def loop_id(order: Order) -> int:
    return id(asyncio.get_running_loop())


@step
async def times_out_inside(order: Order) -> None:
    raise TimeoutError("the socket's own")


def test_a_bare_step_has_the_ordinary_options() -> None:
    options = price.options

    assert (options.pool, options.effect, options.timeout_s) == ("io", "pure", 60)
    assert options.retry == Retry(attempts=3)


def test_a_step_keeps_its_options() -> None:
    assert (read.options.pool, read.options.timeout_s) == ("llm", 5)
    assert (read.options.retry.attempts, read.options.says) == (7, "Reading")


def test_a_once_step_is_tried_once_unless_told_otherwise() -> None:
    assert charge.options.retry.attempts == 1


def test_a_step_knows_its_parameters_and_where_it_is() -> None:
    assert read.params == {"order": Order, "context": StepContext}
    assert read.returns is str
    assert read.code == "tests.flow.test_steps:read"
    assert str(read.where).startswith("tests/flow/test_steps.py:")


def test_only_data_has_a_reader() -> None:
    assert list(read.readers) == ["order"]


def test_calling_an_async_step_gives_a_coroutine() -> None:
    coroutine = read(Order(id="a"), StepContext.sample())

    assert asyncio.run(coroutine) == "a none"


def test_the_engine_runs_async_steps_on_one_loop_per_thread() -> None:
    found: list[int] = []

    def in_another_thread() -> None:
        found.extend(loop_id.call({"order": Order(id="a")}) for _ in range(2))

    here = [loop_id.call({"order": Order(id="a")}) for _ in range(2)]
    thread = threading.Thread(target=in_another_thread)
    thread.start()
    thread.join()

    assert here[0] == here[1]
    assert found[0] == found[1] != here[0]


def test_an_async_step_sees_the_context_variables_of_its_call() -> None:
    arguments = {"order": Order(id="a"), "context": StepContext.sample()}
    read.call(arguments)
    token = trace.set("second")

    said = read.call(arguments)

    trace.reset(token)
    assert said == "a second"


def test_an_async_step_ends_when_its_time_is_over() -> None:
    with pytest.raises(TimedOut, match=r"did not end within 0\.01 s"):
        never_ends.call({"order": Order(id="a")}, timeout_s=0.01)


def test_a_timeout_inside_a_step_is_not_taken_for_the_steps_own() -> None:
    with pytest.raises(TimeoutError, match="the socket's own"):
        times_out_inside.call({"order": Order(id="a")}, timeout_s=60)


def test_a_cancellation_from_within_becomes_an_ordinary_failure() -> None:
    with pytest.raises(Ambiguous, match="cancelled from within"):
        cancels_itself.call({"order": Order(id="a")})


@pytest.mark.parametrize(("order_id", "answer"), [("known", 5), ("unknown", Absent())])
def test_reconcile_is_asked_with_the_parameters_it_names(order_id: str, answer: object) -> None:
    assert charge.ask({"order": Order(id=order_id, pence=5), "price": 5}) == answer


def test_a_step_without_reconcile_is_unsure() -> None:
    assert price.ask({"order": Order(id="a")}) == Unsure()


def test_undo_gets_the_result_as_the_step_returned_it() -> None:
    taken_back.clear()

    charge.take_back({"order": Order(id="a"), "price": 7}, 7)

    assert taken_back == [("a", 7)]


def test_a_step_without_undo_has_nothing_to_take_back() -> None:
    price.take_back({"order": Order(id="a")}, 7)

    assert price.undo is None


def test_an_undo_may_be_a_step() -> None:
    made = step(undo=price)(charge.fn)

    assert isinstance(made, Step)
    assert made.undo is price.fn


FORKED = """
import gc, os
from tests.flow.test_steps import Order, loop_id, wakes_up

order = {"order": Order(id="a")}
before = loop_id.call(order)
child = os.fork()
if child == 0:
    differs = loop_id.call(order) != before
    gc.collect()
    os._exit(0 if differs else 1)
status = os.waitpid(child, 0)[1]
assert status == 0, "the child used its parent's loop"
assert wakes_up.call(order, timeout_s=5) == "woken", "the child broke its parent's loop"
"""


@step
async def wakes_up(order: Order) -> str:
    """Is woken by another thread while its loop waits, through the loop's own pipe."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[str] = loop.create_future()
    threading.Timer(0.1, loop.call_soon_threadsafe, (woken.set_result, "woken")).start()
    return await woken


def test_a_forked_worker_has_a_loop_of_its_own_and_leaves_its_parents_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
