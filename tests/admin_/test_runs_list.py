"""The list of runs: tabs, rows, filters that stay, search, the peek, and verbs for many."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiops.admin import bulk
from aiops.admin.page.tabs import Many
from aiops.models import Run, Step
from aiops.models.ids import new_id
from tests.admin_.doing import everything
from tests.execution.orders import ask, begun, done, edit, map_of, set_run, stop_at, tried

pytestmark = pytest.mark.django_db

LIST_QUERIES = 13
POLL_QUERIES = 3
PEEK_QUERIES = 15

SignIn = Callable[[str], Client]


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Counts are kept for seconds, and a test's record is another one."""
    cache.clear()


@pytest.fixture
def viewer(as_: SignIn) -> Client:
    return as_("viewer")


def shown(client: Client, **query: str) -> str:
    answer = client.get(reverse("admin:aiops_run_changelist", query=query))
    assert answer.status_code == 200, answer.headers.get("Location")
    return answer.content.decode()


def listed(text: str) -> list[str]:
    """The ids of the rows, in order."""
    return re.findall(r'class="field-told[^"]*".*?/run/([0-9a-f-]{36})/change/', text, re.DOTALL)


def tabs(text: str) -> dict[str, str]:
    found = re.findall(
        r'class="cx-tab" href="[^"]*"[^>]*>([^<]+?)\s*(?:<span class="n">([^<]*)|</a>)', text
    )
    return dict(found)


def failing(title: str = "Order A1", **what: Any) -> Run:
    run = begun(title=title)
    stop_at(run, "charge", **what)
    return run


def over(**fields: Any) -> Run:
    return set_run(begun(), state="succeeded", finished_at=timezone.now(), **fields)


# Tabs


def test_tabs_say_how_many_runs_they_hold(viewer: Client) -> None:
    failing()
    failing(state="attention")
    begun()
    over()

    assert tabs(shown(viewer)) == {
        "All": "4",
        "Needs you": "2",
        "Active": "1",
        "Waiting": "0",
        "Failed": "1",
        "Finished": "1",
    }


def test_more_runs_than_are_counted_are_told_as_more() -> None:
    assert str(Many(10_000)) == "10,000"
    assert str(Many(10_001)) == "10,000+"
    assert f"{Many(999_999)}" == "10,000+"


def test_a_tab_keeps_the_other_filters_and_counts_what_they_leave(viewer: Client) -> None:
    set_run(failing(), tenant="northwind")
    failing()

    text = shown(viewer, view="failed", tenant="northwind", q="Order")

    assert tabs(text) == {
        **dict.fromkeys(("All", "Needs you", "Active", "Waiting", "Finished"), ""),
        "Failed": "1",
    }
    assert 'href="?q=Order&amp;tenant=northwind&amp;view=needs_you"' in text


def test_a_view_survives_the_sheet_of_filters_and_the_search(viewer: Client) -> None:
    failing()

    text = shown(viewer, view="failed", q="Order")
    search, sheet = (
        re.search(rf'<form[^>]*id="{name}".*?</form>', text, re.DOTALL)
        for name in ("changelist-search", "filter-form")
    )

    for form in (search, sheet):
        assert form is not None
        assert re.search(r'<input type="hidden" name="view" value="failed"', form[0])


def test_what_needs_you_is_sorted_by_who_has_waited_longest(viewer: Client) -> None:
    now = timezone.now()
    runs = [set_run(failing(), since=now - timedelta(hours=hours)) for hours in (1, 3, 2)]

    assert listed(shown(viewer, view="needs_you")) == [
        str(run.id) for run in (runs[1], runs[2], runs[0])
    ]
    assert listed(shown(viewer, view="failed")) == [str(run.id) for run in reversed(runs)]


# Rows


def test_a_row_says_what_went_wrong_what_a_retry_would_do_and_what_it_cost(
    viewer: Client,
) -> None:
    run = set_run(failing(sent="maybe", message="the card was refused\nat line 7"), tenant="shop")
    charge = Step.objects.get(run=run, name="charge")
    tried(charge, outcome="failed", cost_microusd=12_300)
    set_run(run, created_at=timezone.now() - timedelta(minutes=14))

    text = shown(viewer)

    for told in ("Order A1", "answers_order v1", "shop", "Failed", "Check first", "14 min ago"):
        assert told in text
    assert "charge: the card was refused<" in text
    assert "3 of 5 · 1 retry" in text
    assert "$0.012" in text


def test_of_several_failures_the_row_tells_the_one_that_its_verdict_is_about(
    viewer: Client,
) -> None:
    run = failing(sent="yes", message="went out")
    edit(run, "notify", state="failed", error={"word": "bug", "message": "harmless"})

    text = shown(viewer)

    assert "Do not retry" in text
    assert "charge: went out" in text
    assert "harmless" not in text


def test_a_failed_item_is_told_with_its_number(viewer: Client) -> None:
    run = begun()
    map_of(run, succeeded=2, attention=1)
    set_run(run, state="attention", reason="pack: a person must decide")

    assert "pack[2]: item 2" in shown(viewer)


