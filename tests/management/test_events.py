"""Handing in an event by hand."""

from __future__ import annotations

import pytest

from aiops.models import Run, Signal
from tests.execution.conftest import flows
from tests.execution.rules import rule
from tests.management.calling import refusal, said

__all__ = ["flows"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("flows")]


def test_an_event_is_kept_with_who_handed_it_in() -> None:
    told = said("event", "order.paid", "--id", "e1", "--match", "A1", "--source", "/shop")

    kept = Signal.objects.get()
    assert "It is kept until a run waits for it." in told
    assert (kept.source, kept.match, kept.actor[:4]) == ("/shop", "A1", "cli:")


def test_an_event_without_a_source_is_known_again_by_its_name_and_id() -> None:
    said("event", "order.paid", "--id", "e1")
    said("event", "order.sent", "--id", "e1")

    told = said("event", "order.paid", "--id", "e1")

    assert "known already (1 times again)" in told
    assert Signal.objects.count() == 2


def test_an_event_that_starts_runs_names_them_and_tells_what_could_not_start() -> None:
    rule("starts")
    rule("fails", input={"number": "=type"})

    told = said("event", "order.paid", "--id", "e1", "--payload", '{"pence": 7}')

    assert f"run {Run.objects.get().id}" in told
    assert "fails could not start: the input of 'line'" in told


@pytest.mark.parametrize(
    ("option", "given"), [("--id", ""), ("--source", "x" * 301), ("--match", "a\x00b")]
)
def test_an_event_that_cannot_be_kept_is_refused(option: str, given: str) -> None:
    number = () if option == "--id" else ("--id", "e1")

    told = refusal("event", "order.paid", *number, option, given)

    assert "Nothing was changed" in told
    assert not Signal.objects.exists()
