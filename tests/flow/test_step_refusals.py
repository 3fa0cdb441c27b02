"""A step that could not run is refused where it is declared."""

from __future__ import annotations

from collections.abc import Callable

import pytest

HEAD = """\
import asyncio
from typing import Any, Iterator
from pydantic import BaseModel
from aiops.flow import Retry, StepContext, step
class Order(BaseModel):
    id: str
class Socket:
    pass
"""

CASES = {
    "no return type": (
        "@step  # here\ndef ship(order: Order): ...",
        "step 'ship' does not say what it returns: add -> and a type",
    ),
    "no parameter type": (
        "@step  # here\ndef ship(order) -> None: ...",
        "step 'ship': the parameter 'order' needs a type",
    ),
    "a type that is not there": (
        "@step  # here\ndef ship(order: 'Ordr') -> None: ...",
        "a type of step 'ship' cannot be read (name 'Ordr' is not defined): define or import it "
        "above the step, and not only under TYPE_CHECKING",
    ),
    "streams that is no yes or no": (
        "@step(streams='yes')  # here\ndef ship(order: Order) -> None: ...",
        "step 'ship' has streams='yes': say True or False",
    ),
    "star args": (
        "@step  # here\ndef ship(*orders: Order) -> None: ...",
        "step 'ship' has *orders: name each parameter after what it takes",
    ),
    "star kwargs": (
        "@step  # here\ndef ship(**orders: Order) -> None: ...",
        "step 'ship' has **orders: name each parameter after what it takes",
    ),
    "positional only": (
        "@step  # here\ndef ship(order: Order, /) -> None: ...",
        "step 'ship': 'order' is given by name, so remove the '/'",
    ),
    "context of another type": (
        "@step  # here\ndef ship(context: dict) -> None: ...",
        "step 'ship': 'context' is a StepContext, not dict: rename the parameter, or correct its "
        "type",
    ),
    "a parameter that cannot travel": (
        "@step  # here\ndef ship(socket: Socket) -> None: ...",
        "the parameter 'socket' of step 'ship' is Socket, which cannot travel as JSON: use a "
        "pydantic model, a dataclass or plain types",
    ),
    "a result that cannot travel": (
        "@step  # here\ndef ship(order: Order) -> list[Socket]: ...",
        "the result of step 'ship' is list[Socket], which cannot travel as JSON: use a pydantic "
        "model, a dataclass or plain types",
    ),
    "a lambda": (
        "ship = step(lambda order: None)  # here",
        "a lambda cannot be a step, because workers could not find it: move it to the top of the "
        "file, with def and a name",
    ),
    "a nested function": (
        "def outer():\n    @step  # here\n    def ship(order: Order) -> None: ...\nouter()",
        "'outer.<locals>.ship' cannot be a step, because workers could not find it: move it to the "
        "top of the file, with def and a name",
    ),
    "a class": (
        "step(Order)  # here",
        "<class 'MODULE.Order'> cannot be a step: use a plain function (def)",
    ),
    "a generator": (
        "@step  # here\ndef ship(order: Order) -> Iterator[int]:\n    yield 1",
        "step 'ship' yields: return one value, and show what is there so far with "
        "context.partial(text)",
    ),
    "a reserved name": (
        "@step  # here\ndef item(order: Order) -> None: ...",
        "a step cannot be named 'item': that is a name of its own here",
    ),
    "an effect that is not there": (
        "@step(effect='idempotant')  # here\ndef ship(order: Order) -> None: ...",
        "step 'ship': there is no effect 'idempotant'; did you mean 'idempotent'?",
    ),
    "once with retries": (
        "@step(effect='once', retry=Retry(attempts=3))  # here\ndef ship(order: Order) -> None: ...",
        "step 'ship' has the effect 'once' and Retry(attempts=3): it is never repeated blindly. "
        "Leave the retry out, or make it 'idempotent' with context.idempotency_key",
    ),
    "reconcile of a pure step": (
        "def look(order: Order) -> None: ...\n"
        "@step(reconcile=look)  # here\ndef ship(order: Order) -> None: ...",
        "step 'ship' has a reconcile and the effect 'pure', which is simply repeated: say "
        "effect='once', or leave reconcile out",
    ),
    "reconcile of something unknown": (
        "def look(oder: Order) -> None: ...\n"
        "@step(effect='once', reconcile=look)  # here\ndef ship(order: Order) -> None: ...",
        "the reconcile of step 'ship' asks for 'oder', which it cannot have; did you mean 'order'?",
    ),
    "undo of something unknown": (
        "def back(order: Order, reslt: int) -> None: ...\n"
        "@step(undo=back)  # here\ndef ship(order: Order) -> int: ...",
        "the undo of step 'ship' asks for 'reslt', which it cannot have; did you mean 'result'?",
    ),
    "undo of a step that takes a result": (
        "def back(result: int) -> None: ...\n"
        "@step(undo=back)  # here\ndef ship(result: int) -> int: ...",
        "step 'ship' has an undo and a parameter 'result', which an undo reads as the step's own "
        "result: rename the parameter",
    ),
    "undo that is no function": (
        "@step(undo='back')  # here\ndef ship(order: Order) -> int: ...",
        "step 'ship': undo must be a function, not 'back'",
    ),
    "a pool that is not there": (
        "@step(pool='lm')  # here\ndef ship(order: Order) -> int: ...",
        "step 'ship': there is no pool 'lm'; did you mean 'llm'?",
    ),
    "the engine's pool": (
        "@step(pool='control')  # here\ndef ship(order: Order) -> int: ...",
        "step 'ship' is in the pool 'control', which never runs an author's code: choose one of "
        "io, llm, cpu, effects, batch",
    ),
    "no time": (
        "@step(timeout_s=0)  # here\ndef ship(order: Order) -> int: ...",
        "step 'ship' has timeout_s=0: give more than 0 and at most 86400 seconds (pool 'io')",
    ),
    "more time than a killable pool gives": (
        "@step(pool='cpu', timeout_s=7200)  # here\ndef ship(order: Order) -> int: ...",
        "step 'ship' has timeout_s=7200: give more than 0 and at most 3600 seconds (pool 'cpu')",
    ),
    "time that is no number": (
        "@step(timeout_s=True)  # here\ndef ship(order: Order) -> int: ...",
        "step 'ship' has timeout_s=True: give more than 0 and at most 86400 seconds (pool 'io')",
    ),
}


@pytest.mark.parametrize(("body", "message"), CASES.values(), ids=CASES)
def test_a_step_is_refused_with_its_line(
    body: str, message: str, refusal: Callable[[str], str]
) -> None:
    refused = refusal(HEAD + body + "\n")

    module = refused.split("<class '")[-1].split(".")[0]
    assert refused == message.replace("MODULE", module)
