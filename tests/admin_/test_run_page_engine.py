"""The page of a run, for whatever the real engine leaves in the record."""

from __future__ import annotations

from typing import Any

import pytest
from django.template.loader import render_to_string

from aiops.admin.page.build import build
from aiops.admin.page.version import look_at
from aiops.execution.replay import replay
from aiops.flow.errors import PermanentInput, Transient
from aiops.models import Run
from tests.execution.conftest import engine, flows, no_session_left, script
from tests.execution.engine import COMMITS, Engine, fresh
from tests.flows.script import Script

__all__ = ["engine", "flows", "no_session_left", "script"]

pytestmark = COMMITS


def page(run: Run) -> str:
    """The page as somebody sees it who may do everything."""
    seen = look_at(run.id)
    assert seen is not None
    context: dict[str, Any] = build(seen, lambda _: True)
    return render_to_string("console/parts/run_body.html", context)


@pytest.mark.parametrize(
    ("workflow", "state"),
    [
        ("line", "succeeded"),
        ("diamond", "succeeded"),
        ("fork", "succeeded"),
        ("family", "succeeded"),
        ("letter", "waiting"),
        ("payment", "waiting"),
        ("nap", "waiting"),
        ("twenty", "succeeded"),
    ],
)
def test_a_run_of_any_shape_has_a_page(engine: Engine, workflow: str, state: str) -> None:
    run = engine.run(workflow, input={"number": 3, "items": [1, 2], "label": "a"})

    text = page(run)

    assert run.state == state
    assert f"tone-{'green' if state == 'succeeded' else 'violet'} lg" in text
    for step in run.steps.all():
        assert f'id="step-{step.name}"' in text


def test_a_step_that_waits_for_its_retry_says_when_it_comes(engine: Engine, script: Script) -> None:
    script.tell("fetch", Transient("the shop is away"))

    text = page(engine.run("retried"))

    assert "It is retrying by itself" in text
    assert "fetch is tried again in " in text
    assert "the shop is away" in text


def test_what_is_taken_back_has_rows_and_no_place_in_the_graph(
    engine: Engine, script: Script
) -> None:
    script.tell("ship", PermanentInput("no such street"))
    run = engine.run("order")

    text = page(run)

    assert run.steps.filter(name="undo:bill").exists()
    assert 'id="step-undo:bill"' in text
    assert text.count('class="cx-node') == 3


def test_a_map_with_failed_items_lists_them_with_their_errors(
    engine: Engine, script: Script
) -> None:
    script.tell("root[2]", PermanentInput("two is not for us"))
    script.tell("root[3]", PermanentInput("three is not for us"))
    run = engine.run("roots", input={"items": [1, 2, 3]})

    text = page(run)

    assert "1 of 3" in text
    assert "two is not for us" in text
    assert "[2]" in text


def test_a_replay_shows_no_bars_of_the_earlier_runs_time(engine: Engine) -> None:
    first = engine.run("line")
    second = replay(first.id, actor="cli:ann", from_step="three")
    engine.work()

    text = page(fresh(second))

    assert "Replays another run" in text
    assert text.count('class="bar k-done') == 1
