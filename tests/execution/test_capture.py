"""What is kept of prompts and answers: by policy, redacted before the write, swept in time, never a secret."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops import checks
from aiops.execution import looking
from aiops.models import Attempt, CallContent, Escalation, Event, ModelCall, Run, Step
from aiops.providers import capture
from aiops.upkeep import retention
from tests.execution.engine import COMMITS, Engine, the_step, time_passes
from tests.fault_server.control import FaultServer

pytestmark = COMMITS

#: A card that passes its check, and an address.
CARD, MAIL = "4111 1111 1111 1111", "ada@example.com"
PRIVATE = f"{MAIL} pays with {CARD}"


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    settings.AIOPS_CAPTURE = {}
    settings.AIOPS_BUDGETS = {}
    settings.AIOPS_PRICES = {"faulty": {"input": 1.0, "output": 1.0}}


def kept() -> list[Any]:
    return [row.value for row in CallContent.objects.order_by("call")]


def test_unless_said_otherwise_texts_are_kept_redacted_for_thirty_days(
    engine: Engine, faults: FaultServer
) -> None:
    engine.run("thinking", input={"label": PRIVATE})

    first = CallContent.objects.order_by("call")[0]
    assert first.policy == "redacted"
    assert isinstance(first.value, dict)
    assert first.value["conversation"] == [
        {"role": "user", "content": "think of <email> pays with <card> 0"}
    ]
    assert "<email> pays with <card>" in first.value["answer"]
    assert MAIL not in json.dumps(kept())
    assert timedelta(days=29) < first.expires_at - timezone.now() < timedelta(days=31)


def test_full_keeps_the_texts_as_they_were_but_never_our_own_key(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_CAPTURE = {"default": "none", "workflows": {"thinking": "full"}}

    engine.run("thinking", input={"label": f"{PRIVATE} and secret-key"})

    assert PRIVATE in kept()[0]["conversation"][0]["content"]
    assert "secret-key" not in json.dumps(kept())


@pytest.mark.parametrize(("policy", "has_hash"), [("hash", True), ("none", False)])
def test_hash_keeps_a_hash_alone_and_none_not_even_that(
    engine: Engine, faults: FaultServer, settings: Settings, policy: str, has_hash: bool
) -> None:
    settings.AIOPS_CAPTURE = {"default": policy}

    engine.run("thinking")

    assert kept() == []
    assert {bool(call.prompt_hash) for call in ModelCall.objects.all()} == {has_hash}


def test_a_call_that_failed_keeps_what_was_asked(engine: Engine, faults: FaultServer) -> None:
    faults.script({"faults": ["400"]})

    engine.run("thinking", input={"label": "tea"})

    assert kept() == [
        {"conversation": [{"role": "user", "content": "think of tea 0"}], "answer": None}
    ]


def test_vectors_and_their_texts_are_not_kept(engine: Engine, faults: FaultServer) -> None:
    engine.run("sampling")

    embedded = ModelCall.objects.get(kind="embed")
    assert not CallContent.objects.filter(call=embedded.pk).exists()


def test_long_texts_are_files_which_go_with_their_rows(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_INLINE_BYTES = 100
    run = engine.run("thinking", input={"label": "tea " * 200})
    row = CallContent.objects.order_by("call")[0]
    assert row.value is None
    assert default_storage.exists(row.value_ref)
    assert "tea tea tea" in next(
        text
        for name, text in looking.at_step(the_step(run, "think").id, "ann").values.items()
        if name.startswith("Attempt 1")
    )

    CallContent.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(days=1))
    retention.sweep()

    assert not default_storage.exists(row.value_ref)
    assert CallContent.objects.count() == 2
    assert ModelCall.objects.count() == 3


def test_a_storage_that_is_full_costs_the_text_and_not_the_answer(
    engine: Engine, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise OSError("the disk is full")

    monkeypatch.setattr(capture, "check_in", full)

    run = engine.run("thinking")

    assert (Run.objects.get(id=run.id).state, kept()) == ("succeeded", [])


def test_an_answer_that_was_used_again_shows_the_text_of_the_call_that_paid(
    engine: Engine, faults: FaultServer
) -> None:
    faults.script({"prompt": "tea 2", "faults": ["500"]})
    run = engine.run("thinking", input={"label": "tea"})
    time_passes(run)
    engine.work()
    reused = ModelCall.objects.filter(run=run, outcome="reused").order_by("id")[0]

    seen = looking.at_call(reused.pk, "ann")

    assert "think of tea 0" in seen.values["Prompt and answer"]
    (event,) = Event.objects.filter(kind=looking.VIEWED)
    assert (event.actor, event.step) == ("ann", the_step(run, "think").id)


def test_what_was_not_kept_is_said_and_not_made_up(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_CAPTURE = {"default": "hash"}
    engine.run("thinking")

    seen = looking.at_call(ModelCall.objects.order_by("id")[0].pk, "ann")

    assert seen.values == {"Prompt and answer": looking.NOT_KEPT}


def test_a_policy_that_nobody_knows_keeps_nothing_and_is_told(settings: Settings) -> None:
    settings.AIOPS_CAPTURE = {"default": "redact", "workflows": {"support": "full"}}

    assert capture.policy_of("other") == "none"
    (error,) = checks.captured()
    assert "'redact'" in error.msg


@pytest.mark.parametrize("fault", ["401", "400", "echo", "500", "429", "html", "drop-after"])
def test_secrets_are_in_no_log_and_in_no_row(
    engine: Engine, faults: FaultServer, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """Whatever happens: not the key, not what was asked, at any level of our own loggers."""
    faults.script({"faults": [fault]})
    with caplog.at_level(logging.DEBUG):
        run = engine.run("thinking", input={"label": f"secret-key of {CARD}"})
        time_passes(run)
        engine.work()

    rows = [
        *Event.objects.values_list("data", flat=True),
        *Attempt.objects.values_list("error", flat=True),
        *ModelCall.objects.values(),
        *CallContent.objects.values_list("value", flat=True),
        *Escalation.objects.values_list("question", "shows"),
        *Step.objects.values_list("error", flat=True),
        *Run.objects.values_list("reason", flat=True),
    ]
    written = json.dumps(rows, default=str)
    for secret in ("secret-key", CARD):
        assert secret not in written
        assert secret not in caplog.text
