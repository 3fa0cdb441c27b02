"""The verbs of a run in the console: look first, then do it once, with a name and a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from aiops.models import Event, Run, Step, transitions
from tests.admin_.doing import (
    CASES,
    TICKED,
    Case,
    address,
    asking_for_approval,
    everything,
    failed,
    form,
    maybe_sent,
    press,
    shown,
    text,
)
from tests.execution.orders import begun

pytestmark = pytest.mark.django_db

all_verbs = pytest.mark.parametrize("case", CASES, ids=str)


# What holds for every verb


@all_verbs
def test_looking_at_a_plan_changes_nothing(as_: Callable[[str], Client], case: Case) -> None:
    run = case.run()
    before = everything()

    response = as_(case.role).get(address(case, run))

    assert response.status_code == 200
    assert 'role="alert"' not in text(response)
    assert everything() == before


@all_verbs
def test_doing_it_leaves_an_event_with_the_name_and_the_reason(
    as_: Callable[[str], Client], case: Case
) -> None:
    run = case.run()

    response = press(as_(case.role), case, run)

    assert response.status_code == 302, text(response)
    told = Event.objects.get(kind=case.event, actor=f"ann-{case.role}")
    if case.reason_in:
        assert told.data[case.reason_in] == "because of the test"


@all_verbs
def test_without_the_token_of_the_form_nothing_is_done(
    as_: Callable[[str], Client], case: Case
) -> None:
    run = case.run()
    fingerprint = shown(as_(case.role), address(case, run))["fingerprint"]
    user = User.objects.get(username=f"ann-{case.role}")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    before = everything()

    response = strict.post(address(case, run), form(case, fingerprint))

    assert response.status_code == 403
    assert everything() == before


@all_verbs
def test_another_fingerprint_is_answered_with_a_fresh_plan_and_changes_nothing(
    as_: Callable[[str], Client], case: Case
) -> None:
    run = case.run()
    client = as_(case.role)
    fresh = shown(client, address(case, run))["fingerprint"]
    before = everything()

    response = client.post(address(case, run), form(case, "of-another-time"))

    assert response.status_code == 409
    assert fresh in text(response)
    assert "It has moved on since you looked" in text(response)
    assert everything() == before


@all_verbs
def test_a_viewer_may_neither_look_at_a_plan_nor_do_it(
    as_: Callable[[str], Client], case: Case
) -> None:
    run = case.run()
    viewer = as_("viewer")
    before = everything()

    statuses = [
        viewer.get(address(case, run)).status_code,
        viewer.post(address(case, run), form(case, "any")).status_code,
    ]

    assert statuses == [403, 403]
    assert everything() == before


@all_verbs
def test_an_event_that_cannot_be_written_leaves_the_run_as_it_was(
    as_: Callable[[str], Client], case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = case.run()
    client = as_(case.role)
    client.raise_request_exception = False
    url = address(case, run)
    fingerprint = shown(client, url)["fingerprint"]
    before = everything()
    tell = transitions.tell

    def full(run_id: UUID | None, kind: str, **fields: Any) -> None:
        if kind == case.event:
            raise OSError("the disk is full")
        tell(run_id, kind, **fields)

    monkeypatch.setattr(transitions, "tell", full)
    response = client.post(url, form(case, fingerprint))

    assert response.status_code == 500
    assert everything() == before


# Reasons, ticks and results


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.verb in ("skip", "mark_done", "cancel", "reject", "escalate")],
    ids=str,
)
def test_what_cannot_be_taken_back_needs_a_reason(as_: Callable[[str], Client], case: Case) -> None:
    run = case.run()
    client = as_(case.role)
    url = address(case, run)
    before = everything()

    response = client.post(url, {**form(case, shown(client, url)["fingerprint"]), "reason": " "})

    assert response.status_code == 200
    assert "Give a reason" in text(response)
    assert everything() == before


def test_what_may_have_gone_out_is_not_retried_without_a_look(
    as_: Callable[[str], Client],
) -> None:
    case = Case("retry", maybe_sent, "run.retried")
    run = maybe_sent()

    response = press(as_("admin"), case, run)

    assert response.status_code == 200
    assert "Tick the box first: I have looked: it did not go out." in text(response)
    assert Run.objects.get(id=run.id).state == "failed"


def test_an_operator_sees_what_stands_in_the_way_of_a_retry_and_cannot_force_it(
    as_: Callable[[str], Client],
) -> None:
    case = Case("retry", maybe_sent, "run.retried", sends=TICKED)
    run = maybe_sent()
    operator = as_("operator")
    url = address(case, run)

    looked = operator.get(url)
    forced = operator.post(url, form(case, shown(operator, url)["fingerprint"]))

    assert "You are not allowed to retry what may have gone out." in text(looked)
    assert "Retry failed (" not in text(looked)
    assert forced.status_code == 403
    assert Run.objects.get(id=run.id).state == "failed"


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ("{not json", "The result is not JSON"),
        ("5", "not a result of charge"),
        ("", "not a result of charge"),
    ],
)
def test_a_result_that_does_not_fit_is_refused_and_the_form_keeps_what_was_typed(
    as_: Callable[[str], Client], result: str, problem: str
) -> None:
    case = Case("mark_done", maybe_sent, "", step="charge", sends={"result": result})
    run = maybe_sent()

    response = press(as_("admin"), case, run)

    assert response.status_code == 200
    assert problem in text(response)
    assert "because of the test" in text(response)
    assert Step.objects.get(run=run, name="charge").state == "failed"


def test_a_replay_with_another_input_is_a_new_run_that_the_browser_is_sent_to(
    as_: Callable[[str], Client],
) -> None:
    case = Case("replay", failed, "", sends={**TICKED, "input": '{"id": "B2"}'})
    run = failed()

    response = press(as_("admin"), case, run)

    new = Run.objects.get(replay_of=run)
    assert response["Location"] == reverse("admin:aiops_run_change", args=[new.id])
    assert new.input is not None
    assert (new.input["id"], new.started_by) == ("B2", "ann-admin")
    assert Run.objects.get(id=run.id).state == "failed"


def test_an_input_that_the_workflow_refuses_starts_nothing(as_: Callable[[str], Client]) -> None:
    case = Case("replay", failed, "", sends={**TICKED, "input": '{"id": 7}'})
    run = failed()

    response = press(as_("admin"), case, run)

    assert "Nothing was changed." in text(response)
    assert not Run.objects.filter(replay_of=run).exists()


def test_who_may_not_see_inputs_neither_reads_nor_changes_one(
    as_: Callable[[str], Client],
) -> None:
    case = Case("replay", begun, "", sends={"input": '{"id": "B2"}'})
    run = begun()
    operator = as_("operator")
    url = address(case, run)

    looked = operator.get(url)
    pressed = operator.post(url, form(case, shown(operator, url)["fingerprint"]))

    assert "cx-input" not in text(looked)
    assert pressed.status_code == 403


def test_what_a_question_shows_is_for_those_who_may_see_it(as_: Callable[[str], Client]) -> None:
    run = asking_for_approval()
    url = address(Case("approve", asking_for_approval, "", is_answer=True), run)

    answers = [text(as_("approver").get(url)), text(as_("admin").get(url))]
    refused = as_("approver").post(url, {"show": "1"})
    granted = as_("admin").post(url, {"show": "1", "reason": "half a sentence"})

    assert not any("a secret" in answer for answer in answers)
    assert refused.status_code == 403
    assert "a secret" in text(granted)
    assert "half a sentence" in text(granted)
    seen = Event.objects.get(kind="payload.viewed")
    assert (seen.run_id, seen.actor) == (run.id, "ann-admin")
    assert Event.objects.filter(kind="escalation.answered").count() == 0


def test_the_input_comes_into_the_form_when_somebody_asks_and_that_is_recorded(
    as_: Callable[[str], Client],
) -> None:
    run = begun()
    client, url = as_("admin"), address(Case("replay", begun, ""), run)

    looked = text(client.get(url))
    granted = client.post(url, {"show": "1"})

    assert "spoon" not in looked
    assert "spoon" in text(granted)
    assert "no-store" in granted["Cache-Control"]
    assert Event.objects.get(run=run, kind="payload.viewed").data == {"what": "the run's input"}
    assert not Run.objects.filter(replay_of=run).exists()


# Twice, elsewhere, and not at all


def test_an_approval_that_is_sent_twice_is_given_once(as_: Callable[[str], Client]) -> None:
    case = Case("approve", asking_for_approval, "", is_answer=True)
    run = asking_for_approval()
    client = as_("approver")
    url = address(case, run)
    sent = form(case, shown(client, url)["fingerprint"])

    statuses = [client.post(url, sent).status_code for _ in range(2)]

    assert statuses == [302, 409]
    assert Event.objects.filter(run=run, kind="escalation.answered").count() == 1
    assert Step.objects.get(run=run, name="agree").state == "succeeded"


def test_the_second_of_two_people_is_told_who_was_first(as_: Callable[[str], Client]) -> None:
    case = Case("approve", asking_for_approval, "", is_answer=True)
    run = asking_for_approval()
    client = as_("approver")
    url = address(case, run)
    sent = form(case, shown(client, url)["fingerprint"])
    client.post(url, sent)

    response = client.post(url, sent)

    assert "ann-approver has answered it: Approve." in text(response)


def test_in_a_dialog_the_answer_is_a_fragment_and_success_names_the_next_page(
    as_: Callable[[str], Client],
) -> None:
    case = Case("pause", begun, "")
    run = begun()
    client = as_("operator")
    url, asked = address(case, run), {"HX-Request": "true"}

    looked = client.get(url, headers=asked)
    sent = form(case, shown(client, url)["fingerprint"])
    pressed = client.post(url, sent, headers=asked)

    assert "<html" not in text(looked)
    assert 'id="cx-plan"' in text(looked)
    assert pressed.status_code == 200
    assert pressed["HX-Redirect"] == reverse("admin:aiops_run_change", args=[run.id])


@pytest.mark.parametrize(
    "path",
    [
        "{run}/do/explode/",
        "{run}/do/approve/",
        "{run}/do/approve/?escalation={other}",
        "{run}/do/approve/?escalation=no-id",
        "{other}/do/retry/",
    ],
)
def test_an_address_of_nothing_is_not_found(as_: Callable[[str], Client], path: str) -> None:
    run, other = begun(), uuid4()

    response = as_("admin").get("/admin/aiops/run/" + path.format(run=run.id, other=other))

    assert response.status_code == 404


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    run = begun()

    response = client.get(address(Case("pause", begun, ""), run))

    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]
