"""Two attempts side by side: what differs, what does not, and what the record does not keep."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aiops.admin.page.compare import GOOD
from aiops.admin.page.differences import MOST_LINES, differences
from aiops.execution import looking
from aiops.models import Attempt, Event, ModelCall, Run, Step
from tests.admin_.doing import text
from tests.execution.orders import begun, done, edit, order_flow, set_run, stop_at, tried

SECRET = "the-secret-of-A1"


def step_of(run: Run, name: str = "charge") -> Step:
    return Step.objects.get(run=run, name=name, map__isnull=True)


def page(step: Step, **query: object) -> str:
    return reverse("admin:aiops_step_compare", args=[step.id], query=query)


def twice(**second: Any) -> Step:
    """A step with two failed attempts."""
    run = begun(title="Order A1")
    row = stop_at(run, "charge", message="no route to the bank")
    error = {"type": "Refused", "message": "the card was refused", "traceback": "line 7\nline 8"}
    tried(row, outcome="failed", worker="io@b/2", error=error, **second)
    return row


def good() -> Run:
    """A run that has succeeded."""
    run = begun()
    names = [node.name for node in order_flow.plan.nodes]
    done(run, *names)
    edit(run, "charge", result="paid")
    tried(step_of(run), worker="io@good/1")
    return set_run(run, state="succeeded", finished_at=timezone.now())


def lines(left: str, right: str) -> list[tuple[str, str]]:
    return [(line.kind, line.text) for line in differences(left, right)]


# Lines


def test_what_is_the_same_has_no_lines() -> None:
    assert differences("a\nb", "a\nb") == []


def test_a_line_is_in_both_or_in_one() -> None:
    assert lines("a\nold\nc", "a\nnew\nc") == [
        ("both", "a"),
        ("left", "old"),
        ("right", "new"),
        ("both", "c"),
    ]


def test_lines_far_from_a_difference_are_folded() -> None:
    same = "\n".join(str(number) for number in range(20))

    found = lines(f"{same}\nold", f"{same}\nnew")

    assert found[0] == ("folded", "17 lines that are alike")
    assert len(found) == 1 + 3 + 2


def test_a_text_that_is_too_long_says_how_far_it_was_compared() -> None:
    found = lines("x\n" * (MOST_LINES + 5), "y")

    assert found[-1] == ("folded", "only the first 2,000 lines were compared")


# The page


@pytest.mark.django_db
class TestPage:
    def test_the_last_two_attempts_are_compared_and_what_differs_says_so(
        self, as_: Callable[[str], Client]
    ) -> None:
        shown = text(as_("viewer").get(page(twice())))

        assert "Attempt 1: failed" in shown
        assert "Attempt 2: failed" in shown
        assert "io@b/2" in shown
        assert "differs" in shown
        assert "Left only: </span>no route to the bank" in shown
        assert "Right only: </span>the card was refused" in shown

    def test_any_two_can_be_chosen(self, as_: Callable[[str], Client]) -> None:
        row = twice()
        tried(row, outcome="lost", worker="io@c/3")
        first, _, third = Attempt.objects.filter(step=row).order_by("number")

        shown = text(as_("viewer").get(page(row, a=first.pk, b=third.pk)))

        assert f'<option value="{first.pk}" selected>' in shown
        assert "io@c/3" in shown
        assert "io@b/2" not in shown

    def test_the_last_good_run_is_the_measure_of_a_first_attempt(
        self, as_: Callable[[str], Client]
    ) -> None:
        run = good()
        row = stop_at(begun(), "charge")

        shown = text(as_("viewer").get(page(row)))

        assert f"The last good run, {str(run.id)[:13]}" in shown
        assert "io@good/1" in shown

    def test_a_step_with_nothing_to_compare_says_why(self, as_: Callable[[str], Client]) -> None:
        row = stop_at(begun(), "charge")

        shown = text(as_("viewer").get(page(row)))

        assert "There are no two attempts to compare: charge has one attempt" in shown

    def test_what_is_not_kept_is_not_made_up(self, as_: Callable[[str], Client]) -> None:
        shown = text(as_("viewer").get(page(twice())))

        assert shown.count('class="none">not recorded') >= 2 * len(
            ("Release", "Model", "Tokens in")
        )

    def test_model_calls_are_told_where_they_are_recorded(
        self, as_: Callable[[str], Client]
    ) -> None:
        row = twice()
        for number, model in ((1, "small-1"), (2, "large-2")):
            call(row, number, model)

        shown = text(as_("viewer").get(page(row)))

        assert "small-1" in shown
        assert "large-2" in shown
        assert "1,200" in shown

    def test_what_they_took_and_gave_is_shown_on_request_and_recorded(
        self, as_: Callable[[str], Client]
    ) -> None:
        good()
        row = stop_at(begun(), "charge")
        set_run(row.run, input={"id": SECRET, "lines": []})
        client, url = as_("admin"), page(row, b=GOOD)

        looked = text(client.get(url))
        shown = text(client.post(url))

        assert SECRET not in looked
        assert SECRET in shown
        assert "paid" in shown
        assert "a step keeps the result of its last attempt alone" in shown
        seen = Event.objects.filter(kind=looking.VIEWED)
        assert {event.run_id for event in seen} == set(Run.objects.values_list("id", flat=True))

    def test_who_may_not_see_content_is_refused(self, as_: Callable[[str], Client]) -> None:
        row = twice()
        client = as_("operator")

        assert "Show what they took and gave" not in text(client.get(page(row)))
        assert client.post(page(row)).status_code == 403
        assert not Event.objects.filter(kind=looking.VIEWED).exists()

    def test_a_choice_that_is_none_is_left_to_the_page(self, as_: Callable[[str], Client]) -> None:
        row = twice()

        for query in ({"a": "x", "b": "999999"}, {"a": GOOD, "b": GOOD}):
            assert as_("viewer").get(page(row, **query)).status_code == 200


def call(step: Step, attempt: int, model: str) -> ModelCall:
    now = timezone.now()
    return ModelCall.objects.create(
        run_id=step.run_id,
        step=step,
        attempt=attempt,
        workflow="answers_order",
        step_name=step.name,
        tenant="default",
        alias="fast",
        asked_model=model,
        model=model,
        kind="complete",
        outcome="answered",
        fingerprint="f" * 32,
        prompt_hash=f"{attempt}" * 32,
        tokens_in=1_200,
        tokens_out=50,
        finished_at=now,
        over_at=now + timedelta(minutes=1),
    )
