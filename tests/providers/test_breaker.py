"""The breaker's decisions, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aiops.flow.errors import (
    Ambiguous,
    BadOutput,
    Cancelled,
    LaneHeld,
    LaneStopped,
    PermanentInput,
    RateLimited,
    StepError,
    TimedOut,
    Transient,
)
from aiops.providers.breaker import (
    Hold,
    Reaction,
    Sign,
    Stop,
    Tally,
    burns_none,
    is_open,
    react,
    sign_of,
)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
IN_30_S = NOON + timedelta(seconds=30)
BUSY = Transient("busy", code="overloaded")


@pytest.mark.parametrize(
    ("ok", "bad", "opens"),
    [(0, 4, False), (0, 5, True), (5, 5, True), (6, 5, False), (100, 20, False), (20, 100, True)],
)
def test_it_opens_on_five_failures_that_are_half_of_all(ok: int, bad: int, opens: bool) -> None:
    assert is_open(Tally(ok=ok, bad=bad)) is opens


@pytest.mark.parametrize(
    ("error", "sign"),
    [
        (BUSY, "bad"),
        (Transient("500"), "bad"),
        (Ambiguous("dropped"), "bad"),
        (TimedOut("late"), "bad"),
        (BadOutput("html", kind="gateway"), "stranger"),
        (BadOutput("cut", kind="truncated"), "ok"),
        (PermanentInput("too long"), "ok"),
        (RateLimited("slow down"), "none"),
        (LaneStopped("no quota", kind="quota"), "none"),
        (LaneHeld("held"), "none"),
        (Cancelled("nobody wants it any more"), "none"),
        (RuntimeError("a bug of ours"), "none"),
    ],
)
def test_what_a_failure_says_about_the_provider(error: Exception, sign: Sign) -> None:
    assert sign_of(error) == sign


OPENS = Tally(ok=1, bad=5)
CALM = Tally(ok=9, bad=1)


@pytest.mark.parametrize(
    ("error", "tally", "is_probe", "found"),
    [
        (BUSY, CALM, False, None),
        (BUSY, OPENS, False, Hold(IN_30_S, "failing")),
        (BUSY, CALM, True, Hold(IN_30_S, "failing")),
        (Ambiguous("dropped"), OPENS, False, Hold(IN_30_S, "failing")),
        (PermanentInput("no"), OPENS, True, None),
        (LaneStopped("x", kind="quota"), CALM, False, Stop("quota")),
        (LaneStopped("x", kind="auth"), CALM, True, Stop("auth")),
        (BadOutput("page", kind="gateway"), Tally(strangers=1), False, None),
        (BadOutput("page", kind="gateway"), Tally(strangers=2), False, Stop("config")),
        (RateLimited("x", after_s=9), CALM, False, Hold(NOON + timedelta(seconds=9), "rate")),
        (RateLimited("x", until=IN_30_S), CALM, True, Hold(IN_30_S, "rate")),
        (RateLimited("x"), CALM, False, Hold(NOON + timedelta(seconds=15), "rate")),
        (
            RateLimited("x", until=NOON - timedelta(hours=1)),
            *(CALM, False, Hold(NOON + timedelta(seconds=1), "rate")),
        ),
        (LaneHeld("x", until=IN_30_S), OPENS, True, None),
    ],
)
def test_what_a_failure_does_to_its_lane(
    error: StepError, tally: Tally, is_probe: bool, found: Reaction
) -> None:
    assert react(error, tally, is_probe=is_probe, now=NOON) == found


@pytest.mark.parametrize(
    ("error", "is_probe", "waits"),
    [
        (BUSY, False, True),
        (Transient("refused", code="unreachable"), False, True),
        (Transient("in the stream", code="overloaded", sent="maybe"), False, False),
        (Transient("500", code="500"), False, False),
        (Transient("500", code="500"), True, True),
        (Ambiguous("dropped"), True, False),
        (PermanentInput("no"), True, False),
    ],
)
def test_which_failures_use_up_no_attempt(error: StepError, is_probe: bool, waits: bool) -> None:
    assert burns_none(error, is_probe=is_probe) is waits
