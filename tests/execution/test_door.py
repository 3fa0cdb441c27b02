"""The door for other programs: plain data in, plain data out."""

from __future__ import annotations

import pytest

from aiops.execution import door
from aiops.models import Run
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
