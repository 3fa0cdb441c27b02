"""Cells of the list of runs."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from aiops.admin.page import words
from aiops.admin.page.amounts import clipped, from_now, money, rough
from aiops.execution.user_view import reference
from aiops.models import Run, RunState

#: Two lines of a cell hold about so much; the whole text is in its title.
_WHY = 110


def chip(look: words.Look) -> SafeString:
    """A state or a verdict: colour, icon and word."""
    return format_html(
        '<span class="cx-chip tone-{}"><span class="material-symbols-outlined" aria-hidden="true">'
        "{}</span>{}</span>",
        *(look.tone, look.icon, look.word),
    )


def named(run: Run) -> SafeString:
    """What it is about; its workflow, its id and for whom it is below."""
    return format_html(
        '<span class="cx-cell"><b>{}</b><small>{} v{} '
        '<span class="cx-mono">{}</span> · {}</small></span>',
        *(run.title or run.workflow, run.workflow, run.version.version),
        *(reference(str(run.pk)), run.tenant),
    )


def why(run: Run, problem: str, held: str) -> SafeString:
    """What went wrong in a run that has stopped, else why it is where it is."""
    stands_still = run.state in (RunState.FAILED, RunState.ATTENTION)
    told = (problem if stands_still else held) or run.reason
    if not told:
        return SafeString("")
    return format_html('<span class="cx-why" title="{}">{}</span>', told, clipped(told, _WHY))


def started(run: Run, now: datetime, cost_microusd: int | None) -> SafeString:
    """When it was accepted; how long it took, or is open, and what it cost as far as is known."""
    lasted_s = ((run.finished_at or now) - run.created_at).total_seconds()
    lasted = f"{'took' if run.finished_at else 'open'} {rough(lasted_s)}"
    spent = f" · {money(cost_microusd)}" if cost_microusd is not None else ""
    return format_html(
        '<span class="cx-cell cx-when"><time datetime="{}" title="{}">{}</time>'
        "<small>{}{}</small></span>",
        *(run.created_at.isoformat(), f"{run.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
        *(from_now(run.created_at, now), lasted, spent),
    )