def test_a_run_that_goes_on_says_why_it_is_where_it_is(viewer: Client) -> None:
    run = begun()
    done(run, "read")
    set_run(run, state="waiting", reason="agree waits for an approval")

    text = shown(viewer)

    assert "agree waits for an approval" in text
    assert "1 of 5" in text
    # Nothing has failed: there is nothing to judge.
    assert not re.search(r'field-verdict_chip[^>]*>\s*<span class="cx-chip', text)


def test_what_a_title_says_is_text_and_not_markup(viewer: Client) -> None:
    failing(title="<script>alert(1)</script>", message="<b>bold</b>")

    text = shown(viewer)

    assert "<script>alert(1)" not in text
    assert "<b>bold" not in text


# Filters


def test_several_ticks_of_a_filter_are_one_filter(viewer: Client) -> None:
    safe, check, _fix = failing(), failing(sent="maybe"), failing(word="permanent_input")
    url = reverse("admin:aiops_run_changelist")

    text = viewer.get(f"{url}?verdict=safe&verdict=check&tenant=&since=").content.decode()

    assert set(listed(text)) == {str(safe.id), str(check.id)}
    assert "with the verdict Safe to retry or Check first" in text


def test_a_filter_shows_what_it_holds_even_when_it_is_not_known(viewer: Client) -> None:
    begun()

    text = shown(viewer, tenant="gone", since="2026-11-22T14:00:00+02:00")

    assert 'name="tenant" value="gone" checked' in text
    assert 'name="since" value="2026-11-22T12:00:00"' in text


def test_a_wrong_filter_lists_nothing_and_says_what_it_takes(viewer: Client) -> None:
    failing()

    text = shown(viewer, verdict="good")

    assert listed(text) == []
    assert "The filter verdict takes safe, keyed, fix" in text
    assert "Clear filters" in text


def test_every_filter_that_other_pages_link_to_is_in_the_sheet() -> None:
    from aiops.admin.filters import ALL
    from aiops.execution.choose import NAMES, SEARCH

    assert sorted(name for one in ALL for name in one.names) == sorted(set(NAMES) - {SEARCH})


def test_a_page_that_is_not_there_any_more_is_the_last_one(viewer: Client) -> None:
    run = failing()

    assert listed(shown(viewer, view="failed", p="99")) == [str(run.id)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({}, "No run has been started yet."),
        ({"view": "failed"}, "No failures in this view."),
        ({"view": "needs_you"}, "Nobody needs you."),
        ({"view": "waiting"}, "No run is in this view."),
        ({"view": "failed", "tenant": "acme"}, "No run matches."),
        ({"q": "harbour"}, "No run matches."),
    ],
)
def test_an_empty_list_says_why(viewer: Client, query: dict[str, str], told: str) -> None:
    text = shown(viewer, **query)

    assert told in text
    assert ("Clear filters" in text) == (told == "No run matches.")


# The peek


def test_a_row_is_read_when_it_is_opened_and_not_before(viewer: Client) -> None:
    run = failing()

    text = shown(viewer)

    assert reverse("admin:aiops_run_peek", args=[run.id]) in text
    assert 'hx-trigger="intersect once"' in text
    assert "cx-graph" not in text.replace("cx-graph-", "")


def test_a_peek_shows_the_graph_what_is_wrong_and_the_one_right_button(as_: SignIn) -> None:
    run = failing(message="the card was refused")
    url = reverse("admin:aiops_run_change", args=[run.id])

    text = as_("operator").get(reverse("admin:aiops_run_peek", args=[run.id])).content.decode()

    assert "charge: the card was refused" in text
    assert "It failed before anything was sent." in text
    assert text.count("data-plan") == 1
    assert "do/retry_step/?step=charge" in text
    # The graph leads to the page of the run, and its parts have names of their own.
    assert f'href="{url}#step-charge"' in text
    assert 'href="#step-' not in text
    assert 'id="cx-arrow"' not in text
    assert "url(#cx-arrow)" not in text


