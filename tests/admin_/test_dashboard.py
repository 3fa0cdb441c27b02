"""The dashboard on the record: what it counts, what it costs, and who may see it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiops.admin import dashboard as page_of_all
from aiops.admin.page import counts, overview
from aiops.models import FailureGroup, GroupState, Node, Pausable, Pause, Run, Step, transitions
from tests.admin_.doing import asking_for_approval, failed, in_doubt, paused, stopping, text
from tests.execution.orders import begun, done, edit, set_run, stop_at

pytestmark = pytest.mark.django_db

As = Callable[[str], Client]


@pytest.fixture(autouse=True)
def _nothing_is_kept_and_no_time_passes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(page_of_all, "AGES_S", 10**9)
    cache.clear()
    yield
    cache.clear()


def dashboard(client: Client) -> str:
    return text(client.get(reverse("admin:index")))


def address_of(page: str) -> str:
    """Where the page asks whether anything has changed."""
    found = re.search(r'data-live="([^"]+)"', page)
    assert found is not None
    return found.group(1)


def numbers() -> overview.Numbers:
    now = timezone.now()
    return overview.numbers(now, now - timedelta(hours=24))


def failed_alike(fingerprint: str) -> Run:
    run = begun()
    stop_at(run, "notify", fingerprint=fingerprint)
    return set_run(run, since=timezone.now())


def running(lease_s: float, **fields: Any) -> Run:
    """A run on which a worker is, whose lease ends in so many seconds."""
    run = begun()
    now = timezone.now()
    lease = {"lease_until": now + timedelta(seconds=lease_s), "worker": "io@a/1"}
    edit(run, "read", state="running", reason="lease", dispatch_due=None, started_at=now, **lease)
    return set_run(run, state="running", **fields)


# What it counts


def test_open_states_and_requests_are_counted() -> None:
    begun()
    asking_for_approval()
    in_doubt()

    found = counts.read()

    assert found.runs["queued"] == 2
    assert found.runs["attention"] == 1
    assert (found.requests, found.overdue, found.open_runs) == (2, 0, 3)


def test_a_failed_run_is_handled_when_its_cause_is_ignored() -> None:
    failed_alike("one")
    failed_alike("other")
    until = timezone.now() + timedelta(days=1)
    FailureGroup.objects.create(
        fingerprint="one", state=GroupState.IGNORED, ignored_until=until, decided_by="ann"
    )

    found = numbers()

    assert (found.handled, found.safe) == (1, 1)


def test_a_failure_after_its_cause_was_resolved_is_not_handled() -> None:
    failed_alike("one")
    FailureGroup.objects.create(fingerprint="one", state=GroupState.RESOLVED, decided_by="ann")
    set_run(failed_alike("one"), since=timezone.now() + timedelta(hours=1))

    assert numbers().handled == 1


def test_an_effect_that_may_have_gone_out_is_not_safe_to_retry() -> None:
    run = begun()
    stop_at(run, "charge", sent="maybe")

    assert numbers().safe == 0


def test_a_run_whose_lease_is_over_gives_no_sign_of_life() -> None:
    running(30)
    running(-60)

    assert numbers().silent == 1


def test_a_run_whose_message_is_long_overdue_gives_no_sign_of_life() -> None:
    long_ago = timezone.now() - timedelta(minutes=10)
    Step.objects.filter(run=begun(), name="read").update(dispatch_due=long_ago)

    assert numbers().silent == 1


def test_what_is_paused_is_silent_on_purpose() -> None:
    long_ago = timezone.now() - timedelta(minutes=10)
    for run in (begun(), paused()):
        Step.objects.filter(run=run, name="read").update(dispatch_due=long_ago)
    Pause.objects.create(what=Pausable.POOL, name="io", reason="lunch", paused_by="ann")

    assert numbers().silent == 0


def test_the_spend_is_that_of_the_last_day() -> None:
    run = begun()
    done(run, "read")
    found = stop_at(run, "notify").attempts.get()
    found.cost_microusd = 4_300
    found.save()
    yesterday = timezone.now() - timedelta(days=2)
    old = stop_at(begun(), "notify").attempts.get()
    type(old).objects.filter(id=old.id).update(cost_microusd=9_000, finished_at=yesterday)

    assert numbers().spent_microusd == 4_300


def test_ended_runs_are_counted_by_state_and_hour() -> None:
    now = timezone.now()
    set_run(failed(), since=now)
    set_run(failed(), since=now - timedelta(days=3))

    found = overview.ended(now - timedelta(hours=23))

    assert [(state, number) for state, _, number in found] == [("failed", 1)]


def test_the_longest_wait_comes_first_whatever_its_state() -> None:
    now = timezone.now()
    young = set_run(asking_for_approval(), state="waiting", since=now - timedelta(hours=1))
    old = set_run(in_doubt(), since=now - timedelta(hours=2))
    begun()

    assert [row.id for row in overview.waiting_longest()] == [old.id, young.id]


# The page


def test_it_shows_what_needs_somebody(as_: As) -> None:
    set_run(in_doubt(), title="Refund for a lamp", since=timezone.now() - timedelta(hours=1))
    failed_alike("one")

    page = dashboard(as_("viewer"))

    assert "request waits for a person" in page
    assert "failed run not handled" in page
    assert "Refund for a lamp" in page
    assert "Failures by cause" in page


def test_it_says_that_no_keeper_is_alive_until_one_is(as_: As) -> None:
    client = as_("viewer")
    before = dashboard(client)
    Node.objects.create(name="keeper@a", role="keeper", host="a", pid=1, is_leader=True)
    cache.clear()

    after = dashboard(client)

    assert "No keeper is alive" in before
    assert "No keeper is alive" not in after


def test_who_may_not_see_runs_is_told_whom_to_ask(client: Client, django_user_model: Any) -> None:
    set_run(failed(), title="A secret")
    client.force_login(django_user_model.objects.create(username="new", is_staff=True))

    page = dashboard(client)

    assert "Ask an administrator" in page
    assert "A secret" not in page
    assert client.get(reverse("admin:aiops_dashboard_live")).status_code == 403


def test_a_poll_brings_nothing_until_something_happens(as_: As) -> None:
    run = begun()
    client = as_("viewer")
    address = address_of(dashboard(client))

    quiet = client.get(address)
    transitions.tell(run.id, "run.paused", actor="ann")
    cache.clear()
    busy = client.get(address)

    assert (quiet.status_code, quiet.content) == (204, b"")
    assert busy.status_code == 200
    assert 'id="cx-live"' in text(busy)


def test_a_poll_sees_a_worker_begin(as_: As) -> None:
    client = as_("viewer")
    address = address_of(dashboard(client))
    run = running(30)
    Step.objects.filter(run=run, name="read").update(fence=1)
    cache.clear()

    assert client.get(address).status_code == 200


def test_the_version_of_one_user_is_nothing_to_another(
    client: Client, as_: As, django_user_model: Any
) -> None:
    address = address_of(dashboard(as_("viewer")))
    client.force_login(django_user_model.objects.create(username="new", is_staff=True))

    assert client.get(address).status_code == 403


# What it costs


def everything() -> None:
    """Runs in many states, and a decision about a cause."""
    for _ in range(3):
        begun()
        in_doubt()
        stopping()
        asking_for_approval()
        failed_alike("one")
        failed_alike("other")
        running(-60)
    FailureGroup.objects.create(fingerprint="one", state=GroupState.RESOLVED, decided_by="ann")


def test_it_takes_18_queries_at_most(as_: As) -> None:
    everything()
    client = as_("viewer")

    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("admin:index"))

    assert len(queries) <= 18, "\n".join(query["sql"][:120] for query in queries)


def test_a_poll_takes_3_queries_at_most_while_nothing_changes(as_: As) -> None:
    everything()
    client = as_("viewer")
    address = address_of(dashboard(client))
    cache.clear()

    with CaptureQueriesContext(connection) as queries:
        client.get(address)

    assert len(queries) <= 3


def test_a_second_look_reads_nothing_of_the_record_anew(as_: As) -> None:
    everything()
    client = as_("viewer")
    dashboard(client)

    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("admin:index"))

    assert not [query["sql"] for query in queries if '"aiops_' in query["sql"]]
