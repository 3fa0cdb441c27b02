"""Seeing what runs are about: on request, for who may, and never without an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aiops.admin.page.content import MOST_CHARS, written
from aiops.admin.page.version import look_at, token
from aiops.execution import looking
from aiops.models import Escalation, Event, Run, Step, transitions
from tests.admin_.doing import text
from tests.execution.orders import ask, begun, edit, set_run, stop_at

pytestmark = pytest.mark.django_db

SECRET = "the-secret-of-A1"


def secret() -> Run:
    """A run that is about something, in every place where that may be."""
    run = begun()
    stop_at(run, "charge", state="attention", in_doubt=True)
    ask(run, "charge", shows={"text": SECRET})
    edit(run, "read", result=SECRET, progress={"seen": SECRET})
    return set_run(run, input={"id": SECRET}, metadata={"note": "of the caller"})


def button(kind: str, run: Run) -> str:
    rows: dict[str, Any] = {
        "run": run,
        "step": Step.objects.get(run=run, name="read"),
        "escalation": Escalation.objects.get(run=run),
    }
    return reverse(f"admin:aiops_{kind}_content", args=[rows[kind].pk])


def looks() -> list[tuple[str, str]]:
    rows = Event.objects.filter(kind=looking.VIEWED).order_by("id")
    return [(event.actor, event.data["what"]) for event in rows]


kinds = pytest.mark.parametrize("kind", ["run", "step", "escalation"])


@kinds
def test_each_press_of_the_button_shows_it_once_and_leaves_one_event(
    as_: Callable[[str], Client], kind: str
) -> None:
    url, client = button(kind, secret()), as_("admin")

    shown = client.post(url)
    client.post(url)

    assert SECRET in text(shown)
    assert "no-store" in shown["Cache-Control"]
    assert [actor for actor, _ in looks()] == ["ann-admin", "ann-admin"]


@kinds
def test_a_script_gets_the_card_alone(as_: Callable[[str], Client], kind: str) -> None:
    shown = text(as_("admin").post(button(kind, secret()), headers={"HX-Request": "true"}))

    assert "data-seen" in shown
    assert "<html" not in shown


@kinds
@pytest.mark.parametrize("role", ["viewer", "operator", "approver"])
def test_who_may_not_is_refused_and_nothing_is_written(
    as_: Callable[[str], Client], kind: str, role: str
) -> None:
    url = button(kind, secret())

    answer = as_(role).post(url)

    assert answer.status_code == 403
    assert SECRET not in text(answer)
    assert looks() == []


@kinds
def test_opening_the_address_or_forging_the_press_shows_nothing(
    as_: Callable[[str], Client], kind: str
) -> None:
    url = button(kind, secret())
    as_("admin")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="ann-admin"))

    statuses = [strict.get(url).status_code, strict.post(url).status_code]

    assert statuses == [405, 403]
    assert looks() == []


@kinds
def test_a_row_that_is_not_there_is_not_found(as_: Callable[[str], Client], kind: str) -> None:
    url = reverse(f"admin:aiops_{kind}_content", args=[uuid4()])

    assert as_("admin").post(url).status_code == 404


def test_content_that_cannot_be_recorded_is_not_shown(
    as_: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, client = button("run", secret()), as_("admin")
    client.raise_request_exception = False

    def full(**fields: Any) -> Event:
        raise OSError("the disk is full")

    monkeypatch.setattr(Event.objects, "create", full)
    answer = client.post(url)

    assert answer.status_code == 500
    assert SECRET not in text(answer)


def test_that_somebody_looked_is_no_news_of_the_run() -> None:
    run, now = secret(), timezone.now()

    def version() -> str:
        seen = look_at(run.pk)
        assert seen is not None
        return token(seen, 1, now)

    before = version()
    looking.at_run(run.pk, "ann")
    after_a_look = version()
    transitions.tell(run.pk, "run.retried", actor="ann")

    assert after_a_look == before
    assert version() != before


def test_the_events_of_the_run_say_who_saw_what(as_: Callable[[str], Client]) -> None:
    run = secret()
    client = as_("admin")
    client.post(button("step", run))

    shown = text(client.get(reverse("admin:aiops_run_change", args=[run.pk])))

    assert "Content was shown – what read is about" in shown
    assert "by ann-admin" in shown


def test_a_file_that_is_gone_is_told_and_not_an_error() -> None:
    run = set_run(begun(), input=None, input_ref="payloads/gone.json")

    assert "not there any more" in looking.at_run(run.pk, "ann").values["Input"]


def test_a_text_that_no_page_could_hold_is_cut_and_says_so() -> None:
    shown = written({"Input": "x" * (MOST_CHARS + 7)})["Input"]

    assert shown.endswith("7 more characters are not shown here")


# The file of a run


def test_the_file_of_a_run_has_the_answers_and_the_events_and_no_content(
    as_: Callable[[str], Client],
) -> None:
    run = secret()

    answer = as_("viewer").get(reverse("admin:aiops_run_export", args=[run.pk]))
    told = answer.json()

    assert f"run-{run.pk}.json" in answer["Content-Disposition"]
    assert told["answers"]["state"]["key"] == "attention"
    assert told["events"][0]["kind"] == "run.accepted"
    assert SECRET not in text(answer)
    assert looks() == []


def test_content_is_in_the_file_for_who_may_and_that_is_recorded(
    as_: Callable[[str], Client],
) -> None:
    run = secret()
    url = reverse("admin:aiops_run_export", args=[run.pk])

    refused = as_("operator").post(url)
    told = as_("admin").post(url).json()

    assert refused.status_code == 403
    assert told["content"]["input"] == {"id": SECRET}
    assert told["content"]["results"]["read"] == SECRET
    assert looks() == [("ann-admin", "all of the run, in a file")]
