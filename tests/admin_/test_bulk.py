"""Bulk in the console: look at the plan, confirm it once, watch it, stop it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiops.admin.bulk import begin
from aiops.admin.page.bulk import price
from aiops.execution import bulk
from aiops.execution.bulk_plan import Choice, make
from aiops.models import BulkItem, BulkJob, Event, Run
from tests.admin_.doing import everything, text
from tests.execution.orders import begun, stop_at

pytestmark = pytest.mark.django_db

SignIn = Callable[[str], Client]


def failed(name: str = "notify", **what: Any) -> Run:
    run = begun()
    stop_at(run, name, **{"fingerprint": "aa", **what})
    return run


def planned(runs: Sequence[Run], verb: str = "retry", role: str = "operator") -> BulkJob:
    ids = [run.id for run in runs]
    return make(Choice(verb=verb, runs=ids, actor=f"ann-{role}", told="these runs"))


def url(job: BulkJob, name: str = "change") -> str:
    return reverse(f"admin:aiops_bulkjob_{name}", args=[job.pk])


def begins(client: Client, verb: str, ids: Any, params: dict[str, str]) -> HttpResponse:
    """What a list of runs calls."""
    request = RequestFactory().post("/", params)
    for middleware in (SessionMiddleware, MessageMiddleware):
        middleware(lambda _: HttpResponse()).process_request(request)
    request.user = client.get(reverse("admin:aiops_bulkjob_changelist")).wsgi_request.user
    return begin(request, verb, ids, params)


def test_the_runs_of_a_filter_are_frozen(as_: SignIn) -> None:
    first = failed()
    response = begins(as_("operator"), "retry", None, {"group": "aa"})

    failed()

    job = BulkJob.objects.get()
    assert response.headers["Location"] == url(job)
    assert [item.run_id for item in job.items.all()] == [first.id]
    assert (job.made_by, job.query) == ("ann-operator", "group=aa")


@pytest.mark.parametrize("params", [{}, {"view": "all"}, {"group": ""}])
def test_a_filter_that_means_every_run_is_refused(as_: SignIn, params: dict[str, str]) -> None:
    failed()

    response = begins(as_("operator"), "cancel", None, params)

    assert not BulkJob.objects.exists()
    assert reverse("admin:aiops_run_changelist") in response.headers["Location"]


def test_a_filter_that_nobody_knows_is_refused(as_: SignIn) -> None:
    begins(as_("operator"), "retry", None, {"sate": "failed"})

    assert not BulkJob.objects.exists()


def test_looking_at_a_plan_changes_nothing(as_: SignIn) -> None:
    job = planned([failed(), failed("charge", sent="maybe"), begun()])
    before = everything()

    page = text(as_("operator").get(url(job)))

    for told in ("Nothing has been done yet", "1 will go ahead", "1 left out: check first"):
        assert told in page
    assert "1 left out: not possible" in page
    assert "Retry failed – 1 run<" in page
    assert everything() == before


def test_confirming_lets_it_begin_once(as_: SignIn) -> None:
    job = planned([failed()])
    client = as_("operator")

    first = client.post(url(job, "confirm"), {"reason": "it is back"})
    second = client.post(url(job, "confirm"), {"reason": "it is back"})

    assert (first.status_code, second.status_code) == (302, 409)
    [event] = Event.objects.filter(kind="bulk.confirmed")
    assert (event.actor, event.data["reason"]) == ("ann-operator", "it is back")
    assert BulkJob.objects.get().state == "canary"


def test_an_address_alone_confirms_nothing(as_: SignIn) -> None:
    job = planned([failed()])

    as_("operator").get(url(job, "confirm"))

    assert BulkJob.objects.get().state == "planned"


@pytest.mark.parametrize("name", ["confirm", "stop"])
def test_a_viewer_may_look_and_not_do(as_: SignIn, name: str) -> None:
    job = planned([failed()])
    client = as_("viewer")

    page = client.get(url(job))
    response = client.post(url(job, name), {"reason": "please"})

    assert (page.status_code, response.status_code) == (200, 403)
    assert "may look at this plan, and not carry it out" in text(page)
    assert BulkJob.objects.get().state == "planned"


@pytest.mark.parametrize("name", ["confirm", "stop"])
def test_a_form_of_another_site_is_refused(as_: SignIn, name: str) -> None:
    job = planned([failed()])
    as_("operator")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="ann-operator"))

    assert strict.post(url(job, name), {"reason": "x"}).status_code == 403
    assert BulkJob.objects.get().state == "planned"


def test_what_stands_in_the_way_is_told_and_what_was_typed_stays(as_: SignIn) -> None:
    job = planned([failed()], "cancel")

    response = as_("operator").post(url(job, "confirm"), {"reason": " ", "number": "12"})

    assert response.status_code == 409
    assert "Give a reason: it is kept with each run. Nothing was done." in text(response)


def test_a_plan_that_is_too_old_shows_no_button(as_: SignIn) -> None:
    job = planned([failed()])
    BulkJob.objects.update(expires_at=timezone.now())

    page = text(as_("operator").get(url(job)))

    assert "older than 10 minutes" in page
    assert url(job, "confirm") not in page


def test_many_runs_ask_for_their_number(as_: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "UNTYPED", 1)
    job = planned([failed(), failed()])
    client = as_("operator")

    assert 'name="number"' in text(client.get(url(job)))
    assert client.post(url(job, "confirm"), {"number": "1"}).status_code == 409
    assert client.post(url(job, "confirm"), {"number": "2"}).status_code == 302


def at_work(runs: Sequence[Run]) -> BulkJob:
    return bulk.confirm(planned(runs).id, bulk.Confirmed(actor="ann-operator"))


def test_stopping_is_asked_first_and_recorded(as_: SignIn) -> None:
    job = at_work([failed()])
    client = as_("operator")

    asked = client.get(url(job, "stop"))
    assert "Stop, leave 1 run as they are" in text(asked)
    assert BulkJob.objects.get().state == "canary"
    response = client.post(url(job, "stop"), {"reason": "lunch"})

    assert response.status_code == 302
    [event] = Event.objects.filter(kind="bulk.stopped")
    assert (event.actor, event.data["why"]) == ("ann-operator", "lunch")
    assert client.post(url(job, "stop"), {}).status_code == 409


def test_the_page_of_a_job_tells_what_became_of_each_run(as_: SignIn) -> None:
    runs = [failed(), failed(), failed()]
    job = at_work(runs)
    for run, outcome in zip(runs, ("done", "changed", "refused"), strict=True):
        BulkItem.objects.filter(run=run).update(outcome=outcome, note="It was cancelled.")

    page = text(as_("viewer").get(url(job)))

    assert "3 of 3" in page
    for told in ("Changed meanwhile", "It was left alone", "It was cancelled."):
        assert told in page
    assert url(job, "stop") not in page


def test_only_the_runs_of_one_outcome_are_shown_when_asked_for(as_: SignIn) -> None:
    runs = [failed(), failed()]
    job = at_work(runs)
    BulkItem.objects.filter(run=runs[0]).update(outcome="done")

    page = text(as_("viewer").get(url(job), {"outcome": "done"}))

    assert reverse("admin:aiops_run_change", args=[runs[0].id]) in page
    assert reverse("admin:aiops_run_change", args=[runs[1].id]) not in page


def test_a_poll_that_brings_nothing_new_is_answered_with_nothing(as_: SignIn) -> None:
    job = at_work([failed()])
    client = as_("operator")
    address = client.get(url(job)).context["version"]
    client.get(url(job, "live"), {"v": address})

    with CaptureQueriesContext(connection) as asked:
        response = client.get(url(job, "live"), {"v": address})
    BulkItem.objects.update(outcome="done")

    assert response.status_code == 204
    assert len([q for q in asked if "aiops_" in q["sql"]]) <= 3
    assert client.get(url(job, "live"), {"v": address}).status_code == 200


def test_no_page_needs_more_queries_for_more_runs(as_: SignIn) -> None:
    small, large = planned([failed()]), planned([failed() for _ in range(8)])
    client = as_("operator")
    client.get(url(small))
    numbers = []
    for job in (small, large):
        with CaptureQueriesContext(connection) as asked:
            client.get(url(job))
        numbers.append(len(asked))

    assert numbers[0] == numbers[1] <= 15


def test_the_list_tells_how_far_each_job_has_come(as_: SignIn) -> None:
    at_work([failed(), failed()])

    page = text(as_("viewer").get(reverse("admin:aiops_bulkjob_changelist")))

    assert "2 to do" in page
    assert "The first few are tried" in page


@pytest.mark.parametrize("name", ["change", "live", "stop", "confirm"])
def test_a_job_that_is_gone_is_no_page(as_: SignIn, name: str) -> None:
    address = reverse(f"admin:aiops_bulkjob_{name}", args=[uuid4()])

    assert as_("operator").get(address).status_code == 404


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([(3, 30_000, 3)], "about $0.030"),
        ([(3, 30_000, 2)], "about $0.030, not known of 1"),
        ([(3, None, 0)], "cost not known"),
    ],
)
def test_what_is_not_known_is_not_called_cheap(rows: list[Any], told: str) -> None:
    assert price(rows) == told
