"""The bar of a run's steps: one segment for each."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.html import format_html
from django.utils.safestring import SafeString

from aiops.admin.page import words
from aiops.admin.page.amounts import count
from aiops.admin.page.svg import rect, tag
from aiops.models import StepState
from aiops.models.step import DONE

#: States in the order in which a bar shows them.
_ORDER: tuple[str, ...] = (
    *(StepState.SUCCEEDED, StepState.SKIPPED, StepState.ATTENTION, StepState.FAILED),
    *(StepState.RUNNING, StepState.RETRYING, StepState.WAITING, StepState.QUEUED),
    *(StepState.CANCELLED, StepState.PENDING),
)
#: Up to so many steps, each has a segment of its own.
_SEGMENTS = 16
_WIDTH = 96.0


def bar(states: Mapping[str, int], retries: int = 0) -> SafeString:
    """How many steps are in which state, with the numbers in words below."""
    total = sum(states.values())
    done = sum(states.get(state, 0) for state in DONE)
    picture = tag(
        "svg",
        *_segments(states, total),
        class_="cx-segments",
        aria_hidden="true",
        viewBox=f"0 0 {_WIDTH:g} 8",
        width=_WIDTH,
        height=8,
    )
    again = f" · {count(retries, 'retry', 'retries')}" if retries > 0 else ""
    return format_html(
        '<span class="cx-progress">{}<small>{} of {}{}</small></span>', picture, done, total, again
    )


def _segments(states: Mapping[str, int], total: int) -> list[SafeString]:
    gap = 3.0 if total <= _SEGMENTS else 0.0
    unit, x, drawn = _WIDTH / (total or 1), 0.0, []
    for state in _ORDER:
        number = states.get(state, 0)
        pieces = number if gap else min(number, 1)
        for _ in range(pieces):
            width = unit * number / pieces
            shape = f"tone-{words.STEP[state].tone} s-{state}"
            drawn.append(rect(x, 0, max(width - gap, 1.0), 8, shape))
            x += width
    return drawn
