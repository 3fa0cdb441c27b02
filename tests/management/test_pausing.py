"""Pausing pools and workflows from a shell."""

from __future__ import annotations

import pytest

from aiops.models import Event, Pause
from tests.execution.orders import begun
from tests.management.calling import refusal, said

pytestmark = pytest.mark.django_db


def test_a_pool_is_paused_and_goes_on() -> None:
    told = said("pause", "--pool", "llm", "--reason", "provider change")
    found = Pause.objects.get(what="pool", name="llm")
    assert (told.strip(), found.reason) == ("Pool llm is paused.", "provider change")
    assert found.paused_by.startswith("cli:")

    assert said("resume", "--pool", "llm", "--reason", "done").strip() == "Pool llm goes on."

    assert not Pause.objects.exists()
    assert list(Event.objects.order_by("id").values_list("kind", flat=True)) == [
        "pool.paused",
        "pool.resumed",
    ]


def test_a_workflow_is_paused_and_goes_on() -> None:
    name = begun().workflow

    said("pause", "--workflow", name, "--reason", "wrong prices")
    is_paused = Pause.objects.filter(what="workflow", name=name).exists()
    said("resume", "--workflow", name)

    assert is_paused
    assert not Pause.objects.exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("pause", "--pool", "llm"), "Give a reason"),
        (("pause", "--pool", "lm", "--reason", "x"), "the pools are"),
        (("pause", "--workflow", "nothing", "--reason", "x"), "listworkflows"),
        (("resume", "--pool", "llm"), "pool llm is not paused"),
        (("pause", "--pool", "llm", "--workflow", "line", "--reason", "x"), "not allowed with"),
        (("pause", "--reason", "x"), "one of the arguments"),
    ],
)
def test_a_refusal_says_what_to_do_and_changes_nothing(words: tuple[str, ...], why: str) -> None:
    assert why in refusal(*words)
    assert not Pause.objects.exists()
