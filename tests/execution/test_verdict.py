"""May this be retried? The table of the console's visual specification, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from aiops.execution.verdict import ORDER, WORDS, StepFacts, Verdict, of_run, verdict, worst
from aiops.models import StepState

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FAILED = StepFacts(effect="pure", state="failed", outcome="failed", word="transient", sent="no")


def key(**changes: object) -> str:
    return verdict(replace(FAILED, **changes)).key  # type: ignore[arg-type]  # names of fields


def sentence(**changes: object) -> str:
    return verdict(replace(FAILED, **changes)).sentence  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("sent", ["", "no", "maybe", "yes"])
def test_what_only_reads_is_safe_whatever_was_sent(sent: str) -> None:
    assert key(sent=sent) == "safe"


def test_a_repeatable_effect_with_a_key_is_deduplicated_and_names_the_key() -> None:
    facts = {"effect": "idempotent", "sent": "maybe", "key": "run:notify"}

    assert key(**facts) == "keyed"
    assert sentence(**facts) == "The other side drops a second call with key run:notify."


def test_a_repeatable_effect_without_a_key_is_safe_because_it_writes_the_same() -> None:
    assert sentence(effect="idempotent", sent="yes") == "Writing twice gives the same result."


def test_an_effect_that_never_left_is_safe() -> None:
    assert key(effect="once", sent="no") == "safe"
    assert sentence(effect="once", sent="no") == "It failed before anything was sent."


def test_an_effect_that_nobody_tried_is_safe() -> None:
    assert key(effect="once", sent="", outcome="", word="") == "safe"


@pytest.mark.parametrize("sent", ["maybe", ""])
def test_an_effect_that_may_have_gone_out_is_checked_first(sent: str) -> None:
    assert key(effect="once", sent=sent) == "check"


def test_a_doubt_outweighs_an_attempt_that_sent_nothing() -> None:
    assert key(effect="once", sent="no", in_doubt=True) == "check"


def test_a_look_up_that_could_not_tell_is_named() -> None:
    asked = sentence(effect="once", sent="maybe", has_reconcile=True)

    assert "Its own look-up could not tell." in asked


def test_an_effect_that_went_out_is_not_retried() -> None:
    assert key(effect="once", sent="yes") == "unsafe"
    assert key(effect="once", sent="yes", in_doubt=True) == "unsafe"


@pytest.mark.parametrize("word", ["permanent_input", "lane_stopped", "budget_spent", "code_gone"])
def test_what_would_fail_the_same_way_is_mended_first(word: str) -> None:
    assert {key(effect=effect, word=word) for effect in ("pure", "idempotent", "once")} == {"fix"}


def test_an_effect_that_may_have_gone_out_is_checked_even_if_the_input_is_wrong() -> None:
    assert key(effect="once", word="permanent_input", sent="maybe") == "check"


def test_a_question_to_a_person_is_no_case_for_a_retry() -> None:
    assert key(word="needs_human", state="attention") == "decide"
    assert key(kind="approval", state="waiting", reason="approval") == "decide"
    assert key(kind="approval", word="rejected") == "decide"
    assert key(kind="wait_for", state="attention") == "decide"
    assert key(kind="child", state="attention", word="child_failed") == "decide"


def test_a_held_lane_says_until_when() -> None:
    held = verdict(replace(FAILED, held_until=NOON))

    assert held.key == "wait"
    assert "2026-11-22 12:00 UTC" in held.sentence
    assert key(state="waiting", reason="lane", held_until=NOON) == "wait"


def test_a_doubt_outweighs_a_held_lane() -> None:
    assert key(effect="once", sent="maybe", held_until=NOON) == "check"


def test_what_moves_is_in_progress() -> None:
    assert sentence(state="running", is_leased=True) == "A worker is on it."
    assert sentence(state="queued") == "In line for a worker."
    assert key(state="retrying") == "live"
    assert key(state="waiting", reason="timer") == "live"


def test_a_running_step_without_a_lease_is_not_said_to_have_a_worker() -> None:
    assert "silent" in sentence(state="running", is_leased=False)


def test_a_step_whose_turn_has_not_come_waits_for_those_before_it() -> None:
    assert key(state="pending") == "blocked"


@pytest.mark.parametrize("state", ["succeeded", "skipped", "cancelled"])
def test_what_is_over_has_nothing_to_retry(state: str) -> None:
    assert key(state=state) == "done"


def test_an_effect_that_was_stopped_while_it_ran_says_that_it_may_have_gone_out() -> None:
    stopped = sentence(state="cancelled", effect="once", outcome="cancelled", sent="maybe")

    assert "may have gone out" in stopped
    assert "gone out" not in sentence(state="cancelled", effect="once", outcome="", sent="")


def test_a_step_that_loses_its_workers_is_safe_with_a_warning() -> None:
    lost = sentence(outcome="lost", word="lost", sent="maybe")

    assert lost.startswith("Reads and computes only.")
    assert "workers were lost" in lost


def test_an_effect_that_went_out_or_may_have_is_never_called_safe() -> None:
    words = ["", "transient", "ambiguous", "permanent_input", "lost", "needs_human", "bug"]
    cases = product(["failed", "attention"], words, ["maybe", "yes"], [True, False])

    found = {
        key(effect="once", state=state, word=word, sent=sent, in_doubt=in_doubt)
        for state, word, sent, in_doubt in cases
    }

    assert found == {"check", "unsafe"}


def test_every_state_and_effect_has_a_verdict_with_a_word_and_a_sentence() -> None:
    for state, effect in product(StepState.values, ["pure", "idempotent", "once"]):
        found = verdict(replace(FAILED, state=state, effect=effect))

        assert found.word == WORDS[found.key]
        assert found.sentence.endswith(".")


def test_the_worst_verdict_speaks_for_the_run() -> None:
    given = [Verdict(one, WORDS[one], "") for one in ORDER]

    assert [worst(given[place:]) for place in range(len(given))] == given
    assert worst([]) is None


def test_a_run_is_judged_by_its_failed_steps_before_those_on_their_way() -> None:
    safe, decide = (Verdict(one, WORDS[one], "") for one in ("safe", "decide"))

    assert of_run([safe], [decide]) == safe
    assert of_run([], [decide, safe]) == decide
    assert of_run([], []).key == "done"
