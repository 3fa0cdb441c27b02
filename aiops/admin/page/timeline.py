"""The timeline of a run: one row for each step, one bar for each attempt and each wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils.safestring import SafeString

from aiops.admin.page.amounts import clipped, length, tick
from aiops.admin.page.axis import Axis, axis
from aiops.admin.page.svg import icon, rect, tag, text
from aiops.admin.page.words import Look

WIDTH, ROW, TOP, LABELS = 780.0, 32.0, 26.0, 166.0
_RIGHT = 14.0
#: A bar that is wide enough says how long it took.
_SAID_FROM = 52.0

#: What a bar is: work that succeeded, work that did not, work that goes on, a wait on purpose, time
#: in a queue, time until the next attempt.
Kind = Literal["done", "bad", "now", "wait", "queue", "backoff"]
_BUSY: frozenset[str] = frozenset({"done", "bad", "now"})


@dataclass(frozen=True, slots=True)
class Bar:
    kind: Kind
    tone: str
    begin: datetime
    end: datetime
    #: What it is, in words.
    title: str

    @property
    def length_s(self) -> float:
        return (self.end - self.begin).total_seconds()


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    look: Look
    bars: tuple[Bar, ...]


def draw(
    rows: Sequence[Row], *, begin: datetime, end: datetime, now: datetime | None
) -> SafeString:
    """Draw the rows; `now` marks the present of a run that goes on."""
    scale = _Scale(begin, _axis(rows, begin, end))
    height = TOP + ROW * len(rows) + 6
    marks = [] if now is None else _now(scale, now, height)
    return tag(
        "svg",
        _patterns(),
        *(mark for fold in scale.axis.folds for mark in _fold(scale, fold, height)),
        *(mark for at_s in scale.axis.ticks() for mark in _tick(scale, at_s, height)),
        *(_row(row, TOP + ROW * place, scale) for place, row in enumerate(rows)),
        *marks,
        class_="cx-timeline",
        role="group",
        aria_label=f"Timeline over {length(scale.axis.whole_s)}",
        viewBox=f"0 0 {WIDTH:g} {height:g}",
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: datetime
    axis: Axis

    def x(self, at_s: float) -> float:
        return LABELS + self.axis.place(at_s) * (WIDTH - LABELS - _RIGHT)

    def at(self, moment: datetime) -> float:
        return self.x((moment - self.begin).total_seconds())


def _axis(rows: Sequence[Row], begin: datetime, end: datetime) -> Axis:
    busy = [
        ((bar.begin - begin).total_seconds(), (bar.end - begin).total_seconds())
        for row in rows
        for bar in row.bars
        if bar.kind in _BUSY
    ]
    return axis((end - begin).total_seconds(), busy)


def _patterns() -> SafeString:
    return tag("defs", _hatch("cx-hatch", 45), _hatch("cx-folded", -45))


def _hatch(name: str, angle: int) -> SafeString:
    line = tag("line", x1=0, y1=0, x2=0, y2=6, class_=f"{name}-line")
    turned = f"rotate({angle})"
    return tag(
        *("pattern", line),
        id=name,
        width=6,
        height=6,
        patternUnits="userSpaceOnUse",
        patternTransform=turned,
    )


def _fold(scale: _Scale, fold: tuple[float, float], height: float) -> list[SafeString]:
    left, right = scale.x(fold[0]), scale.x(fold[1])
    told = f"{length(fold[1] - fold[0])} folded"
    band = tag(
        *("rect", tag("title", f"{told}: nothing was worked on")),
        fill="url(#cx-folded)",
        x=left,
        y=TOP - 4,
        width=right - left,
        height=height - TOP,
    )
    # "now" may stand at the right end of it.
    return [band, text(left + 3, 14, told, "folded")]


def _tick(scale: _Scale, at_s: float, height: float) -> list[SafeString]:
    x = scale.x(at_s)
    return [
        tag("line", class_="grid", x1=x, x2=x, y1=TOP - 6, y2=height - 4),
        text(x, 14, tick(at_s), "mark", text_anchor="middle"),
    ]


def _now(scale: _Scale, now: datetime, height: float) -> list[SafeString]:
    x = scale.at(now)
    return [
        tag("line", class_="now", x1=x, x2=x, y1=TOP - 6, y2=height - 4),
        text(min(x, WIDTH - _RIGHT), 14, "now", "now-word", text_anchor="middle"),
    ]


def _row(row: Row, y: float, scale: _Scale) -> SafeString:
    return tag(
        "a",
        tag("title", f"{row.name}: {row.look.word}"),
        rect(0, y, WIDTH, ROW - 2, "back"),
        icon(6, y + 21, row.look.icon, "icon"),
        text(30, y + 20, clipped(row.name, 19), "label"),
        *(drawn for bar in row.bars for drawn in _bar(bar, y, scale)),
        href=f"#step-{row.name}",
        class_=f"row tone-{row.look.tone}",
    )


def _bar(bar: Bar, y: float, scale: _Scale) -> list[SafeString]:
    left, right = scale.at(bar.begin), scale.at(bar.end)
    title = tag("title", f"{bar.title}, {length(bar.length_s)}")
    if bar.kind == "queue":
        return [rect(left, y + 13, max(right - left, 0.5), 4, "queue", title)]
    if bar.kind == "backoff":
        hatched = tag(
            *("rect", title), fill="url(#cx-hatch)", x=left, y=y + 9, width=right - left, height=12
        )
        return [hatched]
    drawn = [
        rect(left, y + 6, max(right - left, 3.0), 18, f"bar k-{bar.kind} tone-{bar.tone}", title)
    ]
    if right - left > _SAID_FROM:
        middle = (left + right) / 2
        said = f"said k-{bar.kind}"
        drawn.append(text(middle, y + 19, length(bar.length_s), said, text_anchor="middle"))
    return drawn
