"""What becomes of due times that were missed, and of those that meet an open run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from aiops.models import CatchUp, Overlap
from aiops.upkeep import catch_up
from aiops.upkeep.catch_up import Turn, decide, gather, meet
from aiops.upkeep.due_times import Every, due

NOW = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)


def ago(*minutes: float) -> tuple[datetime, ...]:
    return tuple(NOW - timedelta(minutes=one) for one in minutes)


@pytest.mark.parametrize(
    ("policy", "due_ago", "missed", "started"),
    [
        (CatchUp.LATEST, (), (), ()),
        (CatchUp.LATEST, (0.1,), (), (0.1,)),
        (CatchUp.LATEST, (30,), (), (30,)),
        (CatchUp.LATEST, (30, 20, 10), (30, 20), (10,)),
        (CatchUp.LATEST, (30, 20, 0.1), (30, 20), (0.1,)),
        # What is on time is no catching up, be it several.
        (CatchUp.LATEST, (30, 0.9, 0.5, 0.1), (30,), (0.9, 0.5, 0.1)),
        (CatchUp.EACH, (30, 20, 0.1), (), (30, 20, 0.1)),
    ],
)
def test_what_was_missed_is_made_up_for_as_the_policy_says(
    policy: str,
    due_ago: tuple[float, ...],
    missed: tuple[float, ...],
    started: tuple[float, ...],
) -> None:
    turn = decide(ago(*due_ago), now=NOW, catch_up=policy, jitter_s=0, is_more=False)

    assert turn == Turn(missed=ago(*missed), start=ago(*started))


def test_one_that_waited_for_its_jitter_is_on_time() -> None:
    turn = decide(ago(9, 4), now=NOW, catch_up=CatchUp.LATEST, jitter_s=600, is_more=False)

    assert turn == Turn(start=ago(9, 4))


def test_the_latest_is_not_among_those_looked_at_while_there_are_more() -> None:
    turn = decide(ago(30, 20), now=NOW, catch_up=CatchUp.LATEST, jitter_s=0, is_more=True)

    assert turn == Turn(missed=ago(30, 20))


def test_one_turn_starts_no_more_than_it_can_and_keeps_the_rest() -> None:
    many = ago(*(300 - one for one in range(200)))

    turn = decide(many, now=NOW, catch_up=CatchUp.EACH, jitter_s=0, is_more=False)

    assert turn == Turn(start=many[: catch_up.MOST_STARTED])


@pytest.mark.parametrize(
    ("window_s", "jitter_s", "ago_s"), [(0, 0, 60), (10, 0, 60), (3600, 0, 3600), (3600, 30, 3630)]
)
def test_the_window_is_never_shorter_than_being_on_time(
    window_s: float, jitter_s: float, ago_s: float
) -> None:
    edge = catch_up.edge(NOW, catch_up_s=window_s, jitter_s=jitter_s)

    assert edge == NOW - timedelta(seconds=ago_s)


def test_a_long_stretch_keeps_its_number_its_first_and_its_newest() -> None:
    times = Every(timedelta(seconds=1), NOW)

    found = gather(islice(due(times, after=NOW), 500))

    assert found is not None
    assert (found.number, found.is_more) == (500, False)
    assert found.first == NOW + timedelta(seconds=1)
    assert len(found.newest) == catch_up.MOST_ROWS
    assert found.newest[-1] == NOW + timedelta(seconds=500)


def test_a_stretch_without_end_is_counted_up_to_a_limit() -> None:
    found = gather(due(Every(timedelta(seconds=1), NOW), after=NOW))

    assert found is not None
    assert (found.number, found.is_more) == (catch_up.MOST_LOOKED_AT, True)


def test_an_empty_stretch_is_none() -> None:
    assert gather([]) is None


@pytest.mark.parametrize(
    ("overlap", "open_runs", "expected"),
    [
        *((policy, 0, "start") for policy in Overlap.values),
        (Overlap.SKIP, 1, "skip"),
        (Overlap.QUEUE, 1, "queue"),
        (Overlap.QUEUE, 99, "queue"),
        (Overlap.QUEUE, 100, "too_many"),
        (Overlap.REPLACE, 1, "replace"),
        (Overlap.REPLACE, 3, "replace"),
        (Overlap.ALLOW, 500, "start"),
    ],
)
def test_a_due_time_meets_an_open_run_as_the_policy_says(
    overlap: str, open_runs: int, expected: str
) -> None:
    assert meet(overlap, open_runs) == expected
