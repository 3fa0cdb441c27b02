"""Starting a run: what is accepted, what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from aiops.execution import dispatch
from aiops.execution.start import InputTooLarge, InvalidInput, StartRefused, start_run
from aiops.flow.refusals import UnknownWorkflow
from aiops.models import Event, Run, Step, WorkflowVersion
from tests.execution.engine import COMMITS, Engine, states, told

pytestmark = COMMITS


@pytest.fixture
def files(settings: Settings, tmp_path: Path) -> Path:
    """Where payloads above the inline bound go."""
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def left_behind(files: Path) -> list[str]:
    rows = [*Run.objects.all(), *Step.objects.all(), *Event.objects.all()]
    return [repr(row) for row in rows] + [str(p) for p in files.rglob("*") if p.is_file()]


def test_a_start_writes_the_run_its_steps_and_one_event(engine: Engine) -> None:
    run = engine.start("line", started_by="ann")

    assert run.is_new
    assert states(run) == {"one": "queued", "two": "pending", "three": "pending"}
    assert [event.actor for event in told(run, "run.accepted")] == ["ann"]


def test_a_start_sends_the_first_message(engine: Engine) -> None:
    engine.start("line")

    assert [letter.names for letter in engine.letters] == [("one", "two", "three")]


def test_a_start_sends_nothing_before_the_commit(engine: Engine) -> None:
    with transaction.atomic():
        engine.start("line")

        assert engine.letters == []


def test_a_start_in_a_transaction_that_is_rolled_back_leaves_nothing(
    engine: Engine, files: Path
) -> None:
    with transaction.atomic():
        engine.start("line")
        transaction.set_rollback(True)

    assert left_behind(files) == []
    assert engine.letters == []


def test_a_start_works_after_the_first_start_of_its_workflow_was_rolled_back(
    engine: Engine,
) -> None:
    with transaction.atomic():
        engine.start("line")
        transaction.set_rollback(True)

    assert engine.run("line").state == "succeeded"


def test_a_process_that_does_not_publish_leaves_the_message_to_the_keeper(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch._Process, "publishes", False)

    with CaptureQueriesContext(connection) as queries:
        run = engine.start("line")

    assert engine.letters == []
    assert Step.objects.get(run=run, name="one").dispatches == 0
    assert [q["sql"] for q in queries if "pg_notify" in q["sql"]] != []


def test_a_start_needs_no_broker(engine: Engine) -> None:
    engine.is_away = True

    run = engine.start("line")

    assert states(run)["one"] == "queued"


def test_a_run_keeps_the_plan_it_began_with(engine: Engine) -> None:
    run = engine.start("line")

    assert run.version.plan["workflow"] == "line"
    assert WorkflowVersion.objects.count() == 1


def test_two_runs_share_the_version(engine: Engine) -> None:
    assert engine.start("line").version_id == engine.start("line").version_id


def test_an_unknown_workflow_is_refused_with_the_nearest_name(engine: Engine, files: Path) -> None:
    with pytest.raises(UnknownWorkflow, match="did you mean 'diamond'"):
        engine.start("diamont")

    assert left_behind(files) == []


def test_an_input_of_the_wrong_type_is_refused_with_the_field(engine: Engine, files: Path) -> None:
    with pytest.raises(InvalidInput, match="number"):
        engine.start("line", input={"number": "many"})

    assert left_behind(files) == []


def test_an_input_that_the_database_cannot_keep_is_refused(engine: Engine, files: Path) -> None:
    with pytest.raises(InvalidInput, match="NUL"):
        engine.start("line", input={"label": "a\x00b"})

    assert left_behind(files) == []


def test_an_input_above_the_limit_is_refused(
    engine: Engine, files: Path, settings: Settings
) -> None:
    settings.AIOPS_MAX_INPUT_BYTES = 1000

    with pytest.raises(InputTooLarge, match="1000 are accepted"):
        engine.start("line", input={"label": "x" * 1001})

    assert left_behind(files) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": "red"}, "colour"),
        ({"priority": "urgent"}, "priority"),
        ({"if_exists": "ignore"}, "if_exists"),
        ({"key": ""}, "key"),
        ({"key": "k" * 201}, "key"),
        ({"key": 5}, "key"),
        ({"key": "a\x00b"}, "key"),
        ({"tenant": "t" * 101}, "tenant"),
        ({"tenant": None}, "tenant"),
        ({"tenant": ""}, "tenant"),
        ({"title": "t" * 201}, "title"),
        ({"title": None}, "title"),
        ({"started_by": "s" * 151}, "started_by"),
        ({"metadata": "none"}, "metadata"),
        ({"metadata": {"at": object()}}, "metadata"),
        ({"metadata": {"text": "a\x00b"}}, "metadata"),
        ({"deadline_at": "soon"}, "deadline_at"),
        ({"before_first": "x"}, "before_first"),
    ],
)
def test_a_wrong_option_is_refused_by_its_name(
    engine: Engine, files: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(StartRefused, match=message):
        engine.start("line", **options)

    assert left_behind(files) == []


def test_a_deadline_may_come_as_text_from_another_program(engine: Engine) -> None:
    run = engine.start("line", deadline_at="2100-01-02T03:04:05Z")

    assert run.deadline_at == datetime(2100, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_deadline_without_a_zone_is_refused(engine: Engine, files: Path) -> None:
    with pytest.raises(StartRefused, match="deadline_at"):
        engine.start("line", deadline_at=datetime(2100, 1, 1))

    assert left_behind(files) == []


def test_a_workflow_may_set_the_deadline(engine: Engine) -> None:
    run = engine.start("overdue")

    assert run.deadline_at is not None
    assert run.deadline_at - run.created_at == pytest.approx(
        timedelta(hours=1), abs=timedelta(seconds=5)
    )


def test_a_start_may_hand_in_the_model_itself(engine: Engine) -> None:
    from tests.flows.script import Job

    run = start_run("line", Job(number=3))

    assert run.input == {"number": 3, "items": [], "label": ""}


def test_a_large_input_is_a_file_and_arrives_whole(engine: Engine, files: Path) -> None:
    run = engine.run("large", input={"label": "x" * 70_000})

    assert run.input is None
    assert run.input_ref != ""
    assert Step.objects.get(run=run, name="measure").result == 70_000
