"""What the page of a run says: one table of words, the callout, the events, the bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from aiops.admin.page import amounts, bars, reading, words
from aiops.admin.page.callout import Callout, callout
from aiops.admin.page.happened import told
from aiops.admin.page.reading import Happening
from aiops.execution.answers import answers_of
from aiops.execution.facts import load
from aiops.execution.offers import offers
from aiops.execution.verdict import WORDS
from aiops.models import Outcome, Run, RunState, Step, StepState
from tests.execution.orders import ask, begun, done, edit, failed, map_of, set_run, stop_at, tried

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_every_state_outcome_and_verdict_has_its_word_icon_and_tone() -> None:
    assert set(words.RUN) == set(RunState.values)
    assert set(words.STEP) == set(StepState.values)
    assert set(words.OUTCOME) == set(Outcome.values)
    assert set(words.VERDICT) == set(WORDS)
    assert words.RUN["attention"].word == "Needs attention"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.642, "642 ms"),
        (35.9, "35.9 s"),
        (2356, "39 min 16 s"),
        (4080, "1 h 08 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_lengths_of_time_have_two_units_at_most(seconds: float, told: str) -> None:
    assert amounts.length(seconds) == told


def test_an_unknown_cost_is_not_nothing() -> None:
    assert amounts.money(None) == "not known"
    assert amounts.money(4_300) == "$0.004"


def happened(kind: str, **data: Any) -> str:
    [line] = told([Happening(1, None, kind, "", data, NOON)], {})
    return line.sentence


def test_events_are_told_in_sentences() -> None:
    failure = happened("step.failed", name="send", message="the server is away")
    assert failure == "send: attempt failed – the server is away"
    assert happened("run.retried", steps=["a", "b"]) == "Retried a, b"
    assert happened("escalation.answered", answer="it_did_not") == "Answered: it did not"
    assert happened("run.cancelled", reason="no longer wanted") == (
        "The run: cancelled – no longer wanted"
    )


def test_an_event_of_an_unknown_kind_or_without_its_data_is_still_told() -> None:
    assert happened("moon.rose") == "moon.rose"
    assert happened("run.retried") == "Retried …"
    assert happened("step.failed", message="{oops}") == "A step: attempt failed – {oops}"


@pytest.mark.django_db
class TestCallout:
    def said(self, run: Run, alike: int = 0) -> Callout | None:
        answers = answers_of(load(run.id))
        return callout(answers, offers(answers, lambda _: True), alike=alike)

    def verbs(self, run: Run) -> list[str]:
        found = self.said(run)
        assert found is not None
        return [offer.verb for offer in found.offers]

    @pytest.mark.parametrize("state", ["running", "succeeded", "partial", "cancelled"])
    def test_a_run_that_is_fine_has_none(self, state: str) -> None:
        end = None if state == "running" else timezone.now()

        assert self.said(set_run(begun(), state=state, finished_at=end)) is None

    def test_what_is_safe_is_retried_at_once(self) -> None:
        run = begun()
        stop_at(run, "charge", message="boom")

        found = self.said(run, alike=3)

        assert found is not None
        assert found.sentence == "charge: boom"
        assert found.alike == "3 other runs have failed the same way."
        assert self.verbs(run) == ["retry_step"]

    def test_what_went_out_is_marked_as_done_and_never_retried(self) -> None:
        run = begun()
        stop_at(run, "charge", word="ambiguous", sent="yes")

        assert self.verbs(run) == ["mark_done"]

    def test_what_the_same_input_will_break_again_is_escalated(self) -> None:
        run = begun()
        stop_at(run, "read", word="permanent_input")

        assert self.verbs(run) == ["escalate"]

    def test_an_open_question_comes_before_the_failure(self) -> None:
        run = begun()
        stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
        ask(run, "charge")

        found = self.said(run)

        assert found is not None
        assert (found.heading, found.sentence) == ("Someone must decide", "Did it happen?")
        assert self.verbs(run) == ["it_happened", "it_did_not"]

    def test_an_approval_is_a_wait_on_purpose(self) -> None:
        run = begun()
        done(run, "read", "pack")
        edit(run, "agree", state="waiting", reason="approval", dispatch_due=None)
        ask(run, "agree", "approval", question="Ship it?")

        found = self.said(set_run(run, state="waiting"))

        assert found is not None
        assert (found.heading, found.tone) == ("Waiting on purpose", "violet")
        assert [offer.verb for offer in found.offers] == ["approve", "reject"]

    def test_a_retry_says_when_it_comes(self) -> None:
        run = begun()
        at = timezone.now() + timedelta(seconds=90)
        edit(run, "read", state="retrying", reason="retry", wake_at=at, dispatch_due=None)

        found = self.said(set_run(run, state="retrying", reason="read is tried again"))

        assert found is not None
        assert found.heading == "It is retrying by itself"
        assert "read is tried again in 1 min." in found.advice or "in 90 s" in found.advice

    def test_a_paused_run_can_be_resumed(self) -> None:
        assert self.verbs(set_run(begun(), paused_at=timezone.now())) == ["resume"]


@pytest.mark.django_db
class TestBars:
    def kinds(self, run: Run, name: str) -> list[str]:
        rows = bars.rows(load(run.id), reading.attempts(run.id))
        return [bar.kind for row in rows if row.name == name for bar in row.bars]

    def tried_at(self, row: Step, begin_s: float, outcome: str, **fields: Any) -> None:
        begin = row.run.created_at + timedelta(seconds=begin_s)
        end = begin + timedelta(seconds=1)
        tried(row, outcome=outcome, started_at=begin, finished_at=end, **fields)

    def test_a_retried_step_waited_in_line_failed_backed_off_and_succeeded(self) -> None:
        run = begun()
        done(run, "read")
        row = Step.objects.get(run=run, name="read")
        self.tried_at(row, 1, "failed")
        self.tried_at(row, 5, "succeeded")

        assert self.kinds(run, "read") == ["queue", "bad", "backoff", "done"]

    def test_between_a_failure_and_a_persons_retry_is_no_back_off(self) -> None:
        run = begun()
        done(run, "read")
        row = Step.objects.get(run=run, name="read")
        self.tried_at(row, 1, "failed")
        self.tried_at(row, 5, "succeeded", epoch=1)

        assert self.kinds(run, "read") == ["queue", "bad", "done"]

    def test_an_open_map_is_work_and_an_approval_is_a_wait(self) -> None:
        run = begun()
        map_of(run, running=1)
        edit(run, "agree", state="waiting", reason="approval", dispatch_due=None)

        assert self.kinds(run, "pack") == ["now"]
        assert self.kinds(run, "agree") == ["wait"]

    def test_what_has_not_begun_has_no_bar(self) -> None:
        assert self.kinds(begun(), "notify") == []


@pytest.mark.django_db
def test_the_users_widget_counts_steps_and_keeps_errors_to_itself() -> None:
    run = begun(title="Order A1")
    done(run, "read")
    failed(set_run(run, state="attention"), "pack", state="attention", message="disk full")

    seen = answers_of(load(run.id))["user"]

    assert seen["count"] == "Step 2 of 4"
    assert seen["mood"] == "wait"
    assert "disk full" not in str(seen)
    assert str(run.id).startswith(seen["reference"].lower())
