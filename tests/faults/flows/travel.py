"""Journeys: every step does something out there under its own key, and can be held at three points."""

from pydantic import BaseModel

from aiops.flow import Absent, Retry, StepContext, for_each, parallel, series, step, workflow
from tests.faults.outside import done, effect, gate


class Journey(BaseModel):
    stops: list[int] = []


def act(place: str, context: StepContext) -> int:
    """Before the call, during it, and after it: where a process may be lost."""
    gate(f"{place}.before", context.idempotency_key)
    number = effect(place, context.idempotency_key)
    gate(f"{place}.after", context.idempotency_key)
    return number


@step(effect="idempotent")
def book(context: StepContext) -> int:
    return act("book", context)


def was_charged(context: StepContext) -> int | Absent:
    return done(context.idempotency_key) or Absent()


@step(effect="once", reconcile=was_charged)
def charge(context: StepContext) -> int:
    return act("charge", context)


@step
def confirm(charge: int, context: StepContext) -> int:
    return act("confirm", context)


#: Three steps of one pool: one message.
trip = workflow("trip", input=Journey, flow=series(book, charge, confirm))


@step(effect="once")
def wire(context: StepContext) -> int:
    """Like `charge`, and nobody out there can be asked about it."""
    return act("wire", context)


transfer = workflow("transfer", input=Journey, flow=series(book, wire))


@step(pool="cpu", retry=Retry(attempts=3))
def weigh(context: StepContext) -> int:
    return act("weigh", context)


parcel = workflow("parcel", input=Journey, flow=weigh)


@step
def cabin(context: StepContext) -> int:
    return act("cabin", context)


@step
def luggage(context: StepContext) -> int:
    return act("luggage", context)


@step(effect="idempotent")
def visit(item: int, context: StepContext) -> int:
    return act("visit", context)


#: A chain over two pools, a chord, a map, and an effect at the end of them.
voyage = workflow(
    "voyage",
    input=Journey,
    flow=series(
        book,
        weigh,
        parallel(cabin, luggage),
        for_each(items="input.stops", do=visit, max_parallel=4),
        charge,
        confirm,
    ),
)
