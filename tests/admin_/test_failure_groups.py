"""The pages of failure groups: what failed alike, and what people decide about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiops.admin.page.failure import decided
from aiops.models import BulkJob, Event, FailureGroup, Run
from tests.admin_.doing import everything, shown, text
from tests.execution.orders import begun, stop_at

pytestmark = pytest.mark.django_db

SignIn = Callable[[str], Client]


def one_more(mark: str = "aa", name: str = "notify", **error: Any) -> Run:
    run = begun()
    stop_at(run, name, **{"fingerprint": mark, "message": "no answer from crm", **error})
    return run


def page_of(mark: str = "aa") -> str:
    return reverse("admin:aiops_failuregroup_change", args=[mark])


def do(verb: str, mark: str = "aa") -> str:
    return reverse("admin:aiops_failuregroup_do", args=[mark, verb])


LIST = "admin:aiops_failuregroup_changelist"


def press(client: Client, verb: str, **given: str) -> Any:
    seen = shown(client, do(verb))["fingerprint"]
    return client.post(do(verb), {"fingerprint": seen, "reason": "we know", **given})


def test_the_list_tells_cause_counts_verdicts_and_owner(as_: SignIn) -> None:
    one_more()
    one_more(name="charge", mark="bb", sent="maybe")
    FailureGroup.objects.create(fingerprint="aa", owner="bob", decided_by="bob")

    page = text(as_("viewer").get(reverse(LIST)))

    for told in ("no answer from crm", "answers_order", "notify", "1 safe", "1 check first", "bob"):
        assert told in page
    assert page_of("aa") in page
    assert "verdict=safe" in page


def test_a_tab_shows_its_groups_only(as_: SignIn) -> None:
    one_more()
    FailureGroup.objects.create(fingerprint="aa", state="resolved", decided_by="bob")
    client = as_("viewer")

    assert "No failures stand still" in text(client.get(reverse(LIST)))
    assert "no answer from crm" in text(client.get(reverse(LIST), {"tab": "resolved"}))


def test_the_page_of_one_shows_its_evidence_and_its_versions(as_: SignIn) -> None:
    run = one_more(traceback="Traceback: here")

    page = text(as_("viewer").get(page_of()))

    for told in ("Traceback: here", "nothing was sent", "answers_order v1", "1 failed try"):
        assert told in page
    assert reverse("admin:aiops_run_change", args=[run.id]) in page
    assert do("take") not in page


def test_a_fingerprint_that_nothing_has_is_no_page(as_: SignIn) -> None:
    client = as_("operator")

    assert client.get(page_of("nothing")).status_code == 404
    assert client.get(do("take", "nothing")).status_code == 404
    assert client.get(do("delete")).status_code == 404


@pytest.mark.parametrize("verb", ["take", "resolve", "ignore", "reopen"])
def test_looking_at_a_decision_changes_nothing(as_: SignIn, verb: str) -> None:
    one_more()
    before = everything()

    response = as_("operator").get(do(verb))

    assert response.status_code == 200
    assert everything() == before
    assert not FailureGroup.objects.exists()


@pytest.mark.parametrize(
    ("verb", "given", "field", "value"),
    [
        ("take", {}, "owner", "ann-operator"),
        ("resolve", {"version": "4"}, "resolved_in", 4),
        ("resolve", {}, "state", "resolved"),
        ("ignore", {"hours": "8"}, "state", "ignored"),
        ("reopen", {}, "state", "open"),
    ],
)
def test_a_decision_is_kept_with_its_event(
    as_: SignIn, verb: str, given: dict[str, str], field: str, value: Any
) -> None:
    one_more()

    response = press(as_("operator"), verb, **given)

    assert response.status_code == 302
    assert getattr(FailureGroup.objects.get(), field) == value
    [event] = Event.objects.filter(run=None)
    assert (event.actor, event.data["reason"]) == ("ann-operator", "we know")


@pytest.mark.parametrize("verb", ["take", "resolve", "ignore", "reopen"])
def test_a_viewer_decides_nothing(as_: SignIn, verb: str) -> None:
    one_more()

    assert as_("viewer").post(do(verb), {"reason": "x"}).status_code == 403
    assert not FailureGroup.objects.exists()


def test_who_decides_on_what_has_moved_looks_again(as_: SignIn) -> None:
    one_more()
    client = as_("operator")
    seen = shown(client, do("resolve"))["fingerprint"]
    FailureGroup.objects.create(fingerprint="aa", owner="bob", decided_by="bob")

    response = client.post(do("resolve"), {"fingerprint": seen, "reason": "we know"})

    assert response.status_code == 409
    assert "look again" in text(response)
    assert FailureGroup.objects.get().state == "open"


@pytest.mark.parametrize(
    ("verb", "given", "why"),
    [
        ("resolve", {"reason": ""}, "Give a reason"),
        ("resolve", {"version": "four"}, "is no number of a version"),
        ("ignore", {"hours": "9999"}, "Say until when"),
    ],
)
def test_what_a_decision_lacks_is_told(
    as_: SignIn, verb: str, given: dict[str, str], why: str
) -> None:
    one_more()

    assert why in text(press(as_("operator"), verb, **given))
    assert not FailureGroup.objects.exists()


def test_the_safe_ones_are_planned_and_nothing_is_done(as_: SignIn) -> None:
    run, other = one_more(), one_more("bb")
    client = as_("operator")
    assert "Retry the safe ones (1)" in text(client.get(page_of()))

    response = client.post(reverse("admin:aiops_failuregroup_retry", args=["aa"]))

    job = BulkJob.objects.get()
    assert response.headers["Location"].endswith(f"{job.pk}/change/")
    assert [item.run_id for item in job.items.all()] == [run.id]
    assert "no answer from crm" in job.chosen
    assert Run.objects.get(id=other.id).state == "failed"


def test_an_address_alone_plans_nothing(as_: SignIn) -> None:
    one_more()

    as_("operator").get(reverse("admin:aiops_failuregroup_retry", args=["aa"]))

    assert not BulkJob.objects.exists()


def test_the_pages_need_no_more_queries_for_more_failures(as_: SignIn) -> None:
    client = as_("operator")
    numbers: list[list[int]] = []
    for _ in range(2):
        for name in ("aa", "bb", "cc"):
            one_more(name)
        client.get(reverse(LIST))
        numbers.append([_queries(client, url) for url in (reverse(LIST), page_of())])

    assert numbers[0] == numbers[1]
    assert numbers[0][0] <= 13
    assert numbers[0][1] <= 15


def _queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(url).status_code == 200
    return len(asked)


def test_a_decision_tells_what_opens_the_group_again() -> None:
    now = timezone.now()
    given = {"decided_by": "bob", "decided_at": now}
    resolved = FailureGroup(state="resolved", resolved_in=4, **given)
    outside = FailureGroup(state="resolved", **given)
    ignored = FailureGroup(state="ignored", ignored_until=now + timedelta(hours=1), **given)

    assert "when version 4 or above fails so" in decided(resolved, "resolved", now)
    assert "has failed again since" in decided(resolved, "open", now)
    assert "by something outside" in decided(outside, "resolved", now)
    assert "open again by itself" in decided(ignored, "ignored", now)
    assert "that time is over" in decided(ignored, "open", now)
    assert decided(None, "open", now) == ""
