"""The page of a run: what it shows, to whom, and what it costs to show it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from aiops.admin.page.version import AGES_S, look_at, token
from aiops.models import Attempt, Run, Step, transitions
from tests.execution.orders import ask, begun, done, edit, map_of, set_run, stop_at, tried

pytestmark = pytest.mark.django_db

SECRET = "the-secret-of-A1"
PAGE_QUERIES = 15
POLL_QUERIES = 3


@pytest.fixture
def staff(client: Client) -> User:
    """Somebody who is signed in and may look at everything but what runs are about."""
    user = User.objects.create_user("ann", password="x", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(
            content_type__app_label="aiops", codename__startswith="view_"
        ).exclude(codename="view_payload")
    )
    client.force_login(user)
    return user


def allow(user: User, *codenames: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def page_of(run: Run) -> str:
    return reverse("admin:aiops_run_change", args=[run.pk])


def shown(client: Client, run: Run) -> str:
    answer = client.get(page_of(run))
    assert answer.status_code == 200
    return answer.content.decode()


def poll(client: Client, run: Run, version: str) -> HttpResponse:
    url = reverse("admin:aiops_run_live", args=[run.pk])
    return client.get(url, {"v": version})  # type: ignore[return-value]  # the test client's own


def version_in(text: str) -> str:
    found = re.search(r'data-live="[^"]*\?v=(\w+)"', text)
    assert found is not None
    return found[1]


def stopped(**what: Any) -> Run:
    """A run that has failed for good at the payment."""
    run = begun(title="Order A1")
    stop_at(run, "charge", **what)
    return run


def test_a_failed_run_says_what_went_wrong_and_offers_what_is_right(
    client: Client, staff: User
) -> None:
    allow(staff, "retry_run")

    text = shown(client, stopped(message="the card was refused"))

    assert "What went wrong" in text
    assert "charge: the card was refused" in text
    assert "It failed before anything was sent." in text
    assert "do/retry_step/?step=charge" in text


def test_a_question_is_asked_on_the_page_with_its_answers(client: Client, staff: User) -> None:
    allow(staff, "decide_escalation")
    run = stopped(state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge")

    text = shown(client, run)

    assert "Someone must decide" in text
    assert "do/it_happened/?" in text
    assert "do/it_did_not/?" in text


def test_who_may_not_do_it_reads_why_instead_of_a_link(client: Client, staff: User) -> None:
    text = shown(client, stopped())

    assert "/do/" not in text
    assert "You are not allowed to retry" in text


def test_every_attempt_is_told_with_its_error_worker_task_and_traceback(
    client: Client, staff: User
) -> None:
    run = stopped()
    row = Step.objects.get(run=run, name="charge")
    error = {"type": "Refused", "message": "no such card", "traceback": "line 7 of pay.py"}
    tried(row, outcome="failed", error=error, sent="maybe", worker="io@a/1", task_id="task-77")

    text = shown(client, run)

    for told in ("Refused", "no such card", "line 7 of pay.py", "io@a/1", "task-77"):
        assert told in text
    assert "it may have gone out" in text
    assert f"{run.pk}:charge" in text


def test_of_many_attempts_the_newest_are_listed_and_all_are_counted(
    client: Client, staff: User
) -> None:
    run = stopped()
    row = Step.objects.get(run=run, name="charge")
    for _ in range(14):
        tried(row, outcome="failed")

    text = shown(client, run)

    assert "15 attempts" in text
    assert text.count('class="cx-try" id="try-') == 12


def test_the_operator_sees_what_the_user_sees(client: Client, staff: User) -> None:
    text = shown(client, stopped())

    assert "We could not finish this" in text
    assert "Taking the payment (stopped)" in text


def test_what_a_run_is_about_never_comes_with_the_page(client: Client, staff: User) -> None:
    run = stopped()
    set_run(run, input={"id": SECRET}, metadata={"note": SECRET})
    edit(run, "read", result=SECRET)
    ask(run, "charge", shows={"text": SECRET})

    without = shown(client, run) + poll(client, run, "old").content.decode()
    allow(staff, "view_payload")
    granted = shown(client, run) + poll(client, run, "old").content.decode()

    assert SECRET not in without + granted
    assert "Show what it is about" not in without
    assert "Show what it is about" in granted


def test_the_page_changes_nothing_and_takes_no_post(admin_client: Client) -> None:
    run = stopped()
    before = list(Step.objects.filter(run=run).order_by("id").values())

    answer = admin_client.post(page_of(run), {"state": "succeeded"})
    shown(admin_client, run)

    assert answer.status_code == 403
    assert list(Step.objects.filter(run=run).order_by("id").values()) == before


@pytest.mark.parametrize("name", ["01a20000-0000-7000-8000-000000000000", "nonsense"])
def test_a_run_that_is_not_there_is_no_page(admin_client: Client, name: str) -> None:
    assert admin_client.get(reverse("admin:aiops_run_change", args=[name])).status_code == 404


def test_who_may_not_see_runs_gets_neither_the_page_nor_what_changed(client: Client) -> None:
    client.force_login(User.objects.create_user("bob", password="x", is_staff=True))
    run = stopped()

    assert client.get(page_of(run)).status_code == 403
    assert poll(client, run, "old").status_code == 403


def test_a_poll_is_empty_until_something_changes(client: Client, staff: User) -> None:
    run = stopped()
    version = version_in(shown(client, run))

    unchanged = poll(client, run, version)
    transitions.tell(run.id, "run.retried", actor="cli:ann", steps=["charge"])
    changed = poll(client, run, version)

    assert (unchanged.status_code, unchanged.content) == (204, b"")
    assert changed.status_code == 200
    assert "Retried charge" in changed.content.decode()
    assert version_in(changed.content.decode()) != version


def test_a_step_that_begins_without_an_event_is_a_change(client: Client, staff: User) -> None:
    run = stopped()
    version = version_in(shown(client, run))

    edit(run, "charge", fence=2)

    assert poll(client, run, version).status_code == 200


def test_nobody_is_told_that_nothing_changed_by_another_ones_version(
    client: Client, staff: User
) -> None:
    run = stopped()
    version = version_in(shown(client, run))

    client.force_login(User.objects.create_user("bob", password="x", is_staff=True))

    assert poll(client, run, version).status_code == 403


def test_a_run_that_goes_on_is_drawn_anew_after_a_while_and_an_ended_one_is_not() -> None:
    ended, open_ = look_at(stopped().pk), look_at(begun().pk)
    assert ended is not None
    assert open_ is not None
    now = open_.since

    def versions(run: Run) -> set[str]:
        later = now.fromtimestamp(now.timestamp() + AGES_S, now.tzinfo)
        return {token(run, 1, now), token(run, 1, later)}

    assert len(versions(ended)) == 1
    assert len(versions(open_)) == 2


@pytest.fixture
def many() -> list[Run]:
    """Two hundred runs, in several states."""
    runs = [begun(title=f"Order {number}") for number in range(200)]
    for run in runs[:100:2]:
        done(run, "read")
    for run in runs[1:100:2]:
        stop_at(run, "charge", fingerprint="the same")
    return runs


def test_the_page_and_the_poll_stay_within_their_budgets_among_many_runs(
    client: Client, staff: User, many: list[Run]
) -> None:
    allow(staff, "view_payload")
    run = many[1]
    map_of(run, succeeded=30, failed=3)
    tried(Step.objects.get(run=run, name="read"), cost_microusd=1_000)
    version = version_in(shown(client, run))

    with CaptureQueriesContext(connection) as page_queries:
        text = shown(client, run)
    with CaptureQueriesContext(connection) as poll_queries:
        unchanged = poll(client, run, version)

    assert "49 other runs have failed the same way." in text
    assert len(page_queries) <= PAGE_QUERIES
    assert unchanged.status_code == 204
    assert len(poll_queries) <= POLL_QUERIES


def test_the_cost_of_the_page_does_not_grow_with_attempts_and_events(
    client: Client, staff: User
) -> None:
    run = stopped()
    shown(client, run)
    with CaptureQueriesContext(connection) as few:
        shown(client, run)
    for row in Step.objects.filter(run=run):
        for _ in range(5):
            tried(row, outcome="failed")
            transitions.tell(run.id, "step.failed", step=row.id, message="boom")

    with CaptureQueriesContext(connection) as more:
        shown(client, run)

    assert Attempt.objects.filter(run=run).count() > 20
    assert len(more) == len(few)


def test_what_we_write_has_no_inline_style_script_or_handler(client: Client, staff: User) -> None:
    run = stopped()
    map_of(run, succeeded=3, failed=1)

    text = poll(client, run, "old").content.decode()

    assert "<svg" in text
    assert not re.search(r"<(script|style)|\sstyle=|\son\w+=|javascript:", text, re.IGNORECASE)


def test_what_people_and_errors_say_is_escaped(client: Client, staff: User) -> None:
    evil = "<b onclick=alert(1)>x</b>"
    run = stopped(message=evil)
    set_run(run, title=evil, reason=evil)
    transitions.tell(run.id, "run.paused", actor=evil, reason=evil)

    text = poll(client, run, "old").content.decode()

    assert evil not in text
    assert "&lt;b onclick" in text


def test_the_list_shows_state_progress_and_verdict_in_words(client: Client, staff: User) -> None:
    stopped(word="ambiguous", sent="yes")

    text = client.get(reverse("admin:aiops_run_changelist")).content.decode()

    assert "Failed" in text
    assert "3 of 5" in text
    assert "Do not retry" in text
