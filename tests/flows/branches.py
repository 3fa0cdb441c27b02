"""Branches that a step chooses, one of them inside another."""

from __future__ import annotations

from typing import Literal

from aiops.flow import choose, series, step, workflow
from tests.flows.script import Job, script


def side(job: Job) -> Literal["left", "right", "none"]:
    return script.act("side", "left")


def deeper(go_left: int) -> Literal["yes", "no"]:
    return script.act("deeper", "no")


@step
def go_left(job: Job) -> int:
    return script.act("go_left", 1)


@step
def go_deep(go_left: int) -> int:
    return script.act("go_deep", go_left + 1)


@step
def go_right(job: Job) -> int:
    return script.act("go_right", 2)


@step
def tell(go_left: int | None, go_deep: int | None, go_right: int | None) -> list[int | None]:
    return script.act("tell", [go_left, go_deep, go_right])


fork = workflow(
    "fork",
    input=Job,
    flow=series(
        choose(
            side,
            {
                "left": series(go_left, choose(deeper, {"yes": go_deep, "no": None})),
                "right": go_right,
                "none": None,
            },
        ),
        tell,
    ),
)
