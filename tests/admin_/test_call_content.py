"""Prompts and answers in the console: who may see them, and which prompts a workflow uses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aiops.execution import looking, prompt_numbers
from aiops.models import CallContent, Event, ModelCall, Step
from tests.admin_.doing import text
from tests.execution.orders import begun, order_flow, stop_at, tried

pytestmark = pytest.mark.django_db

SECRET = "the-secret-prompt"
V1, V2 = "draft 1 aaaaaaaa", "draft 2 bbbbbbbb"


def call(step: Step, attempt: int = 1, *, said: str = "", **changed: Any) -> ModelCall:
    now = timezone.now()
    plain = {
        **{"workflow": order_flow.name, "step_name": step.name, "tenant": "default"},
        **{"alias": "fast", "asked_model": "small", "model": "small-1", "kind": "chat"},
        **{"outcome": "answered", "fingerprint": "f" * 32, "cost_microusd": 1_000},
        **{"finished_at": now, "over_at": now + timedelta(minutes=1)},
    }
    row = ModelCall.objects.create(
        run_id=step.run_id, step=step, attempt=attempt, **{**plain, **changed}
    )
    if said:
        value = {"conversation": [{"role": "user", "content": said}], "answer": f"re: {said}"}
        expires_at = now + timedelta(days=30)
        CallContent.objects.create(call=row, policy="redacted", value=value, expires_at=expires_at)
    return row


def stopped() -> Step:
    return stop_at(begun(), "charge")


def looks() -> list[str]:
    return [event.data["what"] for event in Event.objects.filter(kind=looking.VIEWED)]


def test_the_list_says_whose_text_is_kept_and_shows_none(as_: Callable[[str], Client]) -> None:
    step = stopped()
    call(step, said=SECRET)
    call(step)

    shown = text(as_("viewer").get(reverse("admin:aiops_modelcall_changelist")))

    assert "kept, redacted" in shown
    assert "not kept" in shown
    assert SECRET not in shown


def test_the_page_of_a_call_shows_its_text_on_request_and_records_it(
    as_: Callable[[str], Client],
) -> None:
    row = call(stopped(), said=SECRET, template=V1)
    client = as_("admin")
    page = text(client.get(reverse("admin:aiops_modelcall_change", args=[row.pk])))
    assert SECRET not in page
    assert V1 in page

    shown = text(client.post(reverse("admin:aiops_modelcall_content", args=[row.pk])))

    assert f"[user]\n{SECRET}" in shown
    assert f"[answer]\nre: {SECRET}" in shown
    assert looks() == [f"what charge asked fast, call {row.pk}"]


@pytest.mark.parametrize("role", ["viewer", "operator", "approver"])
def test_who_may_not_see_content_is_refused(as_: Callable[[str], Client], role: str) -> None:
    row = call(stopped(), said=SECRET)

    answer = as_(role).post(reverse("admin:aiops_modelcall_content", args=[row.pk]))

    assert answer.status_code == 403
    assert SECRET not in text(answer)
    assert looks() == []


def test_the_step_shows_the_texts_of_its_calls(as_: Callable[[str], Client]) -> None:
    step = stopped()
    call(step, said=SECRET, template=V1)

    shown = text(as_("admin").post(reverse("admin:aiops_step_content", args=[step.id])))

    assert SECRET in shown
    assert V1 in shown


def test_a_comparison_shows_prompts_side_by_side_to_who_may(as_: Callable[[str], Client]) -> None:
    step = stopped()
    tried(step, outcome="failed")
    call(step, 1, said="one prompt", template=V1)
    call(step, 2, said="another prompt", template=V2)
    url, client = reverse("admin:aiops_step_compare", args=[step.id]), as_("admin")

    facts = text(client.get(url))
    shown = text(client.post(url))

    assert V1 in facts
    assert V2 in facts
    assert "one prompt" not in facts
    assert "Left only: </span>one prompt" in shown
    assert "Right only: </span>another prompt" in shown
    assert len(looks()) == 3


def test_a_workflow_tells_how_each_version_of_a_prompt_does(as_: Callable[[str], Client]) -> None:
    for outcome, template in (
        ("succeeded", V1),
        ("succeeded", V1),
        ("succeeded", V2),
        ("failed", V2),
    ):
        step = stop_at(begun(), "charge")
        tried(step, outcome=outcome)
        call(step, 2, template=template)
        call(step, 2, template=template)

    found = {one.template: one for one in prompt_numbers.of_workflow(order_flow.name)}
    shown = text(as_("viewer").get(reverse("admin:aiops_workflow_page", args=[order_flow.name])))

    assert (found[V1].calls, found[V1].success, found[V1].cost_microusd) == (4, 1.0, 4_000)
    assert (found[V2].success, found[V2].cost_per_call) == (0.5, 1_000)
    assert "Prompts used" in shown
    assert "draft 2" in shown


def test_a_cost_that_is_not_known_is_not_made_up() -> None:
    step = stopped()
    call(step, template=V1)
    call(step, template=V1, cost_microusd=None)

    (found,) = prompt_numbers.of_workflow(order_flow.name)

    assert found.cost_microusd is None
    assert found.cost_per_call is None


def test_a_workflow_without_named_prompts_has_no_such_table(as_: Callable[[str], Client]) -> None:
    call(stopped())

    shown = text(as_("viewer").get(reverse("admin:aiops_workflow_page", args=[order_flow.name])))

    assert "Prompts used" not in shown
