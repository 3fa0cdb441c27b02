"""One key, one run: what a second start of the same key does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from aiops.execution.advance import advance
from aiops.execution.cancel import cancel
from aiops.execution.start import KeyTaken, start_run
from aiops.models import Run
from tests.execution.engine import COMMITS, Engine, fresh
from tests.execution.threads import at_once

pytestmark = COMMITS


def test_a_second_start_returns_the_same_run(engine: Engine) -> None:
    first = engine.start("line", key="k")

    second = engine.start("line", key="k")

    assert (second.id, second.is_new) == (first.id, False)


def test_a_second_start_sends_no_second_message(engine: Engine) -> None:
    engine.start("line", key="k")

    engine.start("line", key="k")

    assert len(engine.letters) == 1


def test_a_second_start_returns_a_run_that_has_ended(engine: Engine) -> None:
    first = engine.run("line", key="k")

    assert engine.start("line", key="k").id == first.id


def test_a_key_with_another_input_is_refused(engine: Engine) -> None:
    engine.start("line", key="k", input={"number": 1})

    with pytest.raises(KeyTaken, match="another input"):
        engine.start("line", key="k", input={"number": 2})


def test_a_refused_key_leaves_no_file(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    engine.start("line", key="k")

    with pytest.raises(KeyTaken):
        engine.start("line", key="k", input={"label": "x" * 70_000})

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_input_written_in_another_order_is_the_same_input(engine: Engine) -> None:
    first = engine.start("line", key="k", input={"number": 1, "label": "x"})

    assert engine.start("line", key="k", input={"label": "x", "number": 1}).id == first.id


@pytest.mark.parametrize("other", [{"tenant": "other"}, {"key": "other"}])
def test_another_tenant_or_key_is_another_run(engine: Engine, other: dict[str, str]) -> None:
    first = engine.start("line", key="k")

    assert engine.start("line", **{"key": "k", **other}).id != first.id


def test_another_workflow_may_use_the_same_key(engine: Engine) -> None:
    first = engine.start("line", key="k")

    assert engine.start("relay", key="k").id != first.id


def test_runs_without_a_key_are_never_the_same(engine: Engine) -> None:
    assert engine.start("line").id != engine.start("line").id


def test_reject_refuses_the_second_start(engine: Engine) -> None:
    engine.start("line", key="k")

    with pytest.raises(KeyTaken, match="already"):
        engine.start("line", key="k", if_exists="reject")


def test_reject_starts_the_first_run(engine: Engine) -> None:
    assert engine.start("line", key="k", if_exists="reject").is_new


def test_replace_stops_the_earlier_run_and_starts_another(engine: Engine) -> None:
    first = engine.start("line", key="k")

    second = engine.start("line", key="k", if_exists="replace", input={"number": 2})

    assert fresh(first).state == "cancelled"
    assert str(second.id) in fresh(first).reason
    assert (second.is_new, second.turn) == (True, 2)


def test_replace_leaves_a_run_that_has_ended_as_it_is(engine: Engine) -> None:
    first = engine.run("line", key="k")

    engine.start("line", key="k", if_exists="replace")

    assert fresh(first).state == "succeeded"


def test_a_plain_start_after_a_replacement_returns_the_newest_run(engine: Engine) -> None:
    engine.start("line", key="k")
    second = engine.start("line", key="k", if_exists="replace")

    assert engine.start("line", key="k").id == second.id


def test_queue_waits_for_the_earlier_run(engine: Engine) -> None:
    first = engine.start("letter", key="k")

    second = engine.start("letter", key="k", if_exists="queue")

    assert fresh(second).state == "waiting"
    assert str(first.id) in fresh(second).reason


def test_a_queued_run_does_not_start_before_its_turn(engine: Engine) -> None:
    engine.start("letter", key="k")
    engine.letters.clear()

    second = engine.start("letter", key="k", if_exists="queue")
    advance(second.id)

    assert engine.letters == []


@pytest.mark.parametrize("end", ["succeeded", "cancelled"])
def test_a_queued_run_starts_when_the_earlier_one_has_ended(engine: Engine, end: str) -> None:
    first = engine.start("line", key="k")
    second = engine.start("line", key="k", if_exists="queue")

    if end == "cancelled":
        cancel(first.id, reason="enough", actor="ann")
    engine.work()

    assert fresh(first).state == end
    assert fresh(second).state == "succeeded"


def test_queued_runs_go_one_after_the_other(engine: Engine) -> None:
    first, second, third = (
        engine.start("line", key="k", if_exists="queue", input={"number": n}) for n in range(3)
    )

    engine.work()

    ended = [fresh(run).finished_at for run in (first, second, third)]
    assert ended == sorted(ended, key=str)
    assert [fresh(run).turn for run in (first, second, third)] == [1, 2, 3]


def test_queue_starts_at_once_when_the_earlier_run_has_ended(engine: Engine) -> None:
    engine.run("line", key="k")

    second = engine.start("line", key="k", if_exists="queue")

    assert fresh(second).state == "queued"


def test_starts_of_one_key_at_the_same_time_give_one_run(engine: Engine) -> None:
    found = at_once([lambda: start_run("line", {}, key="k")] * 6)

    assert Run.objects.count() == 1
    assert [run.is_new for run in found].count(True) == 1


def test_replacements_of_one_key_at_the_same_time_leave_one_run_open(engine: Engine) -> None:
    engine.start("letter", key="k")

    found = at_once([lambda: start_run("letter", {}, key="k", if_exists="replace")] * 3)

    assert [error for error in found if isinstance(error, Exception)] == []
    assert Run.objects.filter(finished_at__isnull=True).count() == 1


def test_a_start_waits_for_another_that_is_rolled_back(engine: Engine) -> None:
    began, may_end = threading.Event(), threading.Event()

    def start_and_roll_back() -> None:
        with transaction.atomic():
            start_run("line", {}, key="k")
            began.set()
            may_end.wait(10)
            transaction.set_rollback(True)

    def start() -> Run:
        began.wait(10)
        threading.Timer(0.1, may_end.set).start()
        return start_run("line", {}, key="k")

    _, found = at_once([start_and_roll_back, start])

    assert found.is_new
