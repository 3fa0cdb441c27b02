"""How far it is and how long it takes: in words, from what is usual, and from nothing less."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import BaseModel

from aiops.execution import eta
from aiops.execution.eta import Stand
from aiops.execution.usual_times import LEAST_RUNS, NOTHING, History
from aiops.flow import approval, choose, parallel, series, step, workflow


class Parcel(BaseModel):
    name: str = ""


@step
def weigh(parcel: Parcel) -> int:
    return 1


@step
def wrap(parcel: Parcel) -> int:
    return 1


@step
def stamp(parcel: Parcel) -> int:
    return 1


def which(parcel: Parcel) -> str:
    return "now"


@step
def hurry(parcel: Parcel) -> int:
    return 1


PLAN = workflow(
    "eta_parcel",
    input=Parcel,
    flow=series(
        weigh,
        parallel(wrap, stamp),
        approval("Send it?", name="agree"),
        choose(which, {"now": hurry, "later": None}),
    ),
).plan

USUAL = History(
    runs=LEAST_RUNS,
    p50_s=100,
    p90_s=200,
    steps={"weigh": 10, "wrap": 60, "stamp": 30, "agree": 7200, "which": 1},
)
DONE = Stand(is_done=True)


def left(history: History = USUAL, **stands: Stand) -> float | None:
    return eta.left_s(PLAN, stands, history)


def test_what_is_side_by_side_is_counted_once() -> None:
    assert left(agree=DONE, which=DONE) == 10 + 60


def test_what_is_done_takes_no_time_and_what_runs_takes_less() -> None:
    assert left(weigh=DONE, agree=DONE, which=DONE, wrap=Stand(elapsed_s=45)) == 30


def test_a_step_that_takes_longer_than_usual_has_no_time_left_and_not_less() -> None:
    assert left(weigh=Stand(elapsed_s=99), wrap=DONE, stamp=DONE, agree=DONE, which=DONE) == 0


def test_a_map_is_judged_by_its_items() -> None:
    half = Stand(elapsed_s=40, share=0.25)

    assert left(weigh=DONE, wrap=half, stamp=DONE, agree=DONE, which=DONE) == 120


def test_a_branch_that_was_never_taken_takes_no_time_until_it_begins() -> None:
    rest = {"weigh": DONE, "wrap": DONE, "stamp": DONE, "agree": DONE, "which": DONE}

    assert left(**rest) == 0
    assert left(**rest, hurry=Stand(elapsed_s=1)) is None


def test_a_step_nobody_has_timed_leaves_the_whole_unknown() -> None:
    assert left(replace(USUAL, steps={"weigh": 10})) is None


def test_few_runs_say_nothing_about_time() -> None:
    few = replace(USUAL, runs=LEAST_RUNS - 1)

    assert left(few) is None
    assert eta.weights(PLAN, few) == eta.weights(PLAN, NOTHING) == {}


def test_parts_weigh_what_their_work_lasts_and_a_persons_answer_what_the_others_do() -> None:
    weights = eta.weights(PLAN, USUAL)

    mean = (10 + 60 + 30 + 1) / 4
    assert (weights["weigh"], weights["wrap"]) == (10, 60)
    assert weights["agree"] == weights["hurry"] == mean
    assert weights["which"] == pytest.approx(mean * 0.05)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "a few seconds left"),
        (19, "a few seconds left"),
        (45, "about a minute left"),
        (110, "about 2 minutes left"),
        (3600, "about 60 minutes left"),
        (7000, "about 2 hours left"),
    ],
)
def test_times_to_come_are_told_in_words(seconds: float, words: str) -> None:
    assert eta.about(seconds) == words


@pytest.mark.parametrize(
    ("left_s", "since_s", "words"),
    [
        (None, 10, ""),
        (110, 10, "about 2 minutes left"),
        (0.2, 90, "Almost there"),
        (0.2, 150, "A little longer than usual"),
        (50, 180, "A little longer than usual"),
        (50, 201, "Longer than usual."),
        (0, 900, "Longer than usual."),
    ],
)
def test_past_nine_of_ten_runs_no_time_is_told_any_more(
    left_s: float | None, since_s: float, words: str
) -> None:
    assert eta.of_work(left_s, since_s, USUAL) == words


def test_who_was_promised_a_mail_is_reminded_of_it_when_it_takes_long() -> None:
    told = eta.of_work(50, 300, USUAL, is_promised=True)

    assert told == "Longer than usual. We will e-mail you."


@pytest.mark.parametrize(
    ("left_s", "since_s", "foreseen_s"), [(None, 1, None), (41.6, 1, 42), (50, 180, None)]
)
def test_seconds_are_told_as_long_as_words_are(
    left_s: float | None, since_s: float, foreseen_s: int | None
) -> None:
    assert eta.foreseen_s(left_s, since_s, USUAL) == foreseen_s


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (20, "Usually within 10 minutes."),
        (1300, "Usually within 30 minutes."),
        (3601, "Usually within 2 hours."),
        (140_000, "Usually within 2 days."),
    ],
)
def test_what_is_told_of_people_is_rounded_up(seconds: float, words: str) -> None:
    assert eta.usually_within(seconds) == words


def test_a_due_time_is_told_as_one() -> None:
    told = [eta.due_within(seconds) for seconds in (60, 3600, 200_000)]

    assert told == [
        "An answer is due within 10 minutes.",
        "An answer is due within 1 hour.",
        "An answer is due within 3 days.",
    ]
