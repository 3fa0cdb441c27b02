"""What a person is offered: the right one first, and a reason beside what cannot be pressed."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.execution.answers import five_answers
from aiops.execution.offers import Offer, offers
from aiops.models import Escalation, Run
from tests.execution.orders import ask, begun, done, edit, map_of, set_run, stop_at

pytestmark = pytest.mark.django_db


def everything(name: str) -> bool:
    return True


def nothing(name: str) -> bool:
    return False


def offered(run: Run, user_can: Any = everything) -> list[Offer]:
    return offers(five_answers(run.id), user_can)


def whole(run: Run) -> list[str]:
    """The verbs of the whole run that can be pressed."""
    found = offered(run)
    return [o.verb for o in found if o.step is None and o.escalation is None and not o.refused]


def of_step(run: Run, name: str) -> list[str]:
    found = offered(run)
    return [o.verb for o in found if o.step == name and o.escalation is None and not o.refused]


def of_questions(run: Run) -> list[str]:
    return [o.verb for o in offered(run) if o.escalation is not None]


def primary(run: Run) -> list[str]:
    return [offer.verb for offer in offered(run) if offer.tone == "primary"]


def test_a_run_that_is_on_its_way_can_be_paused_and_cancelled() -> None:
    assert whole(begun()) == ["pause", "cancel"]


def test_a_paused_run_is_first_of_all_resumed() -> None:
    run = begun()
    set_run(run, paused_at=run.created_at)

    assert whole(run) == ["resume", "cancel"]
    assert primary(run) == ["resume"]


def test_what_failed_harmlessly_is_first_of_all_retried() -> None:
    run = begun()
    stop_at(run, "read")

    assert whole(run) == ["retry", "escalate", "replay", "cancel"]
    assert of_step(run, "read") == ["retry_step", "supply", "skip"]
    assert primary(run) == ["retry"]


def test_what_would_fail_again_is_not_a_solid_button() -> None:
    run = begun()
    stop_at(run, "read", word="permanent_input")

    assert "retry" in whole(run)
    assert primary(run) == []


def test_what_may_have_gone_out_is_marked_as_done_before_it_is_retried() -> None:
    run = begun()
    stop_at(run, "charge", sent="maybe")

    assert of_step(run, "charge") == ["mark_done", "retry_step"]


def test_what_did_go_out_is_not_retried() -> None:
    run = begun()
    stop_at(run, "charge", sent="yes")

    assert of_step(run, "charge") == ["mark_done"]
    assert "retry" not in whole(run)
    [refused] = [o for o in offered(run) if o.verb == "retry_step"]
    assert refused.refused == "charge did go out: mark it as done instead."


def test_a_doubt_is_answered_before_anything_is_retried() -> None:
    run = begun()
    stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge")

    assert of_questions(run) == ["it_happened", "it_did_not", "cancel", "claim"]
    assert offered(run)[0].verb == "it_happened"
    assert "retry" not in whole(run)


def test_an_approval_comes_first_and_is_the_one_solid_button() -> None:
    run = begun()
    done(run, "read", "pack")
    edit(run, "agree", state="waiting", reason="approval", dispatch_due=None)
    ask(run, "agree", kind="approval", question="Ship it?")

    first = offered(run)[0]

    assert (first.verb, first.step) == ("approve", "agree")
    assert first.escalation == str(Escalation.objects.get(run=run).id)
    assert primary(run) == ["approve"]


def test_a_failed_item_is_answered_and_does_not_offer_a_retry_of_the_run() -> None:
    run = begun()
    map_of(run, succeeded=1, attention=1)

    assert "retry" not in whole(run)


def test_a_finished_step_can_be_run_again_with_all_after_it() -> None:
    run = begun()
    stop_at(run, "charge")

    assert of_step(run, "read") == ["retry_from"]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("succeeded", "It has finished: there is nothing left to cancel."),
        ("partial", "It has finished: there is nothing left to cancel."),
        ("cancelled", "It is cancelled already."),
    ],
)
def test_a_run_that_is_over_is_replayed_and_says_why_it_cannot_be_cancelled(
    state: str, why: str
) -> None:
    run = begun()
    set_run(run, state=state, finished_at=run.created_at)

    [cancel] = [offer for offer in offered(run) if offer.verb == "cancel"]

    assert whole(run) == ["replay"]
    assert cancel.refused == why
    assert all(offer.step is None for offer in offered(run))


def test_a_run_that_is_stopping_can_only_be_stopped_at_once() -> None:
    run = begun()
    set_run(run, state="cancelling", cancel_requested_at=run.created_at)

    assert whole(run) == ["cancel_now"]


def test_without_a_permission_every_button_says_what_is_missing() -> None:
    run = begun()
    stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge")

    assert all(offer.refused for offer in offered(run, nothing))


def test_a_question_takes_the_permission_to_decide_whatever_its_answer_does() -> None:
    run = begun()
    stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge")

    may = offered(run, lambda name: name == "aiops.decide_escalation")

    assert [o.verb for o in may if not o.refused] == ["it_happened", "it_did_not", "cancel"]
