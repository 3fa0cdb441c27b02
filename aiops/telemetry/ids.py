"""The ids of traces and spans: derived from the record's own, so that every process knows them. Pure."""

from __future__ import annotations

import re
from hashlib import sha256
from uuid import UUID

_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")


def trace_id(run_id: UUID) -> int:
    """One trace for each run.

    A hash and not the id itself: samplers decide by its low bits, and those of a UUID are not even.
    """
    return _number(16, "trace", run_id)


def trace_hex(run_id: UUID) -> str:
    return f"{trace_id(run_id):032x}"


def run_span(run_id: UUID) -> int:
    return _number(8, "run", run_id)


def step_span(step_id: UUID, epoch: int) -> int:
    """A person's rerun of a step is a span of its own."""
    return _number(8, "step", step_id, epoch)


def attempt_span(step_id: UUID, number: int) -> int:
    return _number(8, "attempt", step_id, number)


def call_span(call_id: int | None) -> int | None:
    """None: the call could not be written down, so nobody will tell of it again."""
    return None if call_id is None else _number(8, "call", call_id)


def parsed(traceparent: object) -> tuple[int, int] | None:
    """The trace and the span that a W3C traceparent names; None for what is none."""
    found = _TRACEPARENT.match(traceparent) if isinstance(traceparent, str) else None
    if found is None:
        return None
    trace, span = int(found[1], 16), int(found[2], 16)
    return (trace, span) if trace and span else None


def _number(size: int, *parts: object) -> int:
    digest = sha256(":".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:size]) or 1
