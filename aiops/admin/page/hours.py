"""Finished runs per hour: a chart of bars that lead to the runs of their hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from django.utils.safestring import SafeString

from aiops.admin.page import links
from aiops.admin.page.amounts import money
from aiops.admin.page.overview import Ended
from aiops.admin.page.svg import tag, text
from aiops.models import RunState

HOURS = 24
WIDTH, HEIGHT = 760.0, 272.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 4.0, 8.0, 20.0
_TICKS = 4
#: A mark every so many hours.
_MARK_H = 3


@dataclass(frozen=True, slots=True)
class Series:
    """How some runs ended: a colour of the bars."""

    word: str
    tone: str
    states: tuple[str, ...]


#: From the foot of a bar upwards.
SERIES: tuple[Series, ...] = (
    Series("Succeeded", "green", (RunState.SUCCEEDED, RunState.PARTIAL)),
    Series("Failed", "red", (RunState.FAILED,)),
    Series("Cancelled", "slate", (RunState.CANCELLED,)),
)
_OF_STATE: dict[str, int] = {s: place for place, one in enumerate(SERIES) for s in one.states}


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour, with how many runs of each series ended in it."""

    begin: datetime
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """The chart and what is said above it."""

    chart: SafeString
    legend: list[tuple[Series, int]]
    success: str
    spend: str


def begin_of(now: datetime) -> datetime:
    """Where the first of the 24 hours begins; the present one is the last."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour - timedelta(hours=HOURS - 1)


def finished(ended: Sequence[Ended], begin: datetime, spent_microusd: int | None) -> Finished:
    """What ended since `begin`, which is the beginning of an hour."""
    hours = by_hour(ended, begin)
    totals = [sum(hour.numbers[place] for hour in hours) for place in range(len(SERIES))]
    return Finished(
        chart=draw(hours),
        legend=list(zip(SERIES, totals, strict=True)),
        success=success(totals[0], totals[1]),
        spend="cost not known" if spent_microusd is None else money(spent_microusd),
    )


def by_hour(ended: Sequence[Ended], begin: datetime) -> list[Hour]:
    """One for each of the 24 hours, those without a run as well."""
    numbers: Counter[tuple[datetime, int]] = Counter()
    for state, hour, number in ended:
        numbers[hour, _OF_STATE[state]] += number
    hours = [begin + timedelta(hours=place) for place in range(HOURS)]
    return [Hour(hour, tuple(numbers[hour, n] for n in range(len(SERIES)))) for hour in hours]


def success(succeeded: int, failed: int) -> str:
    """The share that succeeded of what was not cancelled; "" when there is nothing to share."""
    return f"{100 * succeeded / (succeeded + failed):.1f} %" if succeeded + failed else ""


def draw(hours: Sequence[Hour]) -> SafeString:
    """The picture; a person who listens hears each hour as a link with its numbers."""
    most = max([sum(hour.numbers) for hour in hours], default=0)
    step = tick_step(most)
    top = max(step * ceil(most / step), step)
    return tag(
        "svg",
        *_grid(top, step),
        *(piece for place, hour in enumerate(hours) for piece in _column(hour, place, top)),
        class_="cx-chart",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="group",
        aria_label="Finished runs per hour",
    )


def tick_step(most: int) -> int:
    """A round distance of lines, so that few are needed."""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if most <= step * _TICKS:
                return step
        size *= 10


def told(hour: Hour) -> str:
    """An hour in words: `15:00: 5 succeeded, 2 failed`."""
    parts = [
        f"{number:,} {series.word.lower()}"
        for series, number in zip(SERIES, hour.numbers, strict=True)
        if number
    ]
    return f"{hour.begin:%H:%M}: {', '.join(parts)}"


def _grid(top: int, step: int) -> Iterator[SafeString]:
    for value in range(0, top + 1, step):
        y = _y(value, top)
        yield tag("line", class_="grid", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y)
        yield text(_LEFT - 6, y + 3.5, f"{value:,}", "axis", text_anchor="end")


def _column(hour: Hour, place: int, top: int) -> Iterator[SafeString]:
    width = (WIDTH - _LEFT - _RIGHT) / HOURS
    x = _LEFT + place * width
    if any(hour.numbers):
        # A bar's own address would say "state": an hour is looked at whole.
        url = links.runs(
            view="all", ended_since=hour.begin, ended_until=hour.begin + timedelta(hours=1)
        )
        yield tag(
            "a",
            tag("title", told(hour)),
            tag("rect", class_="hit", x=x, y=_TOP, width=width, height=_y(0, top) - _TOP),
            *_bars(hour, x + width * 0.16, width * 0.68, top),
            href=url,
            aria_label=told(hour),
        )
    if place % _MARK_H == 0:
        yield text(x + width / 2, HEIGHT - 5, f"{hour.begin:%H:%M}", "axis", text_anchor="middle")


def _bars(hour: Hour, x: float, width: float, top: int) -> Iterator[SafeString]:
    below = 0
    for series, number in zip(SERIES, hour.numbers, strict=True):
        if number:
            y, foot = _y(below + number, top), _y(below, top)
            # A line of the page between two colours; what is very small stays visible.
            height = max(foot - y - 1, 1.5)
            yield tag(
                "rect",
                class_=f"bar tone-{series.tone}",
                x=x,
                y=foot - height,
                width=width,
                height=height,
                rx=2,
            )
        below += number


def _y(value: float, top: int) -> float:
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / top)
