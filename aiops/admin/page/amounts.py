"""Lengths of time and amounts of money, as the pages write them."""

from __future__ import annotations

from datetime import datetime


def length(seconds: float) -> str:
    """A length of time in at most two units."""
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def rough(seconds: float) -> str:
    """A length of time that nobody measures: how long ago, in how long."""
    if seconds < 60:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    hours, rest_s = divmod(int(seconds), 3600)
    return f"{hours} h {rest_s // 60:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def from_now(moment: datetime, now: datetime) -> str:
    """How long ago, or in how long."""
    seconds = (now - moment).total_seconds()
    return f"{rough(seconds)} ago" if seconds >= 0 else f"in {rough(-seconds)}"


def tick(seconds: float) -> str:
    """A mark on an axis."""
    for size_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size_s:
            return f"{seconds / size_s:g} {unit}"
    return f"{seconds:g} s" if seconds else "0"


def money(microusd: int | None) -> str:
    """An amount to the tenth of a cent; what is unknown is not 0."""
    return "not known" if microusd is None else f"${microusd / 1e6:.3f}"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def clipped(text: str, most: int) -> str:
    """A text that fits."""
    return text if len(text) <= most else text[: most - 1] + "…"
