"""What the user sees: derived from live facts, in the user's words."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest

from aiops.execution.user_status import MOST_BEFORE_THE_END, Part, UserStatus, user_status
from aiops.models import RunState

#: Words of the engine that no user reads.
INTERNAL = re.compile(
    r"\b(step|worker|queue|lease|run|attempt|pool|task|celery|error|exception|retry|lane|epoch|"
    r"map|item|node|escalation|operator|workflow|provider|model)s?\b",
    re.IGNORECASE,
)

PARTS = {
    "nothing": Part(says="Reading"),
    "done": Part(says="Reading", is_done=True),
    "left out": Part(says="Reading", is_left_out=True),
    "works": Part(says="Reading", works=True),
    "works without words": Part(works=True),
    "again": Part(says="Reading", comes_again=True),
    "asks": Part(says="Reading", asks=True),
    "failed": Part(says="Reading", has_failed=True),
    "person": Part(waits="person"),
    "event": Part(waits="event"),
    "time": Part(waits="time"),
}


def status(*parts: str, run: str = "running", **options: Any) -> UserStatus:
    return user_status(run, [PARTS[part] for part in parts], **options)


def test_a_part_that_works_says_what_it_does() -> None:
    seen = status("done", "works", "nothing")

    assert (seen.state, seen.headline, seen.sentence) == ("running", "Working on it", "Reading…")


def test_a_part_without_words_works_in_plain_words() -> None:
    assert status("works without words").sentence == "We are working on it."


@pytest.mark.parametrize("run", [state for state in RunState.values if state != "running"])
@pytest.mark.parametrize("part", [part for part in PARTS if not part.startswith("works")])
def test_it_never_says_working_while_nothing_works(run: str, part: str) -> None:
    assert status(part, run=run).state != "running"


def test_a_stored_running_alone_does_not_mean_working() -> None:
    assert status("nothing", run="running").state == "queued"


def test_the_first_part_is_waited_for_in_line() -> None:
    assert status("nothing", "nothing").sentence == "In line. We will start soon."


def test_between_two_parts_it_carries_on_soon() -> None:
    assert status("done", "nothing").sentence == "In line. We will carry on soon."


def test_a_part_that_comes_again_takes_longer_than_usual() -> None:
    assert status("done", "again").headline == "Taking longer than usual"


def test_waiting_for_a_person_is_said_in_plain_words() -> None:
    assert status("person").sentence == "A person is checking this."


def test_the_workflow_may_say_what_is_waited_for() -> None:
    part = Part(says="A lawyer is checking your summary.", waits="person")

    assert user_status("waiting", [part]).sentence == "A lawyer is checking your summary."


def test_a_decision_that_is_due_outweighs_work_elsewhere() -> None:
    assert status("works", "asks").headline == "Being checked by our team"


def test_a_pause_is_a_wait_unless_something_still_works() -> None:
    assert status("nothing", is_paused=True).state == "waiting"
    assert "on hold" in status("nothing", is_paused=True).sentence
    assert status("works", is_paused=True).state == "running"


def test_a_stop_shows_at_once_and_takes_the_button_away() -> None:
    seen = status("works", is_stopping=True)

    assert (seen.headline, seen.is_cancellable) == ("Stopping", False)


@pytest.mark.parametrize("run", ["succeeded", "partial", "failed", "cancelled"])
def test_an_ended_run_tells_its_end_and_cannot_be_stopped(run: str) -> None:
    seen = status("works", "asks", run=run)

    assert seen.state == run
    assert not seen.is_cancellable


@pytest.mark.parametrize("part", list(PARTS))
def test_an_open_run_can_be_stopped(part: str) -> None:
    assert status(part).is_cancellable


def test_progress_is_the_share_of_finished_parts() -> None:
    half = Part(works=True, share=0.5)

    assert user_status("running", [PARTS["done"], half, Part(), Part()]).progress == 0.375


def test_progress_never_shows_everything_before_the_end() -> None:
    assert status("done", "done").progress == MOST_BEFORE_THE_END
    assert status("done", "done", run="succeeded").progress == 1.0
    assert status("done", "failed", run="partial").progress == 1.0


def test_progress_grows_with_every_part_and_never_falls() -> None:
    seen = []
    for finished in range(4):
        for share in (0.0, 0.4, 1.0):
            parts = [PARTS["done"]] * finished + [Part(works=True, share=share)]
            seen.append(user_status("running", parts + [Part()] * (4 - finished)).progress)

    assert seen == sorted(seen)


def test_a_failed_run_keeps_the_progress_it_had_and_marks_where_it_stopped() -> None:
    seen = status("done", "failed", "nothing", "nothing", run="failed")

    assert seen.progress == 0.25
    assert [place for _, place in seen.parts] == ["done", "stopped", "next", "next"]


def test_parts_without_words_are_not_listed() -> None:
    assert status("works", "person").parts == (("Reading", "now"),)


def test_an_empty_plan_has_no_progress() -> None:
    assert user_status("queued", []).progress == 0.0


def test_no_internal_word_ever_appears() -> None:
    cases = product(RunState.values, PARTS, PARTS, [False, True], [False, True])
    for run, first, second, stopping, paused in cases:
        seen = status(first, second, run=run, is_stopping=stopping, is_paused=paused)

        assert not INTERNAL.search(f"{seen.headline} {seen.sentence}"), seen
