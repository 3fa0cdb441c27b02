"""The page of budgets, raising one, and the list of model calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiops.models import Budget, Event, ModelCall, Run
from tests.admin_.doing import everything, shown, text
from tests.execution.orders import begun, edit

pytestmark = pytest.mark.django_db

PAGE = "admin:aiops_budget_changelist"
CALLS = "admin:aiops_modelcall_changelist"


def tenants(**fields: Any) -> Budget:
    values = {"limit_microusd": 5_000_000, "spent_microusd": 4_200_000, **fields}
    day = values.pop("day", timezone.now().date())
    return Budget.objects.create(scope="tenant", name="acme", day=day, **values)


def call_of(run: Run, **fields: Any) -> ModelCall:
    now = timezone.now()
    values = {
        "alias": "fast",
        "asked_model": "big",
        "model": "big-2026",
        "kind": "chat",
        "outcome": "answered",
        "tokens_in": 1200,
        "tokens_out": 300,
        "cost_microusd": 250_000,
        "cost_source": "table",
        "provider_s": 1.5,
        "finished_at": now,
        "over_at": now,
        **fields,
    }
    step = run.steps.get(name="read")
    return ModelCall.objects.create(
        run=run,
        step=step,
        attempt=1,
        workflow=run.workflow,
        step_name="read",
        tenant="acme",
        fingerprint="f",
        prompt_hash="p",
        **values,
    )


def at(budget: Budget) -> str:
    return reverse("admin:aiops_budget_raise", args=[budget.id])


def press(client: Client, url: str, **sends: str) -> Any:
    fingerprint = shown(client, url)["fingerprint"]
    return client.post(url, {"fingerprint": fingerprint, "reason": "a good customer", **sends})


# The page


def test_a_budget_shows_its_limit_what_is_spent_held_and_left(
    as_: Callable[[str], Client],
) -> None:
    tenants(reserved_microusd=300_000)

    page = text(as_("viewer").get(reverse(PAGE)))

    for told in ("acme", "$5.00", "$4.20", "$0.30", "$0.50"):
        assert told in page


def test_who_raised_it_and_why_is_told(as_: Callable[[str], Client]) -> None:
    tenants(raised_by="ann", raised_at=timezone.now(), why="the quarter ends")

    page = text(as_("viewer").get(reverse(PAGE)))

    assert "ann" in page
    assert "the quarter ends" in page


def test_what_waits_for_a_budget_is_counted(as_: Callable[[str], Client]) -> None:
    budget, run = tenants(), begun()
    edit(
        run,
        "read",
        state="waiting",
        reason="budget",
        lane=f"budget:{budget.id}",
        wake_at=timezone.now(),
        dispatch_due=None,
    )

    page = text(as_("viewer").get(reverse(PAGE)))

    assert "1 step of 1 run wait for it." in page


def test_todays_money_is_told_with_what_was_paid_twice_apart(
    as_: Callable[[str], Client],
) -> None:
    run = begun()
    call_of(run)
    call_of(run, purpose="retry", cost_microusd=500_000)
    call_of(run, purpose="repair", cost_microusd=30_000)
    call_of(run, purpose="lost", cost_microusd=20_000)
    call_of(run, outcome="ambiguous", is_uncertain=True, cost_microusd=1_000_000)
    call_of(run, outcome="reused", cost_microusd=0)

    page = text(as_("viewer").get(reverse(PAGE)))

    for told in ("$1.80", "$0.50", "$0.03", "$0.02", "$1.00", "1 answer", "5 calls, 100 %"):
        assert told in page, told


def test_a_call_of_unknown_price_is_never_told_as_nothing(as_: Callable[[str], Client]) -> None:
    run = begun()
    call_of(run)
    call_of(run, cost_microusd=None, cost_source="unknown")

    page = text(as_("viewer").get(reverse(PAGE)))

    assert "$0.25 and 1 call of unknown price" in page


def test_the_page_takes_few_queries_however_many_budgets(as_: Callable[[str], Client]) -> None:
    client, run = as_("viewer"), begun()
    for number in range(30):
        Budget.objects.create(
            scope="workflow", name=f"w{number}", day=timezone.now().date(), limit_microusd=1
        )
        call_of(run, asked_model=f"m{number}")
    client.get(reverse(PAGE))

    with CaptureQueriesContext(connection) as queries:
        client.get(reverse(PAGE))

    assert len(queries) <= 13


def test_an_empty_page_says_how_a_budget_comes_to_be(as_: Callable[[str], Client]) -> None:
    page = text(as_("viewer").get(reverse(PAGE)))

    assert "AIOPS_BUDGETS" in page
    assert "budget_usd" in page


# Raising


def test_looking_at_a_raise_changes_nothing(as_: Callable[[str], Client]) -> None:
    budget = tenants()
    client = as_("approver")
    before = (everything(), Budget.objects.values().get())

    page = text(client.get(at(budget)))

    assert "$4.20 of $5.00 is spent" in page
    assert (everything(), Budget.objects.values().get()) == before


def test_a_raise_is_written_with_its_event(as_: Callable[[str], Client]) -> None:
    budget = tenants()

    response = press(as_("approver"), at(budget), dollars="7.50")

    assert response.status_code == 302
    budget.refresh_from_db()
    assert (budget.limit_microusd, budget.raised_by) == (7_500_000, "ann-approver")
    event = Event.objects.get(kind="budget.raised")
    assert (event.run_id, event.actor, event.data["reason"]) == (
        *(None, "ann-approver", "a good customer"),
    )


@pytest.mark.parametrize(
    ("sends", "why"),
    [
        ({"dollars": "5"}, "never lowered"),
        ({"dollars": "lots"}, "in dollars, such as"),
        ({"dollars": "NaN"}, "in dollars, such as"),
        ({"dollars": ""}, "in dollars, such as"),
        ({"dollars": "9", "reason": " "}, "say why"),
    ],
)
def test_a_raise_that_cannot_be_is_told_why_and_changes_nothing(
    as_: Callable[[str], Client], sends: dict[str, str], why: str
) -> None:
    budget = tenants()

    response = press(as_("approver"), at(budget), **sends)

    assert why in text(response).lower() or why in text(response)
    budget.refresh_from_db()
    assert budget.limit_microusd == 5_000_000
    assert not Event.objects.filter(kind="budget.raised").exists()


def test_a_limit_that_has_moved_since_is_looked_at_again(as_: Callable[[str], Client]) -> None:
    budget, client = tenants(), as_("approver")
    seen = shown(client, at(budget))["fingerprint"]
    Budget.objects.update(limit_microusd=6_000_000)

    response = client.post(at(budget), {"fingerprint": seen, "dollars": "9", "reason": "x"})

    assert response.status_code == 409
    assert Budget.objects.get().limit_microusd == 6_000_000


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_may_not_raise_is_refused_and_sees_no_button(
    as_: Callable[[str], Client], role: str
) -> None:
    budget, client = tenants(), as_(role)

    assert client.get(at(budget)).status_code == 403
    assert client.post(at(budget), {"dollars": "9", "reason": "x"}).status_code == 403
    assert at(budget) not in text(client.get(reverse(PAGE)))


def test_a_raise_without_the_token_is_refused(as_: Callable[[str], Client]) -> None:
    budget, client = tenants(), as_("approver")
    client.handler.enforce_csrf_checks = True

    assert client.post(at(budget), {"dollars": "9", "reason": "x"}).status_code == 403


def test_a_daily_limit_is_set_for_a_workflow(as_: Callable[[str], Client]) -> None:
    url = reverse("admin:aiops_budget_set")

    response = press(as_("approver"), url, scope="workflow", name="line", dollars="12")

    assert response.status_code == 302
    budget = Budget.objects.get()
    assert (budget.scope, budget.name, budget.day) == ("workflow", "line", None)
    assert budget.limit_microusd == 12_000_000


# The ledger


def test_model_calls_are_listed_with_their_cost(as_: Callable[[str], Client]) -> None:
    run = begun()
    call_of(run)
    call_of(run, outcome="lost", is_uncertain=True, tokens_in=None)
    call_of(run, cost_microusd=None)

    page = text(as_("viewer").get(reverse(CALLS)))

    for told in ("$0.25", "up to $0.25", "not known", "1,200 in, 300 out"):
        assert told in page


def test_a_model_call_has_a_page_that_only_shows(as_: Callable[[str], Client]) -> None:
    call = call_of(begun())
    url = reverse("admin:aiops_modelcall_change", args=[call.id])

    assert "big-2026" in text(as_("viewer").get(url))
    assert as_("admin").post(url, {"alias": "x"}).status_code == 403
