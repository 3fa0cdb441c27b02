"""Failures that are alike are one row: what it is called, how much of it stands still, whether it is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiops.execution import failure_decisions
from aiops.execution.failure_decisions import Decision, decide
from aiops.execution.failure_hints import HINTS, UNKNOWN, hint, title
from aiops.execution.failures import FailureGroupRow, group, groups, state_now, trend
from aiops.execution.resume import NotPossible
from aiops.flow.errors import describe
from aiops.models import Attempt, Event, FailureGroup, Run, Step
from tests.execution.orders import begun, edit, map_of, set_run, stop_at

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def one_more(mark: str = "aa", name: str = "notify", **error: Any) -> Run:
    """A run that stands still with an error of this fingerprint."""
    run = begun()
    stop_at(run, name, fingerprint=mark, **error)
    return run


def rows(hours: float = 24) -> list[FailureGroupRow]:
    return groups(50, since=timezone.now() - timedelta(hours=hours))


def the_row() -> FailureGroupRow:
    [row] = rows()
    return row


def decided(mark: str, verb: str, **given: Any) -> None:
    was = FailureGroup.objects.filter(pk=mark).first()
    given = {"reason": "we know", "seen": failure_decisions.seen(was), **given}
    decide(mark, verb, Decision(actor="ann", **given))


def test_failures_of_one_cause_are_one_row() -> None:
    for _ in range(3):
        one_more("aa", message="503 from crm", code="503")
    one_more("bb", name="read")

    [first, second] = rows()

    assert (first.fingerprint, first.runs, first.steps) == ("aa", 3, 3)
    assert (first.workflow, first.step, first.code) == ("answers_order", "notify", "503")
    assert (first.title, first.hint) == ("503 from crm", HINTS["transient"])
    assert (first.state, first.owner, sum(first.hours)) == ("open", "", 3)
    assert second.fingerprint == "bb"


def test_runs_are_counted_by_the_verdict_of_these_steps() -> None:
    one_more(name="charge", sent="maybe")
    one_more(name="charge", sent="no")
    one_more(name="charge", sent="no")

    assert the_row().verdicts == {"check": 1, "safe": 2}


def test_a_run_that_was_given_up_or_ended_well_does_not_stand_still() -> None:
    now = timezone.now()
    set_run(one_more(), state="cancelled", finished_at=now, cancel_requested_at=now)
    set_run(one_more(), state="partial", finished_at=now)

    assert (the_row().runs, the_row().state) == (0, "recovered")


def test_items_that_fail_count_when_their_map_has_stopped() -> None:
    run = begun()
    map_of(run, failed=2, succeeded=1)
    error = {"word": "transient", "message": "boom", "sent": "no", "fingerprint": "ii"}
    Step.objects.filter(run=run, map__isnull=False, state="failed").update(error=error)
    assert rows() == []

    edit(run, "pack", state="failed", reason="", dispatch_due=None)

    assert (the_row().steps, the_row().runs, the_row().step) == (2, 1, "pack")


def test_what_was_retried_is_recovered_for_a_day() -> None:
    run = one_more()
    Step.objects.filter(run=run, name="notify").update(state="succeeded", error=None)
    set_run(run, state="succeeded")

    assert (the_row().state, the_row().runs, the_row().verdicts) == ("recovered", 0, {})
    long_ago = timezone.now() - timedelta(hours=25)
    Attempt.objects.update(started_at=long_ago, finished_at=long_ago)
    assert rows() == []


def test_what_stands_still_is_open_however_long_ago_it_failed() -> None:
    one_more()
    long_ago = timezone.now() - timedelta(days=30)
    Attempt.objects.update(started_at=long_ago, finished_at=long_ago)
    Step.objects.update(since=long_ago)

    assert (the_row().state, the_row().hours) == ("open", [0] * 24)
    assert the_row().last_at == long_ago


def test_a_try_that_was_only_parked_is_no_failure() -> None:
    run = one_more()
    Attempt.objects.filter(run=run).update(outcome="parked")

    assert sum(the_row().hours) == 0


def test_the_most_runs_come_first_and_no_more_than_asked_for() -> None:
    one_more("aa")
    one_more("bb")
    one_more("bb")

    found = groups(1, since=timezone.now() - timedelta(hours=24))

    assert [row.fingerprint for row in found] == ["bb"]


def test_the_number_of_queries_does_not_grow_with_the_groups() -> None:
    one_more("a0")
    with CaptureQueriesContext(connection) as few:
        rows()
    for number in range(1, 5):
        one_more(f"a{number}")

    with CaptureQueriesContext(connection) as many:
        rows()

    assert len(many) == len(few) <= 6


def test_one_group_is_found_whatever_its_state() -> None:
    one_more("aa")
    one_more("bb")

    found = group("aa")

    assert found is not None
    assert (found.fingerprint, found.runs) == ("aa", 1)
    first = Attempt.objects.order_by("finished_at")[0].finished_at
    assert (found.first_at, found.last_at) == (first, first)
    assert group("nothing") is None


def test_no_row_is_written_when_a_step_fails() -> None:
    one_more()
    rows()

    assert not FailureGroup.objects.exists()


# What people decided


def test_to_take_a_group_is_no_decision_about_it() -> None:
    one_more()

    decided("aa", "take", reason="")

    assert (the_row().owner, the_row().state) == ("ann", "open")
    [event] = Event.objects.filter(kind="failures.taken")
    assert (event.run, event.actor, event.data["fingerprint"]) == (None, "ann", "aa")


def test_an_ignored_group_opens_by_itself_when_the_time_is_over() -> None:
    one_more()
    decided("aa", "ignore", until=timezone.now() + timedelta(hours=1))
    assert the_row().state == "ignored"

    FailureGroup.objects.update(ignored_until=timezone.now() - timedelta(seconds=1))

    assert the_row().state == "open"


@pytest.mark.parametrize(
    ("resolved_in", "version", "state"),
    [(2, 1, "resolved"), (2, 2, "open"), (2, 3, "open"), (None, 1, "open")],
)
def test_a_resolved_group_opens_when_its_version_or_a_later_one_fails(
    resolved_in: int | None, version: int, state: str
) -> None:
    decision = FailureGroup(state="resolved", resolved_in=resolved_in, decided_at=NOON)

    found = state_now(decision, {version: NOON + timedelta(hours=1)}, NOON)

    assert found == state


def test_failures_before_the_decision_do_not_open_it() -> None:
    decision = FailureGroup(state="resolved", decided_at=NOON)

    assert state_now(decision, {1: NOON - timedelta(hours=1)}, NOON) == "resolved"


def test_a_resolved_group_opens_when_it_fails_again() -> None:
    one_more()
    decided("aa", "resolve", version=1)
    assert the_row().state == "resolved"
    decided("aa", "take")
    assert the_row().state == "resolved"

    one_more()

    assert the_row().state == "open"


def test_a_decision_is_undone_by_opening_it_again() -> None:
    one_more()
    decided("aa", "resolve")

    decided("aa", "reopen")

    assert the_row().state == "open"
    kinds = Event.objects.filter(run=None).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["failures.resolved", "failures.reopened"]


def test_of_two_people_who_decide_at_once_the_second_looks_again() -> None:
    one_more()
    decided("aa", "take", seen="none")

    with pytest.raises(failure_decisions.Moved, match="look again"):
        decided("aa", "resolve", seen="none")

    assert the_row().state == "open"


@pytest.mark.parametrize(
    ("verb", "given", "why"),
    [
        ("resolve", {"reason": " "}, "give a reason"),
        ("ignore", {}, "until when"),
        ("ignore", {"until": NOON - timedelta(days=9999)}, "a time to come"),
    ],
)
def test_a_decision_that_lacks_something_changes_nothing(
    verb: str, given: dict[str, Any], why: str
) -> None:
    one_more()

    with pytest.raises(NotPossible, match=why):
        decided("aa", verb, **given)

    assert not FailureGroup.objects.exists()
    assert not Event.objects.filter(run=None).exists()


# Words


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"message": "503 from crm.example for customer 41"}, "from crm.example for customer"),
        ({"message": "503: slow", "code": "503"}, "503: slow"),
        ({"message": "no such file '/tmp/a.txt' here"}, "no such file … here"),
        ({"word": "bug", "type": "KeyError", "message": "'name'"}, "KeyError"),
        ({"word": "bug", "type": "ValueError", "message": "no date"}, "ValueError: no date"),
        ({"word": "transient", "type": "Transient", "code": "503"}, "Transient 503"),
        ({}, "Error"),
    ],
)
def test_a_title_leaves_out_what_differs(error: dict[str, str], told: str) -> None:
    assert title(error) == told


def test_a_long_message_is_cut() -> None:
    assert len(title({"message": "word " * 100})) == 120


def test_errors_of_one_cause_have_one_title() -> None:
    first, second = (describe(ValueError(f"order {n} is late"), "read") for n in (17, 18))

    assert first.fingerprint == second.fingerprint
    assert title(first.to_json()) == title(second.to_json())


def test_the_code_of_a_provider_says_more_than_the_word() -> None:
    assert "credential" in hint("lane_stopped", "401")
    assert hint("lane_stopped") == HINTS["lane_stopped"]
    assert hint("what is this") == UNKNOWN


def test_a_trend_ends_with_the_present_hour() -> None:
    counts = {NOON: 3, NOON - timedelta(hours=23): 1, NOON - timedelta(hours=24): 9}

    found = trend(counts, NOON + timedelta(minutes=59))

    assert (found[-1], found[0], sum(found)) == (3, 1, 4)
