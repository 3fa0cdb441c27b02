"""The door for other programs: plain data in, plain data out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from aiops.execution import door
from aiops.models import Run, Signal
from tests.execution.engine import COMMITS, Engine, fresh

pytestmark = COMMITS

#: An id that no run has.
NOBODYS = "00000000-0000-7000-8000-000000000000"


def test_a_start_answers_with_the_run(engine: Engine) -> None:
    found = door.start("line", {"number": 5}, {"key": "k"})

    assert found == {"ok": True, "run_id": str(Run.objects.get().id), "is_new": True}


def test_a_second_start_of_a_key_says_that_it_is_not_new(engine: Engine) -> None:
    first = door.start("line", {}, {"key": "k"})

    assert door.start("line", {}, {"key": "k"}) == {**first, "is_new": False}


@pytest.mark.parametrize(
    ("workflow", "given", "options", "error"),
    [
        ("lime", {}, {}, "UnknownWorkflow"),
        ("line", {"number": "many"}, {}, "InvalidInput"),
        ("line", None, {}, "InvalidInput"),
        ("line", {}, {"colour": "red"}, "StartRefused"),
        ("line", {}, {"deadline_at": "soon"}, "StartRefused"),
    ],
)
def test_a_wrong_request_comes_back_as_data(
    engine: Engine, workflow: str, given: object, options: dict[str, object], error: str
) -> None:
    found = door.start(workflow, given, options)

    assert (found["ok"], found["error"]) == (False, error)
    assert found["message"] != ""


def test_a_run_can_be_cancelled(engine: Engine) -> None:
    run = engine.run("letter")

    found = door.cancel(str(run.id), reason="enough", actor="crm")

    assert found == {"ok": True, "run_id": str(run.id), "state": "cancelled"}
    assert fresh(run).state == "cancelled"


@pytest.mark.parametrize("run_id", [NOBODYS, "nonsense"])
def test_cancelling_what_is_not_there_comes_back_as_data(engine: Engine, run_id: str) -> None:
    assert door.cancel(run_id, reason="enough", actor="crm")["ok"] is False


def test_a_run_tells_how_it_stands(engine: Engine) -> None:
    run = engine.run("letter")

    assert door.status(str(run.id))["ok"] is True


@pytest.mark.parametrize("run_id", [NOBODYS, "nonsense"])
def test_the_status_of_what_is_not_there_comes_back_as_data(engine: Engine, run_id: str) -> None:
    found = door.status(run_id)

    assert (found["ok"], found["error"]) == (False, "UnknownRun")


# The messages, as they come


@pytest.mark.parametrize(
    ("message", "args", "kwargs"),
    [
        ("start_run", ["line", {}], {}),
        ("start_run", [], {"workflow": "line", "input": {}, "v": 1}),
        ("run_status", [NOBODYS], {"v": 1}),
    ],
)
def test_every_answer_names_the_version_that_it_is_written_in(
    engine: Engine, message: str, args: list[Any], kwargs: dict[str, Any]
) -> None:
    assert door.answer(message, args, kwargs)["v"] == 1


@pytest.mark.parametrize("version", [2, "1", None, True, 1.5])
def test_a_version_that_is_not_known_is_refused_and_starts_nothing(
    engine: Engine, version: object
) -> None:
    found = door.answer("start_run", ["line", {}], {"v": version})

    assert (found["ok"], found["error"]) == (False, "UnknownVersion")
    assert "send v=1" in found["message"]
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("message", "args", "kwargs", "told"),
    [
        ("start_run", [], {}, "workflow: Missing required argument"),
        ("start_run", ["line"], {}, "input: Missing required argument"),
        ("start_run", [7, {}], {}, "workflow: Input should be a valid string"),
        ("cancel_run", [7], {}, "run_id: Input should be a valid string"),
        ("cancel_run", ["x"], {"why": "so"}, "why: Unexpected keyword argument"),
        ("run_status", ["x", "y"], {}, "Unexpected positional argument"),
        ("send_event", ["order.paid"], {}, "event: Input should be a valid dictionary"),
    ],
)
def test_a_message_that_is_wrong_is_answered_with_what_is(
    engine: Engine, message: str, args: list[Any], kwargs: dict[str, Any], told: str
) -> None:
    found = door.answer(message, args, kwargs)

    assert (found["ok"], found["error"]) == (False, "WrongMessage")
    assert told in found["message"]


def test_a_deadline_is_a_time_with_its_zone(engine: Engine) -> None:
    door.answer("start_run", ["line", {}], {"deadline_at": "2027-01-02T03:04:05+01:00"})

    assert Run.objects.get().deadline_at == datetime(2027, 1, 2, 2, 4, 5, tzinfo=UTC)


def test_a_start_can_be_tried_without_starting(engine: Engine) -> None:
    tried = door.answer("start_run", ["line", {}], {"dry_run": True, "key": "k"})

    assert tried == {"v": 1, "ok": True, "dry_run": True, "would": "start", "run_id": None}
    assert not Run.objects.exists()


def test_a_start_whose_key_is_taken_would_return_its_run(engine: Engine) -> None:
    first = door.start("line", {}, {"key": "k"})

    tried = door.start("line", {}, {"key": "k", "dry_run": True})

    assert (tried["would"], tried["run_id"]) == ("return", first["run_id"])


@pytest.mark.parametrize(
    ("given", "options", "error"),
    [
        ({"number": "many"}, {"dry_run": True}, "InvalidInput"),
        ({}, {"dry_run": "yes"}, "StartRefused"),
    ],
)
def test_what_is_wrong_with_a_start_that_is_tried_is_told(
    engine: Engine, given: dict[str, Any], options: dict[str, Any], error: str
) -> None:
    assert door.start("line", given, options)["error"] == error


EVENT = {"specversion": "1.0", "type": "order.paid", "source": "/shop", "id": "e1"}


def test_an_event_can_be_sent_by_message(engine: Engine) -> None:
    found = door.answer("send_event", [EVENT], {"actor": "shop", "tenant": "acme"})

    kept = Signal.objects.get()
    assert (found["ok"], found["outcome"], found["event_id"]) == (True, "kept", str(kept.id))
    assert (kept.tenant, kept.actor) == ("acme", "shop")


@pytest.mark.parametrize(
    ("event", "told"), [({**EVENT, "id": ""}, "id"), ({**EVENT, "data": "\x00"}, "NUL")]
)
def test_an_event_that_is_wrong_comes_back_as_data(
    engine: Engine, event: dict[str, Any], told: str
) -> None:
    found = door.answer("send_event", [event], {})

    assert (found["ok"], found["error"]) == (False, "WrongEvent")
    assert told in found["message"]
    assert not Signal.objects.exists()