def test_a_peek_of_a_question_leads_to_it(as_: SignIn) -> None:
    run = failing(state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge", question="Was the payment taken?")

    text = as_("approver").get(reverse("admin:aiops_run_peek", args=[run.id])).content.decode()

    assert "Was the payment taken?" in text
    assert "Open request" in text


def test_a_peek_offers_nothing_that_somebody_may_not_do(viewer: Client) -> None:
    run = failing()

    text = viewer.get(reverse("admin:aiops_run_peek", args=[run.id])).content.decode()

    assert "/do/" not in text
    assert "Open run" in text


def test_peeks_and_news_are_for_those_who_may_see_runs(client: Client, as_: SignIn) -> None:
    run = failing()
    peek, live = reverse("admin:aiops_run_peek", args=[run.id]), reverse("admin:aiops_runs_live")

    assert [client.get(url).status_code for url in (peek, live)] == [302, 302]
    stranger = as_("nobody")
    assert [stranger.get(url).status_code for url in (peek, live)] == [403, 403]
    viewer = as_("viewer")
    missing = reverse("admin:aiops_run_peek", args=[new_id()])
    assert viewer.get(missing).status_code == 404


# Verbs for many


def actions(text: str) -> set[str]:
    return set(re.findall(r'<option value="(\w+_runs)"', text))


def choose_action(client: Client, action: str, query: str = "", **sent: Any) -> HttpResponse:
    url = reverse("admin:aiops_run_changelist") + query
    return client.post(url, {"action": action, **sent})  # type: ignore[return-value]


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the list hands to the bulk page."""
    calls: list[tuple[Any, ...]] = []

    def begin(request: HttpRequest, *given: Any) -> HttpResponse:
        calls.append(given)
        return HttpResponse("planned")

    monkeypatch.setattr(bulk, "begin", begin)
    return calls


def test_verbs_for_many_are_offered_to_those_who_may(as_: SignIn) -> None:
    failing()

    assert actions(shown(as_("viewer"))) == set()
    assert actions(shown(as_("operator"))) == {"retry_runs", "cancel_runs", "escalate_runs"}


@pytest.mark.parametrize("verb", ["retry", "cancel", "escalate"])
def test_a_verb_for_many_hands_on_what_was_ticked_and_changes_nothing(
    as_: SignIn, asked_for: list[tuple[Any, ...]], verb: str
) -> None:
    run, _other = failing(), failing()
    before = everything()

    answer = choose_action(as_("operator"), f"{verb}_runs", _selected_action=[str(run.id)])

    assert answer.content == b"planned"
    assert asked_for == [(verb, [run.id], {})]
    assert everything() == before


def test_a_verb_for_all_hands_on_the_filters(as_: SignIn, asked_for: list[tuple[Any, ...]]) -> None:
    run = failing()

    choose_action(
        as_("operator"),
        "retry_runs",
        "?view=failed&verdict=safe&verdict=check",
        _selected_action=[str(run.id)],
        select_across="1",
    )

    assert asked_for == [("retry", None, {"view": "failed", "verdict": "safe,check"})]


def test_who_may_not_change_many_cannot_ask_for_it(
    viewer: Client, asked_for: list[tuple[Any, ...]]
) -> None:
    run = failing()

    choose_action(viewer, "retry_runs", _selected_action=[str(run.id)])

    assert asked_for == []


# Live


def version_in(text: str) -> str:
    found = re.search(r'data-version="(\w+)"', text)
    assert found is not None
    return found[1]


def test_a_list_asks_for_news_and_hears_nothing_while_there_is_none(viewer: Client) -> None:
    failing()
    version = version_in(shown(viewer))
    url = reverse("admin:aiops_runs_live")

    with CaptureQueriesContext(connection) as asked:
        unchanged = viewer.get(url, {"v": version})
    failing()
    cache.clear()
    changed = viewer.get(url, {"v": version})

    assert (unchanged.status_code, changed.status_code) == (204, 200)
    assert len(asked) <= POLL_QUERIES


def test_the_version_of_a_list_is_worth_nothing_to_somebody_else(as_: SignIn) -> None:
    failing()
    version = version_in(shown(as_("viewer")))

    answer = as_("nobody").get(reverse("admin:aiops_runs_live"), {"v": version})

    assert answer.status_code == 403


# What it costs


def many(number: int) -> list[UUID]:
    """Runs like one that has failed, each with its steps and its attempts."""
    model = failing()
    steps = list(Step.objects.filter(run=model).values())
    ids = [new_id() for _ in range(number)]
    known = {"version_id": model.version_id, "workflow": model.workflow, "input_hash": "0" * 64}
    ended = {"state": "failed", "finished_at": timezone.now()}
    Run.objects.bulk_create(Run(id=run_id, **known, **ended) for run_id in ids)
    Step.objects.bulk_create(
        Step(**{**step, "id": new_id(), "run_id": run_id}) for run_id in ids for step in steps
    )
    return ids


def cost(client: Client, **query: str) -> int:
    cache.clear()
    with CaptureQueriesContext(connection) as asked:
        text = shown(client, **query)
    assert len(listed(text)) == 25
    return len(asked)


@pytest.mark.parametrize("number", [200, 2_000])
def test_a_page_of_the_list_takes_as_few_queries_however_many_runs_there_are(
    as_: SignIn, number: int
) -> None:
    many(number)
    operator = as_("operator")
    task = str(new_id())

    assert cost(operator) <= LIST_QUERIES
    assert cost(operator, view="needs_you") <= LIST_QUERIES
    assert cost(operator, view="failed", verdict="safe", tenant="default") <= LIST_QUERIES
    with CaptureQueriesContext(connection) as asked:
        cache.clear()
        shown(operator, q=task)
    assert len(asked) <= LIST_QUERIES


def test_a_peek_takes_as_many_queries_as_the_page_of_a_run_at_most(as_: SignIn) -> None:
    run = failing()
    map_of(run, succeeded=40, failed=3)
    operator = as_("operator")

    with CaptureQueriesContext(connection) as asked:
        operator.get(reverse("admin:aiops_run_peek", args=[run.id]))

    assert len(asked) <= PEEK_QUERIES
