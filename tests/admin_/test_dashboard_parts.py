"""The parts of the dashboard: what they make of the numbers they are given."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from aiops.admin.page import causes, hours, needs, queues_card, tiles, waiting
from aiops.admin.page.counts import COUNTED, Counts
from aiops.admin.page.overview import MOST_SILENT, Numbers, Waiting
from aiops.execution.failures import FailureGroupRow
from aiops.models import Pause, RunState
from aiops.upkeep.queues import QueueRow

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BEGIN = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)

NOTHING = Counts(dict.fromkeys(COUNTED, 0), 0, 0, 0, None, 0, "")
NO_NUMBERS = Numbers(handled=0, safe=0, silent=0, keepers=1, spent_microusd=None)
IDLE = QueueRow("io", 0, None, 0, 16, 1, None, 0.0)
GROUP = FailureGroupRow(
    fingerprint="f1",
    title="Mail server closed the connection",
    hint="Look for those first.",
    workflow="line",
    step="send",
    word="ambiguous",
    code="",
    steps=4,
    runs=3,
    verdicts={"safe": 1, "keyed": 1, "check": 2},
    first_at=NOON,
    last_at=NOON,
    hours=[0] * 23 + [5],
    state="open",
    owner="",
)


def failed_runs(number: int) -> Counts:
    return replace(NOTHING, runs={**NOTHING.runs, RunState.FAILED: number})


# Cards


def test_every_card_is_green_when_nobody_is_needed() -> None:
    found = needs.cards(NOTHING, NO_NUMBERS, [IDLE], NOON)

    assert [card.tone for card in found] == ["green"] * 4
    assert found[0].more == "Nobody is waiting for you."


def test_requests_say_how_many_are_late_and_how_old_the_oldest_is() -> None:
    asked = replace(
        NOTHING, requests=14, overdue=6, urgent=7, oldest_request_at=NOON - timedelta(hours=4)
    )

    card = needs.requests(asked, NOON)

    assert (card.tone, card.number, card.alarm) == ("red", "14", "6 overdue")
    assert card.more == "7 high · oldest 4 h 00 min"


def test_one_request_is_not_many() -> None:
    card = needs.requests(replace(NOTHING, requests=1, oldest_request_at=NOON), NOON)

    assert (card.tone, card.title) == ("orange", "request waits for a person")


def test_failed_runs_whose_cause_is_decided_are_handled() -> None:
    card = needs.failed(failed_runs(30), replace(NO_NUMBERS, handled=6, safe=11))

    assert (card.tone, card.number, card.alarm) == ("red", "24", "11 safe to retry")
    assert card.more == "6 more of a cause that is resolved or ignored"
    assert card.url.endswith("?view=failed")


def test_a_card_is_green_when_every_failed_run_is_handled() -> None:
    card = needs.failed(failed_runs(6), replace(NO_NUMBERS, handled=6))

    assert (card.tone, card.number, card.alarm) == ("green", "0", "")


def test_more_silent_runs_than_are_looked_at_are_told_as_more() -> None:
    card = needs.silent(NOTHING, replace(NO_NUMBERS, silent=MOST_SILENT))

    assert (card.tone, card.number) == ("red", "1,000+")


def test_the_longest_wait_names_its_queue_and_when_it_ends() -> None:
    slow = replace(IDLE, pool="embed", waiting=240, oldest_s=1_200.0, drain_s=360.0)

    card = needs.queue_wait([IDLE, replace(IDLE, pool="llm", waiting=1, oldest_s=3.0), slow])

    assert (card.tone, card.number) == ("red", "20 min")
    assert card.more == "queue embed, 240 waiting, drains in 6 min"


def test_a_queue_without_a_worker_says_so() -> None:
    card = needs.queue_wait([replace(IDLE, waiting=1, oldest_s=200.0, nodes=0, drain_s=None)])

    assert (card.tone, card.alarm) == ("amber", "no worker is alive")
    assert card.more == "queue io, 1 waiting"


def test_a_paused_queue_waits_on_purpose() -> None:
    paused = replace(IDLE, waiting=9, oldest_s=5_000.0, paused=Pause(name="io"))

    assert needs.queue_wait([paused]).tone == "green"


# States


def test_the_strip_has_all_ten_states_and_counts_ended_runs_by_when_they_ended() -> None:
    ended = [("succeeded", BEGIN, 2), ("succeeded", NOON, 3), ("failed", NOON, 1)]

    found = tiles.tiles({**NOTHING.runs, RunState.WAITING: 7, RunState.FAILED: 99}, ended, BEGIN)

    numbers = {tile.look.word: tile.number for tile in found}
    assert len(found) == 10
    assert (numbers["Waiting"], numbers["Succeeded"], numbers["Failed"]) == (7, 5, 1)


def test_a_state_leads_to_the_runs_it_counts() -> None:
    found = {tile.look.word: tile.url for tile in tiles.tiles(NOTHING.runs, [], BEGIN)}

    assert found["Waiting"].endswith("?state__in=waiting")
    assert "state__in=failed&ended_since=2026-11-21T13%3A00%3A00%2B00%3A00" in found["Failed"]


# Finished runs per hour


def test_the_hours_are_the_present_one_and_the_23_before_it() -> None:
    begin = hours.begin_of(NOON + timedelta(minutes=59))

    assert begin == BEGIN
    assert [hour.begin for hour in hours.by_hour([], begin)][-1] == NOON


def test_runs_that_ended_alike_are_one_colour() -> None:
    ended = [("succeeded", NOON, 3), ("partial", NOON, 1), ("failed", NOON, 2)]

    assert hours.by_hour(ended, BEGIN)[-1].numbers == (4, 2, 0)


def test_a_bar_leads_to_the_runs_of_its_hour_and_says_its_numbers() -> None:
    chart = hours.draw(hours.by_hour([("succeeded", NOON, 3), ("failed", NOON, 2)], BEGIN))

    assert 'aria-label="12:00: 3 succeeded, 2 failed"' in chart
    assert (
        "ended_since=2026-11-22T12%3A00%3A00%2B00%3A00&amp;"
        "ended_until=2026-11-22T13%3A00%3A00%2B00%3A00" in chart
    )
    assert chart.count("<a ") == 1


@pytest.mark.parametrize(
    ("most", "step"), [(0, 1), (4, 1), (5, 2), (12, 5), (21, 10), (90, 50), (4_321, 2_000)]
)
def test_the_axis_has_few_and_round_marks(most: int, step: int) -> None:
    assert hours.tick_step(most) == step


def test_cancelled_runs_are_no_failures_and_no_successes() -> None:
    found = hours.finished(
        [("succeeded", NOON, 123), ("failed", NOON, 24), ("cancelled", NOON, 4)], BEGIN, 8_450_000
    )

    assert (found.success, found.spend) == ("83.7 %", "$8.450")
    assert [number for _, number in found.legend] == [123, 24, 4]


def test_a_cost_that_nobody_knows_is_not_zero() -> None:
    found = hours.finished([], BEGIN, None)

    assert (found.success, found.spend) == ("", "cost not known")


# Queues


@pytest.mark.parametrize(
    ("oldest_s", "tone"), [(0.0, "slate"), (180.0, "slate"), (181.0, "amber"), (601.0, "red")]
)
def test_a_queue_turns_amber_after_3_minutes_and_red_after_10(oldest_s: float, tone: str) -> None:
    assert queues_card.tone_of_age(oldest_s) == tone


def test_the_queue_that_waits_longest_comes_first() -> None:
    found = queues_card.shown(
        [IDLE, replace(IDLE, pool="llm", waiting=31, oldest_s=800.0, busy=8, is_capped=True)]
    )

    assert [row.pool for row in found] == ["llm", "io"]
    assert (found[0].busy, found[0].waiting) == ("8 of 16 slots busy", "31+")
    assert found[0].age == " · 13 min"


def test_a_paused_queue_says_who_and_why() -> None:
    pause = Pause(name="io", paused_by="ann", reason="the ERP is down")

    (found,) = queues_card.shown([replace(IDLE, paused=pause, held=3)])

    assert (found.tone, found.note) == ("violet", "Paused by ann: the ERP is down")


# Causes


def test_a_cause_splits_its_runs_by_verdict_and_counts_those_to_review() -> None:
    (found,) = causes.shown([GROUP])

    assert [look.word for look in found.chips] == ["2 check first", "1 deduplicated", "1 safe"]
    assert (found.steps, found.runs, found.harmless) == (4, "3 runs", 2)
    assert "5 failed tries in the last 24 hours" in found.trend


@pytest.mark.parametrize(
    "other",
    [replace(GROUP, state="resolved"), replace(GROUP, state="ignored"), replace(GROUP, steps=0)],
)
def test_what_is_decided_or_stands_nowhere_still_is_left_out(other: FailureGroupRow) -> None:
    assert causes.shown([other]) == []


def test_only_the_first_causes_are_shown() -> None:
    assert len(causes.shown([GROUP] * 20)) == causes.MOST_SHOWN


# Waiting longest


def test_a_run_without_a_title_has_its_workflows_name() -> None:
    row = Waiting(uuid4(), "", "line", RunState.WAITING, "agree waits", NOON)

    (line,) = waiting.shown([row], NOON + timedelta(minutes=47))

    assert (line.title, line.reason, line.age) == ("line", "agree waits", "47 min")
