"""Which way a question goes after a failure: pure decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from aiops.flow.errors import (
    Ambiguous,
    BadOutput,
    BudgetSpent,
    LaneHeld,
    LaneStopped,
    PermanentInput,
    RateLimited,
    StepError,
    Transient,
)
from aiops.providers.routes import WHEN, Route, Way, choose, graver, reason, travel, wrong

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
IN_60_S = NOON + timedelta(seconds=60)
ALL = Route("strong", frozenset(WHEN))


@pytest.mark.parametrize(
    ("error", "met"),
    [
        (Transient("busy", code="overloaded"), "overloaded"),
        (Transient("busy", code="overloaded", sent="maybe"), "overloaded"),
        (Transient("no connection", code="unreachable"), "overloaded"),
        (LaneHeld("busy", code="overloaded"), "overloaded"),
        (LaneHeld("the breaker is open", code="failing"), "overloaded"),
        (PermanentInput("no", code="content_filter"), "refused"),
        (PermanentInput("too long", code="context_length"), "context_length"),
        (LaneStopped("no key"), "stopped"),
        (PermanentInput("unknown parameter", code="400"), ""),
        (Transient("500", code="500"), ""),
        (Ambiguous("dropped", code="dropped"), ""),
        (BadOutput("odd"), ""),
        (BudgetSpent("nothing left"), ""),
        (LaneHeld("its requests are used up"), ""),
        (RateLimited("slow down"), ""),
    ],
)
def test_which_failure_meets_which_condition(error: StepError, met: str) -> None:
    assert reason(error, ALL, now=NOON, deadline_at=None) == met


@pytest.mark.parametrize(
    ("patience_s", "deadline_s", "met"),
    [(None, None, ""), (59, None, "held"), (60, None, ""), (None, 59, "held"), (90, 59, "held")],
)
def test_a_hold_is_waited_for_as_long_as_patience_and_deadline_allow(
    patience_s: float | None, deadline_s: float | None, met: str
) -> None:
    route = Route("strong", frozenset(WHEN), patience_s)
    deadline_at = None if deadline_s is None else NOON + timedelta(seconds=deadline_s)

    for error in (LaneHeld("held", until=IN_60_S), RateLimited("slow down", after_s=60)):
        assert reason(error, route, now=NOON, deadline_at=deadline_at) == met


REFUSED = PermanentInput("no", code="content_filter")


@pytest.mark.parametrize(
    ("routes", "taken", "found"),
    [
        ([ALL], [Way("fast")], Way("strong", "refused")),
        ([ALL], [Way("fast"), Way("strong", "refused")], None),
        ([ALL, Route("third", frozenset(WHEN))], [Way("fast"), Way("strong", "refused")], None),
        (
            [ALL, Route("third", frozenset(WHEN))],
            [Way("fast"), Way("strong", "overloaded")],
            Way("third", "refused"),
        ),
        ([Route("strong", frozenset({"overloaded"}))], [Way("fast")], None),
        ([], [Way("fast")], None),
    ],
)
def test_the_next_way_is_the_first_that_was_not_taken(
    routes: list[Route], taken: list[Way], found: Way | None
) -> None:
    assert choose(routes, REFUSED, taken, now=NOON, deadline_at=None) == found


HELD = LaneHeld("held")


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (HELD, LaneHeld("also held"), 0),
        (HELD, BudgetSpent("too dear"), 0),
        (HELD, REFUSED, 1),
        (HELD, Ambiguous("dropped"), 1),
        (REFUSED, HELD, 1),
        (REFUSED, BudgetSpent("too dear"), 1),
    ],
)
def test_a_step_waits_for_its_own_model_unless_another_tells_more(
    first: StepError, second: StepError, kept: int
) -> None:
    assert graver(first, second) is (first, second)[kept]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"to": "strong"}, "needs a model and a list"),
        ({"to": "strong", "when": "refused"}, "needs a model and a list"),
        ({"to": "strong", "when": ["tired"]}, "tired: the conditions are"),
        ({"to": "strong", "when": ["held"], "patience": 3}, "patience: a route has"),
        ({"to": "strong", "when": ["held"], "patience_s": "3"}, "give seconds"),
        ({"to": "nobody", "when": ["held"]}, "leads to 'nobody'"),
    ],
)
def test_what_is_wrong_with_a_route_is_told_before_anything_starts(
    entry: dict[str, Any], said: str
) -> None:
    (found,) = wrong({"fast": [entry]}, {"fast", "strong"})

    assert said in found


def test_a_wrong_route_stops_who_meets_it(settings: Settings) -> None:
    settings.AIOPS_ROUTES = {"fast": [{"to": "strong", "when": ["tired"]}]}

    with pytest.raises(LaneStopped, match="tired"):
        travel("fast", lambda way: way)


def test_what_cannot_be_used_twice_is_asked_of_the_stronger_model(settings: Settings) -> None:
    settings.AIOPS_ROUTES = {"fast": [{"to": "strong", "when": ["unusable"]}]}

    assert travel("fast", lambda way: way.alias, is_unusable=True) == (
        "strong",
        Way("strong", "unusable"),
    )
    assert travel("fast", lambda way: way.alias) == ("fast", Way("fast"))
