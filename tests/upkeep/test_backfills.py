"""Back-fills: what is left of a range is started a few at a time, and stops when it goes wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from aiops.execution.resume import NotPossible
from aiops.flow import PermanentInput
from aiops.models import Backfill, Event, Occurrence, Run, Schedule
from aiops.upkeep import backfills
from aiops.upkeep.backfills import Wanted
from tests.execution.engine import COMMITS, Engine
from tests.execution.threads import at_once
from tests.flows.script import Script
from tests.upkeep.scheduling import hourly, in_hours, looked_at, runs, what

pytestmark = [COMMITS, pytest.mark.usefixtures("engine")]


def last_hours(hours: float, **given: int) -> Wanted:
    now = timezone.now()
    return Wanted(from_at=now - timedelta(hours=hours), to_at=now, **given)


def begun(schedule: Schedule, wanted: Wanted) -> Backfill:
    return backfills.make(schedule.id, wanted, actor="ann", reason="The source was wrong")


def test_a_plan_says_what_would_be_started_and_writes_nothing() -> None:
    schedule = hourly()

    planned = backfills.plan(schedule, last_hours(24))

    assert (len(planned.moments), planned.done, planned.is_cut) == (24, 0, False)
    assert planned.moments[-1] == schedule.start_at
    assert Occurrence.objects.count() == 0


def test_what_has_had_a_run_is_left_out_and_what_was_missed_is_taken_up() -> None:
    schedule = looked_at(hourly(overlap="allow", catch_up_s=2 * 3600), hours_ago=5)
    in_hours(0)
    had = what(schedule)

    planned = backfills.plan(schedule, last_hours(6))
    begun(schedule, last_hours(6))

    assert had == ["missed"] * 3 + ["started"] * 2
    assert (len(planned.moments), planned.done) == (4, 2)
    assert what(schedule) == ["planned"] * 4 + ["started"] * 2


def test_it_starts_a_few_at_a_time_in_order_as_batch_work(engine: Engine) -> None:
    schedule = hourly(overlap="skip", priority="interactive")
    begun(schedule, last_hours(5, at_once=2))

    first, again = backfills.go_on(), backfills.go_on()
    engine.work()
    second = backfills.go_on()

    assert (first, again, second) == (2, 0, 2)
    assert what(schedule) == ["started"] * 4 + ["planned"]
    assert {run.priority for run in runs(schedule)} == {"batch"}
    labels = [(run.input or {})["label"] for run in runs(schedule)]
    assert labels == sorted(labels)


def test_it_is_done_when_its_last_run_has_ended(engine: Engine) -> None:
    backfill = begun(hourly(), last_hours(3, at_once=3))
    backfills.go_on()
    still = Backfill.objects.get().state

    engine.work()
    backfills.go_on()

    assert (still, Backfill.objects.get().state) == ("running", "done")
    assert Event.objects.filter(kind="schedule.backfill_done").count() == 1
    assert backfills.counts(backfill) == {"started": 3}


def test_turns_at_the_same_time_start_each_due_time_once() -> None:
    begun(hourly(), last_hours(8, at_once=8))

    found = at_once([backfills.go_on] * 4)

    assert sum(found) == 8
    assert Run.objects.count() == 8


def test_it_takes_the_oldest_when_there_are_too_many() -> None:
    planned = backfills.plan(hourly(), last_hours(500, most=10))

    assert (len(planned.moments), planned.is_cut) == (10, True)
    assert planned.moments[0] < timezone.now() - timedelta(hours=498)


def test_a_stopped_one_starts_nothing_more_and_its_rows_say_so() -> None:
    schedule = hourly()
    backfill = begun(schedule, last_hours(4, at_once=1))
    backfills.go_on()

    backfills.stop(backfill.id, actor="bob", reason="Enough")

    assert backfills.go_on() == 0
    assert what(schedule) == ["started"] + ["skipped"] * 3
    assert len(backfills.plan(schedule, last_hours(4)).moments) == 3
    with pytest.raises(NotPossible):
        backfills.stop(backfill.id, actor="bob", reason="Again")


def test_it_stops_by_itself_when_the_first_runs_all_fail(engine: Engine, script: Script) -> None:
    schedule = hourly(workflow="line")
    script.tell("one", *[PermanentInput("no")] * 5)
    begun(schedule, last_hours(9, at_once=5))
    backfills.go_on()
    engine.work()

    backfills.go_on()

    assert Backfill.objects.get().state == "stopped"
    assert "have failed" in Backfill.objects.get().stopped_why
    assert what(schedule).count("started") == 5


def test_it_stops_by_itself_when_its_input_is_refused() -> None:
    schedule = hourly(input={"number": "no number"})
    begun(schedule, last_hours(4))

    backfills.go_on()

    assert Backfill.objects.get().state == "stopped"
    assert what(schedule) == ["refused"] * 2 + ["skipped"] * 2


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ((5, 6, 2, 10), "ends before it begins"),
        ((5, -1, 2, 10), "in the future"),
        ((5, 0, 0, 10), "at once"),
        ((5, 0, 2, 5000), "second back-fill"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(
    wanted: tuple[int, int, int, int], said: str
) -> None:
    now, schedule = timezone.now(), hourly()
    begin, end, at_once_, most = wanted
    given = Wanted(
        from_at=now - timedelta(hours=begin),
        to_at=now - timedelta(hours=end),
        at_once=at_once_,
        most=most,
    )

    with pytest.raises(NotPossible, match=said):
        backfills.plan(schedule, given)


def test_there_is_one_at_a_time() -> None:
    schedule = hourly()
    begun(schedule, last_hours(4))

    with pytest.raises(NotPossible, match="at work"):
        begun(schedule, last_hours(40))


def test_the_schedule_goes_on_meanwhile() -> None:
    schedule = hourly(overlap="skip")
    begun(schedule, last_hours(4, at_once=1))
    backfills.go_on()

    in_hours(0.6)

    assert what(schedule)[-1] == "started"
