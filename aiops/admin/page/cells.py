"""Cells of the list of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db.models import Count
from django.utils.html import format_html
from django.utils.safestring import SafeString

from aiops.admin.page import words
from aiops.admin.page.svg import rect, tag
from aiops.models import Step, StepState
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


def chip(look: words.Look) -> SafeString:
    """A state or a verdict: colour, icon and word."""
    return format_html(
        '<span class="cx-chip tone-{}"><span class="material-symbols-outlined" aria-hidden="true">'
        "{}</span>{}</span>",
        *(look.tone, look.icon, look.word),
    )


def named(title: str, more: str) -> SafeString:
    """A title with a line below it."""
    return format_html('<span class="cx-cell">{}<small>{}</small></span>', title, more)


def progress_of(run_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """How many steps of each run are in which state: one query, items not counted."""
    rows = (
        Step.objects.filter(run__in=run_ids, map__isnull=True)
        .values_list("run_id", "state")
        .annotate(number=Count("id"))
        .order_by()
    )
    found: dict[UUID, dict[str, int]] = {}
    for run_id, state, number in rows:
        found.setdefault(run_id, {})[state] = number
    return found


def progress(states: Mapping[str, int]) -> SafeString:
    """A bar of segments with its numbers in words."""
    total = sum(states.values())
    done = sum(states.get(state, 0) for state in DONE)
    bar = tag(
        "svg",
        *_segments(states, total),
        class_="cx-segments",
        aria_hidden="true",
        viewBox=f"0 0 {_WIDTH:g} 8",
        width=_WIDTH,
        height=8,
    )
    return format_html(
        '<span class="cx-progress">{}<small>{} of {}</small></span>', bar, done, total
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
