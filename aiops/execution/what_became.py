"""What became of an event, for its sender."""

from __future__ import annotations

from typing import Any

from aiops.models import Became, Signal

_WORDS = {
    Became.KEPT: "It is kept until a run waits for it.",
    Became.WOKE: "A run that waited for it goes on.",
    Became.STARTED: "It has started a run.",
    Became.FAILED: "It is kept; a trigger could not start its run, and a person can try again.",
}


def told(signal: Signal) -> dict[str, Any]:
    """What became of an event. A duplicate is told what became of the first."""
    firings = list(signal.firings.order_by("trigger_name"))
    started = [str(one.run) for one in firings if one.run]
    woken = list(signal.woken)
    return {
        "id": signal.source_id,
        "source": signal.source,
        "event_id": str(signal.id),
        "is_new": signal.is_new,
        "outcome": str(signal.became) if signal.is_new else "duplicate",
        "became": str(signal.became),
        "run_ids": started + [run for run in woken if run not in started],
        "started": started,
        "woke": woken,
        "duplicates": signal.duplicates,
        "errors": [
            {"trigger": one.trigger_name, "message": one.error} for one in firings if one.error
        ],
        "told": _WORDS[Became(signal.became)],
    }
