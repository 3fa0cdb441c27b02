"""The page of queues and workers, and pausing from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from aiops.admin.page import queues
from aiops.models import Event, Node, Pause
from aiops.pools import POOLS
from aiops.upkeep import prove
from tests.admin_.doing import everything, shown, text
from tests.execution.orders import begun, edit

pytestmark = pytest.mark.django_db

PAGE = "admin:aiops_node_changelist"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(queues, "messages", lambda: dict.fromkeys(POOLS, 7))


def node(name: str, role: str = "worker", *, silent_s: float = 0, **fields: Any) -> Node:
    seen_at = timezone.now() - timedelta(seconds=silent_s)
    pool = name.partition("@")[0] if role == "worker" else ""
    return Node.objects.create(
        name=name, role=role, pool=pool, host="here", pid=1, seen_at=seen_at, **fields
    )


def at(what: str = "pool", name: str = "io", verb: str = "pause") -> str:
    return reverse("admin:aiops_pause_do", args=[what, name, verb])


def press(client: Client, url: str, **sends: str) -> Any:
    """Look at the question, and say yes."""
    fingerprint = shown(client, url)["fingerprint"]
    return client.post(url, {"fingerprint": fingerprint, "reason": "provider change", **sends})


# The page


def test_every_pool_is_shown_with_what_it_is_for(as_: Callable[[str], Client]) -> None:
    page = text(as_("viewer").get(reverse(PAGE)))

    for pool in POOLS.values():
        assert f'id="pool-{pool.name}"' in page
        assert escape(pool.says) in page


def test_what_waits_leads_to_its_runs(as_: Callable[[str], Client]) -> None:
    begun()

    page = text(as_("viewer").get(reverse(PAGE)))

    assert "?queue=io&amp;view=active" in page


def test_a_worker_shows_what_it_runs_now(as_: Callable[[str], Client]) -> None:
    run, now = begun(), timezone.now()
    node("io@here", counters={"stale": 3, "repeated": 1200})
    lease = {"worker": "io@here/1:7", "lease_until": now + timedelta(seconds=30)}
    edit(run, "read", state="running", reason="lease", dispatch_due=None, started_at=now, **lease)

    page = text(as_("viewer").get(reverse(PAGE)))

    assert f'href="{reverse("admin:aiops_run_change", args=[run.id])}">answers_order.read' in page
    assert "3 stale, 1,200 of steps done before" in page
    assert reverse("flower_page", args=["worker/io@here"]) in page


def test_a_silent_worker_and_a_wrong_clock_are_told(as_: Callable[[str], Client]) -> None:
    node("io@gone", silent_s=180)
    node("llm@late", skew_s=-12.5)

    page = text(as_("viewer").get(reverse(PAGE)))

    assert "silent for 3 min" in page
    assert "-12.50 s: let its host keep time" in page


def test_a_missing_keeper_is_told_with_what_to_do(as_: Callable[[str], Client]) -> None:
    page = text(as_("viewer").get(reverse(PAGE)))

    assert "No keeper is alive" in page
    assert "manage.py keeper" in page


def test_the_keeper_that_leads_is_named(as_: Callable[[str], Client]) -> None:
    node("keeper@a", "keeper", is_leader=True)
    node("keeper@b", "keeper")

    page = text(as_("viewer").get(reverse(PAGE)))

    assert "1 other ready behind it" in page
    assert "No keeper is alive" not in page


def test_a_broker_that_is_away_is_told(
    as_: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "messages", lambda: None)

    assert "does not answer: nothing is lost" in text(as_("viewer").get(reverse(PAGE)))


def test_a_pause_says_who_and_why(as_: Callable[[str], Client]) -> None:
    Pause.objects.create(what="pool", name="io", reason="provider <change>", paused_by="ann")
    Pause.objects.create(what="workflow", name="letter", reason="wrong prices", paused_by="bob")

    page = text(as_("operator").get(reverse(PAGE)))

    assert "provider &lt;change&gt;" in page
    assert "Workflow letter is paused" in page
    assert at(verb="resume") in page
    assert at("workflow", "letter", "resume") in page


def test_a_viewer_sees_no_button_that_is_not_for_them(as_: Callable[[str], Client]) -> None:
    begun()

    assert "/do/pause/" not in text(as_("viewer").get(reverse(PAGE)))


def test_who_may_not_see_nodes_sees_no_page(client: Client, as_: Callable[[str], Client]) -> None:
    as_("nobody")

    assert client.get(reverse(PAGE)).status_code == 403
    assert client.get(reverse("admin:aiops_node_live")).status_code == 403


def test_the_page_costs_the_same_however_much_waits(as_: Callable[[str], Client]) -> None:
    client = as_("operator")
    client.get(reverse(PAGE))
    for _ in range(10):
        begun()
        node(f"io@{_}")
    cache.clear()

    with CaptureQueriesContext(connection) as spent:
        client.get(reverse(PAGE))

    # Two for who asks, two for what they may, and the counts of the sidebar are among them.
    assert len(spent) <= 15


def test_a_poll_is_answered_with_nothing_while_nothing_changes(
    as_: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_("viewer")
    monkeypatch.setattr(queues, "AGES_S", 10**12)
    url = f"{reverse('admin:aiops_node_live')}?v={version(client)}"

    with CaptureQueriesContext(connection) as spent:
        quiet = client.get(url)
    number = len(spent)
    Pause.objects.create(what="pool", name="io", reason="x", paused_by="ann")
    changed = client.get(url)

    assert (quiet.status_code, number) == (204, 3)
    assert changed.status_code == 200
    assert "Paused" in text(changed)


def version(client: Client) -> str:
    page = text(client.get(reverse(PAGE)))
    return page.partition("/live/?v=")[2].partition('"')[0]


# Pausing


def test_looking_changes_nothing(as_: Callable[[str], Client]) -> None:
    client = as_("operator")
    begun()
    before = everything()

    page = text(client.get(at()))

    assert "Pause pool io?" in page
    assert "1 step waits now" in page
    assert everything() == before
    assert not Pause.objects.exists()


@pytest.mark.parametrize(("what", "name"), [("pool", "io"), ("workflow", "answers_order")])
def test_it_is_paused_and_goes_on(as_: Callable[[str], Client], what: str, name: str) -> None:
    client = as_("operator")
    begun()

    paused = press(client, at(what, name))
    found = Pause.objects.get(what=what, name=name)
    resumed = press(client, at(what, name, "resume"), reason="")

    assert (paused.status_code, resumed.status_code) == (302, 302)
    assert (found.paused_by, found.reason) == ("ann-operator", "provider change")
    assert not Pause.objects.exists()
    kinds = Event.objects.filter(run__isnull=True).order_by("id").values_list("kind", "actor")
    assert list(kinds) == [
        (f"{what}.paused", "ann-operator"),
        (f"{what}.resumed", "ann-operator"),
    ]


def test_a_pause_without_a_reason_is_refused(as_: Callable[[str], Client]) -> None:
    response = press(as_("operator"), at(), reason=" ")

    assert "Give a reason" in text(response)
    assert not Pause.objects.exists()


def test_a_stale_page_changes_nothing(as_: Callable[[str], Client]) -> None:
    client = as_("operator")
    Pause.objects.create(what="pool", name="io", reason="first", paused_by="bob")
    seen = shown(client, at(verb="resume"))["fingerprint"]
    Pause.objects.all().delete()
    Pause.objects.create(what="pool", name="io", reason="second", paused_by="cid")

    response = client.post(at(verb="resume"), {"fingerprint": seen, "reason": "x"})

    assert response.status_code == 409
    assert Pause.objects.get().paused_by == "cid"
    assert not Event.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_viewer_may_neither_look_nor_press(as_: Callable[[str], Client], method: str) -> None:
    response = getattr(as_("viewer"), method)(at())

    assert response.status_code == 403
    assert not Pause.objects.exists()


def test_a_post_without_a_token_is_refused(as_: Callable[[str], Client]) -> None:
    session = as_("operator").cookies
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = session
    fingerprint = shown(strict, at())["fingerprint"]

    response = strict.post(at(), {"fingerprint": fingerprint, "reason": "x"})

    assert response.status_code == 403
    assert not Pause.objects.exists()


@pytest.mark.parametrize(
    "url", [at("run", "io"), at("pool", "io", "delete")], ids=["no such thing", "no such verb"]
)
def test_what_is_not_there_is_not_found(as_: Callable[[str], Client], url: str) -> None:
    assert as_("operator").get(url).status_code == 404


def test_a_pool_that_is_not_there_is_refused_with_those_that_are(
    as_: Callable[[str], Client],
) -> None:
    page = text(as_("operator").get(at("pool", "lm")))

    assert "There is no pool &#x27;lm&#x27;; the pools are io" in page
    assert "Pause pool lm</button>" not in page


def test_nobody_is_led_to_another_site(as_: Callable[[str], Client]) -> None:
    response = press(as_("operator"), f"{at()}?back=https://evil.example/")

    assert response["Location"] == reverse(PAGE)


# In words


@pytest.mark.parametrize(
    ("counters", "told"),
    [({}, "none"), ({"leased": 2}, "2 of steps another worker had"), ({"odd": 1}, "1 odd")],
)
def test_what_messages_did_nothing(counters: dict[str, int], told: str) -> None:
    assert queues.did_nothing(counters) == told


def test_the_number_in_limbo_is_the_keepers_while_one_leads(
    as_: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    node("keeper@a", "keeper", is_leader=True)
    monkeypatch.setattr(prove, "number", lambda: 3)
    looked_up = text(as_("viewer").get(reverse(PAGE)))
    Node.objects.update(limbo=2)

    told = text(as_("viewer").get(reverse(PAGE)))

    assert "3 steps without a live reason" in looked_up
    assert "2 steps without a live reason" in told
