"""Starting what is due: each due time once, and what became of it is written down."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule

from aiops.execution.cancel import cancel
from aiops.execution.resume import NotPossible
from aiops.execution.start import start_run
from aiops.models import Event, Occurrence, Run, RunState, Schedule
from aiops.models import schedule_moves as moves
from aiops.upkeep import schedules
from aiops.upkeep.due_times import starts_at
from aiops.upkeep.schedules import run_now, start_due
from tests.execution.engine import COMMITS, Engine, fresh
from tests.execution.threads import at_once
from tests.upkeep.scheduling import (
    at_clock,
    each_second,
    hourly,
    in_hours,
    looked_at,
    once,
    runs,
    what,
)

pytestmark = [COMMITS, pytest.mark.usefixtures("engine")]


# Once each


def test_nothing_is_started_before_its_time() -> None:
    schedule = hourly()

    assert in_hours(0.4) == 0
    assert what(schedule) == []


def test_what_is_due_is_started_with_its_input_its_key_and_its_name() -> None:
    schedule = hourly(title="Letters of {day}", tenant="northwind", metadata={"cost_centre": 7})

    in_hours(0.51)

    [occurrence] = Occurrence.objects.select_related("run")
    run, day = occurrence.run, f"{occurrence.due_at:%Y-%m-%d}"
    assert run is not None
    assert (occurrence.state, occurrence.why) == ("started", "")
    assert run.input is not None
    assert (run.input["label"], run.title, run.tenant) == (day, f"Letters of {day}", "northwind")
    assert run.key == f"schedule:{schedule.id}:{occurrence.due_at.isoformat()}"
    assert run.started_by == "schedule:hourly"
    assert run.metadata["cost_centre"] == 7
    assert Event.objects.get(kind="schedule.started").run_id == run.id


def test_a_second_look_starts_nothing_again() -> None:
    schedule = hourly()

    assert [in_hours(0.6), in_hours(0.6)] == [1, 0]
    assert what(schedule) == ["started"]


def test_looks_at_the_same_time_start_each_due_time_once() -> None:
    schedule = looked_at(hourly(overlap="allow", catch_up_s=86400), hours_ago=10)
    now = timezone.now() + timedelta(hours=0.6)

    found = at_once([lambda: start_due(now)] * 4)

    assert sum(found) == 11
    assert what(schedule) == ["started"] * 11
    assert Run.objects.count() == 11


def test_a_database_that_goes_away_in_the_middle_leaves_nothing_half_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedule = hourly()

    def killed_right_after(*given: Any, **options: Any) -> Run:
        run = start_run(*given, **options)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return run

    with monkeypatch.context() as patch:
        patch.setattr("aiops.upkeep.schedules.start_run", killed_right_after)
        with pytest.raises((ExceptionGroup, DatabaseError)):
            in_hours(0.6)
    connection.close()

    assert (what(schedule), Run.objects.count()) == ([], 0)
    assert (in_hours(0.6), what(schedule)) == (1, ["started"])


def test_a_due_time_has_one_row() -> None:
    schedule, now = hourly(), timezone.now()
    Occurrence.objects.create(schedule=schedule, due_at=now, starts_at=now, state="missed")

    with pytest.raises(IntegrityError), transaction.atomic():
        Occurrence.objects.create(schedule=schedule, due_at=now, starts_at=now, state="missed")


def test_a_schedule_without_times_or_with_two_kinds_of_them_cannot_be_written() -> None:
    for wrong in ({"interval": None}, {"crontab": at_clock("0 0 * * *").crontab}):
        with pytest.raises(IntegrityError), transaction.atomic():
            hourly(name="wrong", **wrong)


# When it is and is not looked at


def test_a_paused_schedule_starts_nothing_and_makes_up_for_nothing() -> None:
    schedule = looked_at(hourly(catch_up_s=86400), hours_ago=5)
    moves.pause(schedule, actor="ann", reason="The source is down")

    paused = in_hours(0)
    moves.resume(schedule, actor="ann", reason="It is back")
    resumed = in_hours(0)

    assert (paused, resumed, what(schedule)) == (0, 0, [])
    assert list(Event.objects.order_by("id").values_list("kind", "actor")) == [
        ("schedule.paused", "ann"),
        ("schedule.resumed", "ann"),
    ]


def test_pausing_twice_is_told_once() -> None:
    schedule = hourly()

    assert moves.pause(schedule, actor="ann", reason="a")
    assert not moves.pause(schedule, actor="bob", reason="b")
    assert Schedule.objects.get().paused_by == "ann"


def test_a_pause_in_the_middle_of_a_look_holds() -> None:
    schedule = looked_at(hourly(catch_up_s=86400), hours_ago=5)
    seen = Schedule.objects.get(id=schedule.id)
    moves.pause(schedule, actor="ann", reason="Stop")

    assert schedules.look(seen, timezone.now()) == 0
    assert what(schedule) == []


def test_nothing_is_due_before_the_start_or_after_the_end() -> None:
    now = timezone.now()
    later = hourly(name="later", start_at=now + timedelta(hours=3))
    over = hourly(name="over", end_at=now + timedelta(hours=2), overlap="allow")
    over = looked_at(over, hours_ago=0)

    for hour in range(1, 5):
        in_hours(hour + 0.01)

    assert len(what(later)) == 2
    assert what(over) == ["started", "started"]


def test_one_moment_is_started_once() -> None:
    schedule = once(timezone.now() + timedelta(minutes=5))

    in_hours(0.1)
    in_hours(30)

    assert what(schedule) == ["started"]


def test_jitter_puts_a_start_off_and_keeps_its_due_time() -> None:
    schedule = hourly(jitter_s=1200)
    due = schedule.start_at + timedelta(hours=1)
    starts = starts_at(schedule.id, due, 1200)

    before = start_due(starts - timedelta(seconds=1))
    after = start_due(starts)

    assert (before, after) == (0, 1)
    occurrence = Occurrence.objects.get()
    assert (occurrence.due_at, occurrence.starts_at) == (due, starts)


def test_changed_times_begin_anew() -> None:
    schedule = looked_at(hourly(catch_up_s=86400), hours_ago=5)
    schedule.interval, _ = IntervalSchedule.objects.get_or_create(every=10, period="minutes")

    moves.change(schedule, ["interval"], actor="ann")

    assert (in_hours(0), what(schedule)) == (0, [])


# Beat was away


def test_a_beat_that_was_away_catches_up_with_the_latest() -> None:
    schedule = looked_at(hourly(catch_up="latest", catch_up_s=86400), hours_ago=5)

    in_hours(0)

    assert what(schedule) == ["missed"] * 4 + ["started"]
    assert "late" in Occurrence.objects.latest("due_at").why


def test_or_with_each() -> None:
    schedule = looked_at(hourly(overlap="allow", catch_up_s=86400), hours_ago=5)

    in_hours(0)

    assert what(schedule) == ["started"] * 5


def test_what_is_older_than_the_window_is_missed() -> None:
    schedule = looked_at(hourly(overlap="allow", catch_up_s=2 * 3600), hours_ago=5)

    in_hours(0)

    assert what(schedule) == ["missed"] * 3 + ["started"] * 2
    assert Event.objects.get(kind="schedule.missed").data["number"] == 3


def test_a_moment_that_was_missed_by_more_than_the_window_is_not_started() -> None:
    schedule = once(timezone.now() - timedelta(hours=3), catch_up_s=3600)
    looked_at(schedule, hours_ago=5)

    in_hours(0)

    assert what(schedule) == ["missed"]


def test_a_week_of_seconds_costs_no_time_and_few_rows() -> None:
    schedule = looked_at(each_second(catch_up="latest", catch_up_s=0), hours_ago=7 * 24)

    began = time.monotonic()
    in_hours(0)
    took_s = time.monotonic() - began

    oldest = Occurrence.objects.filter(schedule=schedule).earliest("due_at")
    missed = sum(Occurrence.objects.filter(state="missed").values_list("stands_for", flat=True))
    assert abs(missed - (7 * 86400 - 60)) <= 1
    assert oldest.stands_for > 600_000
    assert len(what(schedule)) < 120
    assert took_s < 5


def test_a_year_of_minutes_by_the_clock_is_passed_in_one_turn() -> None:
    schedule = looked_at(at_clock("* * * * *", catch_up="latest", catch_up_s=0), hours_ago=24 * 365)

    in_hours(0)
    again = in_hours(0)

    assert "More than 10,000" in Occurrence.objects.filter(state="missed").earliest("due_at").why
    assert again == 0
    assert len(what(schedule)) < 60


def test_a_long_backlog_is_started_turn_by_turn() -> None:
    schedule = looked_at(
        each_second(overlap="allow", catch_up="each", catch_up_s=86400), hours_ago=120 / 3600
    )
    now = timezone.now()

    found = [start_due(now) for _ in range(4)]

    assert found[:2] == [50, 50]
    assert 119 <= sum(found) <= 121
    assert set(what(schedule)) == {"started"}


# An earlier run is open


def test_skip_leaves_out_what_meets_an_open_run() -> None:
    schedule = hourly(overlap="skip")

    in_hours(0.6)
    in_hours(1.6)

    assert what(schedule) == ["started", "skipped"]
    assert str(runs(schedule)[0].id)[:13] in Occurrence.objects.latest("due_at").why


def test_skip_goes_on_when_the_run_has_ended(engine: Engine) -> None:
    schedule = hourly(overlap="skip")

    in_hours(0.6)
    engine.work()
    in_hours(1.6)

    assert what(schedule) == ["started", "started"]


def test_queue_starts_it_when_the_earlier_one_has_ended(engine: Engine) -> None:
    schedule = hourly(overlap="queue")

    for hour in (0.6, 1.6, 2.6):
        in_hours(hour)
    first, second, third = runs(schedule)
    stood = [run.state for run in (second, third)]
    engine.work()

    assert what(schedule) == ["started", "queued", "queued"]
    assert stood == ["waiting", "waiting"]
    assert second.after_id == first.id
    assert third.after_id == second.id
    assert {run.state for run in runs(schedule)} == {RunState.SUCCEEDED}


def test_replace_stops_the_earlier_one() -> None:
    schedule = hourly(overlap="replace")

    in_hours(0.6)
    in_hours(1.6)

    first, second = runs(schedule)
    assert (first.state, second.state) == (RunState.CANCELLED, RunState.QUEUED)
    assert str(second.id) in fresh(first).reason


def test_replace_stops_nothing_for_a_start_that_is_refused() -> None:
    schedule = hourly(overlap="replace")
    in_hours(0.6)
    Schedule.objects.update(input={"number": "no number"})

    in_hours(1.6)

    assert what(schedule) == ["started", "refused"]
    assert runs(schedule)[0].state == RunState.QUEUED


def test_allow_starts_it_beside_the_earlier_one() -> None:
    schedule = hourly(overlap="allow")

    in_hours(0.6)
    in_hours(1.6)

    assert [run.state for run in runs(schedule)] == ["queued", "queued"]


# What cannot be started


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"workflow": "lime"}, "There is no workflow 'lime'"),
        ({"input": {"number": "no number"}}, "number"),
        ({"input": {"label": "{dya}"}}, "{dya} is nothing that can be filled in"),
    ],
)
def test_a_due_time_that_cannot_be_started_is_refused_in_words_and_the_schedule_goes_on(
    wrong: dict[str, Any], said: str
) -> None:
    schedule = hourly()
    Schedule.objects.update(**wrong)

    in_hours(0.6)
    Schedule.objects.update(workflow="line", input={})
    in_hours(1.6)

    assert what(schedule) == ["refused", "started"]
    assert said in Occurrence.objects.earliest("due_at").why
    assert Run.objects.count() == 1


def test_one_schedule_whose_times_cannot_be_read_does_not_stop_the_others() -> None:
    odd = at_clock("0 0 * * *", name="a broken one")
    assert odd.crontab is not None
    type(odd.crontab).objects.filter(id=odd.crontab.id).update(hour="31")
    good = hourly(name="z good one")

    try:
        in_hours(0.6)
    finally:
        type(odd.crontab).objects.filter(id=odd.crontab.id).update(hour="0")

    assert what(good) == ["started"]


# By hand


def test_run_now_starts_beside_whatever_is_open_and_tells_who_did_it() -> None:
    schedule = hourly(overlap="skip")
    in_hours(0.6)
    moves.pause(schedule, actor="ann", reason="r")

    run = run_now(schedule.id, actor="bob", reason="The numbers were wrong")

    occurrence = Occurrence.objects.get(run=run)
    assert (occurrence.asked_by, occurrence.why) == ("bob", "The numbers were wrong")
    assert run.started_by == "bob"
    assert Event.objects.get(kind="schedule.started", actor="bob").run_id == run.id


def test_run_now_of_a_schedule_that_cannot_start_says_why() -> None:
    schedule = hourly(input={"number": "no number"})

    with pytest.raises(NotPossible, match="number"):
        run_now(schedule.id, actor="bob", reason="r")

    assert what(schedule) == []


def test_a_run_of_a_schedule_can_be_cancelled_and_the_next_one_comes() -> None:
    schedule = hourly(overlap="skip")
    in_hours(0.6)

    cancel(runs(schedule)[0].id, reason="no", actor="ann")
    in_hours(1.6)

    assert what(schedule) == ["started", "started"]
