"""Models and steps from which tests build their flows."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from aiops.flow import Decision, StepContext, step


class Order(BaseModel):
    id: str
    lines: list[str] = []
    urgent: bool = False


class Label(BaseModel):
    text: str


class Paid(BaseModel):
    pence: int
    at: datetime


@step
def check(order: Order) -> bool:
    return bool(order.lines)


@step
def label(order: Order) -> Label:
    return Label(text=f"to {order.id}")


@step
def weigh(order: Order) -> int:
    return len(order.lines)


@step
def page(order: Order) -> str:
    return "paged"


@step
def call(order: Order) -> str:
    return "called"


@step
def split(order: Order) -> list[str]:
    return order.lines


@step
def pack(item: str) -> str:
    if item == "broken":
        raise ValueError("it is broken")
    return item.upper()


@step
def number(line: str, order: Order, context: StepContext) -> str:
    return f"{order.id}/{context.item}/{line}"


@step
def close(order: Order) -> str:
    return f"closed {order.id}"


@step
def report(page: str | None, call: str | None) -> str:
    return page or call or "nobody was told"


@step
def record(approval: Decision) -> str:
    return f"{approval.by}: {approval.approved}"


@step
def receipt(order_paid: Paid) -> int:
    return order_paid.pence


@step
def relabel(ship: Label) -> Label:
    return Label(text=ship.text + "!")


def urgency(order: Order) -> Literal["now", "later"]:
    return "now" if order.urgent else "later"


def anything(order: Order) -> str:
    return order.id


async def slow_urgency(order: Order) -> Literal["now", "later"]:
    return "now"
