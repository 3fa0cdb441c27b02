"""What a stream says, in the format of server-sent events. Nothing here waits or asks anybody."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

#: What may differ without being worth a `status` of its own, while a text grows.
_GROWING = frozenset({"partial", "eta_s"})


@dataclass(slots=True)
class News:
    """A run's view, and the pulse at which it was read."""

    pulse: str
    view: dict[str, Any]
    _status: str = field(default="", repr=False)

    @property
    def is_final(self) -> bool:
        return bool(self.view["is_final"])

    def status(self) -> str:
        """The whole view as an event; written once for all who read it."""
        self._status = self._status or event("status", self.view, self.pulse)
        return self._status


def event(name: str, said: dict[str, Any], pulse: str) -> str:
    """One event. JSON has no line breaks of its own, and a pulse neither."""
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\nid: {pulse}\ndata: {text}\n\n"


def comment(text: str) -> str:
    """A line that no client shows: it keeps the connection open."""
    return f": {text}\n\n"


def hello(retry_ms: int) -> str:
    """How long a client waits before it comes back."""
    return f"retry: {retry_ms}\n\n"


def end(state: str, pulse: str) -> str:
    """The last event: nothing will come any more, and a client need not come back."""
    return event("end", {"state": state}, pulse)


def between(told: News | None, news: News) -> str:
    """What somebody who was told one thing is told next; "" when it is the same."""
    if told is None:
        return news.status()
    changed = {
        name
        for name in told.view.keys() | news.view.keys()
        if told.view.get(name) != news.view.get(name)
    }
    if not changed:
        return ""
    if "partial" in changed and changed <= _GROWING:
        return event("partial", growth(told.view["partial"], news.view["partial"]), news.pulse)
    return news.status()


def growth(before: str, now: str) -> dict[str, Any]:
    """What is new of a text: `at` 0 puts it in the place of all, any other adds it at the end."""
    if before and now.startswith(before):
        return {"at": len(before), "text": now[len(before) :]}
    return {"at": 0, "text": now}
