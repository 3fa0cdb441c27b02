"""What the user sees, for the one partial that the user's page and the operators' page share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiops.models import RunState

#: The colour of the widget: the states that are not here are at work.
_MOODS: dict[str, str] = {
    **dict.fromkeys((RunState.SUCCEEDED, RunState.PARTIAL), "ok"),
    **dict.fromkeys((RunState.QUEUED, RunState.WAITING, RunState.ATTENTION), "wait"),
    **dict.fromkeys((RunState.CANCELLING, RunState.CANCELLED), "off"),
    RunState.RETRYING: "slow",
    RunState.FAILED: "bad",
}


def widget(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The context of `console/user_widget.html`, from the five answers."""
    seen = answers["user"]
    places = [part["place"] for part in seen["parts"]]
    mood = _MOODS.get(seen["state"], "work")
    return {
        **seen,
        "title": answers["title"],
        "mood": mood,
        "percent": round(seen["progress"] * 100),
        # A bar that stands still for ever says nothing.
        "has_bar": mood not in ("bad", "off"),
        "count": _count(places, is_done=mood == "ok"),
        "reference": reference(answers["run_id"]).upper(),
    }


def reference(run_id: str) -> str:
    """The part of an id that a person reads out: its millisecond. The search finds runs by it."""
    return run_id[:13]


def _count(places: list[str], *, is_done: bool) -> str:
    if not places:
        return ""
    if is_done:
        return f"All {len(places)} steps done" if len(places) > 1 else "Done"
    done = sum(place in ("done", "left_out") for place in places)
    return f"Step {min(done + 1, len(places))} of {len(places)}"
