"""Workflows that do nothing but be run: what is measured is the engine."""

from __future__ import annotations

import time

from pydantic import BaseModel

from aiops.flow import for_each, parallel, series, step, workflow


class Start(BaseModel):
    number: int = 1
    items: list[int] = []


@step
def s00(start: Start) -> int:
    return start.number


def _add_one(number: int) -> int:
    return number + 1


@step
def s01(s00: int) -> int:
    return _add_one(s00)


@step
def s02(s01: int) -> int:
    return _add_one(s01)


@step
def s03(s02: int) -> int:
    return _add_one(s02)


@step
def s04(s03: int) -> int:
    return _add_one(s03)


bench_five = workflow("bench_five", version=1, input=Start, flow=series(s00, s01, s02, s03, s04))


@step
def left(s00: int) -> int:
    return s00 + 1


@step(pool="llm")
def right(s00: int) -> int:
    return s00 + 2


@step
def total(left: int, right: int) -> int:
    return left + right


bench_diamond = workflow(
    "bench_diamond", version=1, input=Start, flow=series(s00, parallel(left, right), total)
)


@step
def square(item: int) -> int:
    return item * item


@step
def summed(square: list[int]) -> int:
    return sum(square)


bench_map = workflow(
    "bench_map",
    version=1,
    input=Start,
    flow=series(for_each(items="input.items", do=square, max_parallel=16), summed),
)


@step
def nap(item: int) -> int:
    time.sleep(0.05)
    return item


@step
def napped(nap: list[int]) -> int:
    return len(nap)


bench_naps = workflow(
    "bench_naps",
    version=1,
    input=Start,
    flow=series(for_each(items="input.items", do=nap, max_parallel=16), napped),
)
