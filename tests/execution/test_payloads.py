"""Claim check: payloads above the inline bound are files, and the row keeps their name."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from aiops.execution.payloads import check_in, check_out, dumps
from aiops.execution.resume import retry, supply
from aiops.flow import PermanentInput
from tests.execution.engine import COMMITS, Engine, fresh, result, the_step
from tests.flows.script import Script

RUN = UUID(int=1)
BOUND = 64 * 1024


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def test_what_is_small_stays_in_the_row() -> None:
    assert check_in({"a": 1}, RUN) == ({"a": 1}, "")


@pytest.mark.parametrize(("length", "is_file"), [(BOUND - 2, False), (BOUND - 1, True)])
def test_the_bound_is_that_of_the_text_with_its_quotes(length: int, is_file: bool) -> None:
    assert bool(check_in("x" * length, RUN)[1]) is is_file


def test_the_bound_is_counted_in_bytes() -> None:
    assert check_in("é" * (BOUND // 2), RUN)[1] != ""


def test_what_is_large_is_a_file_of_its_run() -> None:
    value, ref = check_in("x" * BOUND, RUN)

    assert value is None
    assert ref.startswith(f"payloads/{RUN}/")


@pytest.mark.parametrize("value", ["x" * BOUND, ["é" * BOUND], {"deep": ["ß" * BOUND, None]}])
def test_what_is_checked_in_comes_out_as_it_was(value: object) -> None:
    assert check_out(*check_in(value, RUN)) == value


def test_what_postgresql_cannot_keep_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        dumps(float("nan"))


class TestInARun:
    pytestmark = COMMITS

    def test_a_large_result_is_a_file_that_the_next_step_reads(
        self, engine: Engine, script: Script
    ) -> None:
        script.tell("write", "x" * 70_000)

        run = engine.run("large")

        step = the_step(run, "write")
        assert (step.result, bool(step.result_ref)) == (None, True)
        assert result(run) == 70_000

    def test_a_large_result_is_read_by_another_message_too(
        self, engine: Engine, script: Script
    ) -> None:
        script.tell("write", "x" * 70_000)
        script.tell("measure", PermanentInput("not now"))
        run = engine.run("large")

        retry(run.id, actor="ann")
        engine.work()

        assert result(run) == 70_000

    def test_a_large_item_is_part_of_the_maps_results(self, engine: Engine, script: Script) -> None:
        script.tell("post[1]", "x" * 70_000)

        run = engine.run("posts", input={"items": [1, 2]})

        assert the_step(run, "post", 0).result_ref != ""
        assert (run.state, result(run)) == ("succeeded", 2)

    def test_a_large_result_can_be_supplied_by_hand(self, engine: Engine, script: Script) -> None:
        script.tell("write", PermanentInput("no"))
        run = engine.run("large")

        supply(run.id, "write", "x" * 70_000, actor="ann")
        engine.work()

        assert (fresh(run).state, result(run)) == ("succeeded", 70_000)
