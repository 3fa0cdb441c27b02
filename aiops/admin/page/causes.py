"""Failures by cause, as the dashboard shows them: the groups that stop most runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.utils.safestring import SafeString

from aiops.admin.page import links, words
from aiops.admin.page.amounts import count
from aiops.admin.page.overview import HARMLESS
from aiops.admin.page.svg import tag
from aiops.execution.failures import FailureGroupRow
from aiops.execution.verdict import ORDER
from aiops.models import GroupState

MOST_SHOWN = 7
_WIDTH, _HEIGHT = 76.0, 22.0


@dataclass(frozen=True, slots=True)
class Cause:
    """One group of failures."""

    title: str
    hint: str
    url: str
    trend: SafeString
    steps: int
    runs: str
    chips: list[words.Look]
    owner: str
    #: How many of its runs a retry does no harm to.
    harmless: int


def shown(groups: Iterable[FailureGroupRow]) -> list[Cause]:
    """The groups in which something stands still and nobody has decided."""
    is_open = (one for one in groups if one.state == GroupState.OPEN and one.steps)
    return [_shown(one) for one, _ in zip(is_open, range(MOST_SHOWN), strict=False)]


def _shown(group: FailureGroupRow) -> Cause:
    return Cause(
        title=group.title,
        hint=group.hint,
        url=links.shown_if_there("admin:aiops_failuregroup_change", group.fingerprint)
        or links.runs(group=group.fingerprint),
        trend=trend(group.hours),
        steps=group.steps,
        runs=count(group.runs, "run"),
        chips=[
            chip(verdict, group.verdicts[verdict]) for verdict in ORDER if verdict in group.verdicts
        ],
        owner=group.owner,
        harmless=sum(group.verdicts.get(verdict, 0) for verdict in HARMLESS),
    )


#: A verdict after a number: "3 safe".
_SHORT: dict[str, str] = {"safe": "safe", "keyed": "deduplicated", "decide": "to decide"}


def chip(verdict: str, number: int) -> words.Look:
    look = words.VERDICT[verdict]
    return replace(look, word=f"{number:,} {_SHORT.get(verdict, look.word.lower())}")


def trend(hours: Sequence[int]) -> SafeString:
    """Failed tries hour by hour; how many there were is said to those who listen."""
    most, width = max([*hours, 1]), _WIDTH / max(len(hours), 1)
    bars = [
        tag(
            "rect",
            class_="some" if number else "none",
            x=place * width + 0.5,
            y=_HEIGHT - max(1.5, _HEIGHT * number / most),
            width=width - 1,
            height=max(1.5, _HEIGHT * number / most),
        )
        for place, number in enumerate(hours)
    ]
    return tag(
        "svg",
        *bars,
        class_="cx-trend tone-red",
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        width=_WIDTH,
        height=_HEIGHT,
        role="img",
        aria_label=f"{count(sum(hours), 'failed try', 'failed tries')} in the last 24 hours",
    )
