"""What providers say in headers and messages: when a limit ends, and nothing of what they were sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


def reset_s(headers: Mapping[str, str]) -> float | None:
    """Read OpenAI's rate limit headers, such as "1h2m", "6m0s" or "20ms"; None when nothing is used up."""
    resets = [
        _seconds(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    return max((reset for reset in resets if reset is not None), default=None)


_UNITS_S = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def _seconds(told: str) -> float | None:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[dhms])", told)
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts) if parts else None


#: A common run of this many characters is no coincidence.
_RUN = 12


def without(message: str, private: Sequence[str]) -> str:
    """Replace what a message repeats of private texts by <prompt>."""
    covered = bytearray(len(message))
    for text in (" ".join(one.split()) for one in private):
        run = min(_RUN, len(text))
        if run < 4:
            continue
        runs = {text[at : at + run] for at in range(len(text) - run + 1)}
        for at in range(len(message) - run + 1):
            if message[at : at + run] in runs:
                covered[at : at + run] = b"\x01" * run
    pieces = re.split("(\x01+)", covered.decode())
    kept, at = [], 0
    for piece in pieces:
        kept.append("<prompt>" if "\x01" in piece else message[at : at + len(piece)])
        at += len(piece)
    return "".join(kept)
