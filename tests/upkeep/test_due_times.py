"""Due times by themselves: clocks that change, steps, jitter, crontabs as beat has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule

from aiops.upkeep.due_times import Cron, Every, Once, due, previous, shortest_gap_s, starts_at
from aiops.upkeep.schedule_times import TimesRefused, cron_in_words, cron_of, read, step_of

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def cron(text: str, zone: str = "UTC") -> Cron:
    return cron_of(read(text, zone))


def clock(times: Cron, after: datetime, number: int) -> list[str]:
    """What the clock of the zone shows at the next due times."""
    found = islice(due(times, after=after), number)
    return [f"{one.astimezone(ZoneInfo(times.zone)):%m-%d %H:%M %Z}" for one in found]


# Clocks that change


@pytest.mark.parametrize(
    ("zone", "after", "shown"),
    [
        (BERLIN, "2026-03-28T02:30", ["03-29 03:00 CEST", "03-30 02:30 CEST"]),
        (NEW_YORK, "2026-03-07T02:30", ["03-08 03:00 EDT", "03-09 02:30 EDT"]),
    ],
)
def test_a_time_that_does_not_exist_is_due_once_right_after_it(
    zone: str, after: str, shown: list[str]
) -> None:
    assert clock(cron("30 2 * * *", zone), at(after, zone), 2) == shown


@pytest.mark.parametrize(
    ("zone", "after", "shown"),
    [
        (BERLIN, "2026-10-24T02:30", ["10-25 02:30 CEST", "10-26 02:30 CET"]),
        (NEW_YORK, "2026-10-31T01:30", ["11-01 01:30 EDT", "11-02 01:30 EST"]),
    ],
)
def test_a_time_that_comes_twice_is_due_once(zone: str, after: str, shown: list[str]) -> None:
    hour = shown[0][6:8].lstrip("0")

    assert clock(cron(f"30 {hour} * * *", zone), at(after, zone), 2) == shown


@pytest.mark.parametrize(
    ("zone", "after", "back_h"),
    [(BERLIN, "2026-10-25T00:10", 1), (NEW_YORK, "2026-11-01T00:10", 1)],
)
def test_every_half_hour_goes_on_through_the_hour_that_comes_twice(
    zone: str, after: str, back_h: int
) -> None:
    found = list(islice(due(cron("*/30 * * * *", zone), after=at(after, zone)), 10))

    assert {b - a for a, b in pairwise(found)} == {timedelta(minutes=30)}


def test_every_hour_leaves_out_the_hour_that_does_not_exist() -> None:
    shown = clock(cron("0 * * * *", BERLIN), at("2026-03-29T00:30", BERLIN), 3)

    assert shown == ["03-29 01:00 CET", "03-29 03:00 CEST", "03-29 04:00 CEST"]


@pytest.mark.parametrize("fold", [0, 1])
def test_a_look_from_within_the_hour_that_comes_twice_finds_nothing_twice(fold: int) -> None:
    within = datetime(2026, 10, 25, 2, 40, tzinfo=ZoneInfo(BERLIN), fold=fold).astimezone(UTC)

    found = next(due(cron("45 2 * * *", BERLIN), after=within))

    assert found > within
    # In the second of both hours it has been due already.
    assert (found - within > timedelta(hours=20)) == (fold == 1)


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, "Australia/Lord_Howe", "Asia/Kathmandu"])
@pytest.mark.parametrize("text", ["30 2 * * *", "*/20 * * * *", "0 0 1 * *", "15,45 1-3 * * sun"])
def test_going_on_from_each_due_time_gives_the_same_as_walking(zone: str, text: str) -> None:
    times, begin = cron(text, zone), at("2026-03-01T00:00")
    walked = list(islice(due(times, after=begin), 300))

    stepped, moment = [], begin
    for _ in range(300):
        moment = next(due(times, after=moment))
        stepped.append(moment)

    assert stepped == walked
    assert walked == sorted(set(walked))


def test_a_day_by_the_clock_is_not_always_24_hours() -> None:
    found = list(islice(due(cron("0 7 * * *", BERLIN), after=at("2026-03-28T00:00", BERLIN)), 2))

    assert found[1] - found[0] == timedelta(hours=23)


# Crontabs as beat has them


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0 7 * * mon-fri", ["08-03 07:00 UTC", "08-04 07:00 UTC"]),
        ("0 7 * * 0", ["08-02 07:00 UTC", "08-09 07:00 UTC"]),
        ("*/20 6 * * *", ["08-01 06:00 UTC", "08-01 06:20 UTC"]),
        ("0 0 1 */3 *", ["10-01 00:00 UTC", "01-01 00:00 UTC"]),
        ("5 22-1 * * *", ["08-01 01:05 UTC", "08-01 22:05 UTC"]),
        ("0 0 1 jan,jul *", ["01-01 00:00 UTC", "07-01 00:00 UTC"]),
        # Both days must fit, as for beat; in cron one of them is enough.
        ("0 0 13 * fri", ["11-13 00:00 UTC", "08-13 00:00 UTC"]),
    ],
)
def test_a_crontab_means_what_it_means_to_beat(text: str, shown: list[str]) -> None:
    assert clock(cron(text), at("2026-08-01T00:30"), 2) == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 7 * *", "has five fields"),
        ("61 7 * * *", "from 0 to 59"),
        ("0 7 * * 7", "Sunday is 0"),
        ("0 7 L * *", "days from 1 to 31"),
        ("0 0 30 2 *", "no day fits"),
        ("1/5 * * * *", "cannot be read"),
        ("0 */0 * * *", "cannot be read"),
    ],
)
def test_a_crontab_that_cannot_be_kept_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(TimesRefused, match=said):
        read(text, "UTC")


def test_beat_and_this_agree_when_a_crontab_is_due() -> None:
    given = CrontabSchedule(minute="10-50/20", hour="*/6", day_of_week="tue,6", timezone="UTC")
    theirs = given.schedule

    moment = at("2026-08-01T00:00")
    for found in islice(due(cron_of(given), after=moment), 40):
        theirs.nowfun = lambda found=found: found + timedelta(seconds=1)
        assert theirs.is_due(found - timedelta(seconds=30)).is_due
        assert found.minute in theirs.minute
        assert found.isoweekday() % 7 in theirs.day_of_week


def test_a_crontab_is_told_in_words_with_its_zone() -> None:
    assert cron_in_words(read("0 7 * * mon-fri", BERLIN)) == (
        "At 07:00, Monday through Friday (Europe/Berlin)"
    )


# Steps, and once


def test_steps_count_from_their_anchor() -> None:
    times = Every(timedelta(minutes=7), at("2026-08-01T00:00"))

    found = list(islice(due(times, after=at("2026-08-01T00:15")), 2))

    assert found == [at("2026-08-01T00:21"), at("2026-08-01T00:28")]


def test_steps_are_found_after_years_as_quickly_as_after_minutes() -> None:
    times = Every(timedelta(seconds=1), at("1990-01-01T00:00"))

    assert next(due(times, after=at("2026-08-01T00:00:00"))) == at("2026-08-01T00:00:01")


def test_one_moment_is_due_once() -> None:
    times = Once(at("2026-08-01T00:00"))

    assert list(due(times, after=at("2026-07-01T00:00"))) == [times.at]
    assert list(due(times, after=times.at)) == []
    assert list(due(times, after=at("2026-07-01T00:00"), until=at("2026-07-02T00:00"))) == []


@pytest.mark.parametrize(
    ("given", "ok"),
    [
        (IntervalSchedule(every=1, period="seconds"), True),
        (IntervalSchedule(every=500, period="microseconds"), False),
    ],
)
def test_an_interval_below_a_second_is_refused(given: IntervalSchedule, ok: bool) -> None:
    if ok:
        assert step_of(given) == timedelta(seconds=1)
    else:
        with pytest.raises(TimesRefused, match="one second"):
            step_of(given)


# The one before


@pytest.mark.parametrize(
    ("text", "moment", "before"),
    [
        ("*/5 * * * *", "2026-08-01T00:05", "2026-08-01T00:00"),
        ("0 7 * * mon", "2026-08-10T07:00", "2026-08-03T07:00"),
        ("0 0 1 1 *", "2026-01-01T00:00", "2025-01-01T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00", "2024-02-29T00:00"),
    ],
)
def test_the_due_time_before_is_found_however_far_back(text: str, moment: str, before: str) -> None:
    assert previous(cron(text), at(moment)) == at(before)


def test_before_a_moved_time_comes_the_day_before() -> None:
    moved = at("2026-03-29T03:00", BERLIN)

    assert previous(cron("30 2 * * *", BERLIN), moved) == at("2026-03-28T02:30", BERLIN)


def test_before_the_only_moment_comes_none() -> None:
    assert previous(Once(at("2026-08-01T00:00")), at("2026-08-01T00:00")) is None


# Jitter


def test_jitter_is_the_same_wherever_it_is_computed_and_differs_between_times() -> None:
    hours = [at("2026-08-01T00:00") + timedelta(hours=one) for one in range(200)]

    offsets = [(starts_at(7, one, 600) - one).total_seconds() for one in hours]

    assert offsets == [(starts_at(7, one, 600) - one).total_seconds() for one in hours]
    assert starts_at(7, hours[0].astimezone(ZoneInfo(BERLIN)), 600) == starts_at(7, hours[0], 600)
    assert all(0 <= one < 600 for one in offsets)
    assert len(set(offsets)) > 150
    assert min(offsets) < 60
    assert max(offsets) > 540


def test_two_schedules_of_the_same_time_start_apart() -> None:
    moment = at("2026-08-01T00:00")

    assert starts_at(1, moment, 600) != starts_at(2, moment, 600)


def test_without_jitter_a_start_is_at_its_due_time() -> None:
    assert starts_at(1, at("2026-08-01T00:00"), 0) == at("2026-08-01T00:00")


def test_the_shortest_gap_is_that_of_the_clock() -> None:
    assert shortest_gap_s(cron("0,10 * * * *"), after=at("2026-08-01T00:00")) == 600
    assert shortest_gap_s(Once(at("2026-08-02T00:00")), after=at("2026-08-01T00:00")) is None
