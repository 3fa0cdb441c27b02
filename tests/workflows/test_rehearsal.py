"""The pretended work of the demo: each trouble ends where the console is to show it."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from aiops.models import Run
from tasks.demo.cast import cast
from tasks.demo.pretending import Case
from tasks.demo.rehearsal import Rehearsal
from tests.execution.conftest import engine, no_session_left, script
from tests.execution.engine import COMMITS, Engine, error_of, fresh, states

__all__ = ["engine", "no_session_left", "script"]

pytestmark = COMMITS


@pytest.fixture
def flows(settings: Settings) -> None:
    settings.AIOPS_WORKFLOWS = ["tasks.demo.flows"]


def played(engine: Engine, workflow: str, **case: object) -> Run:
    return engine.run(workflow, input={"title": "A", "pace_s": 0, **case})


def test_without_trouble_an_invoice_is_booked(engine: Engine) -> None:
    run = played(engine, "invoice_intake")

    assert run.state == "succeeded"


@pytest.mark.parametrize(
    ("step", "trouble", "state", "word"),
    [
        ("tell_sender", "lost_answer", "attention", "ambiguous"),
        ("tell_sender", "went_out", "attention", "ambiguous"),
        ("find_amounts", "too_long", "failed", "permanent_input"),
        ("match_order", "asks", "attention", "needs_human"),
        ("find_amounts", "late", "waiting", "rate_limited"),
        ("book", "away", "retrying", "transient"),
    ],
)
def test_trouble_ends_in_its_state(
    engine: Engine, step: str, trouble: str, state: str, word: str
) -> None:
    run = played(engine, "invoice_intake", trouble={step: trouble})

    assert run.state == state
    assert error_of(run, step)["word"] == word


def test_one_bad_document_is_tolerated_and_nine_are_not(engine: Engine) -> None:
    one = played(engine, "knowledge_refresh", trouble={"embed_page[3]": "too_long"}, size=30)
    many = played(
        engine,
        "knowledge_refresh",
        trouble={f"embed_page[{n}]": "too_long" for n in range(9)},
        size=30,
    )

    assert (one.state, many.state) == ("partial", "attention")


def test_the_cast_shows_every_trouble_and_is_the_same_for_the_same_seed() -> None:
    parts = list(cast(60))

    assert parts == list(cast(60))
    assert parts != list(cast(60, seed=2))
    seen = {trouble for part in parts for trouble in part.case.trouble.values()}
    everything = Case.model_fields["trouble"].annotation.__args__[1].__args__  # type: ignore[union-attr]
    assert seen == set(everything)


def test_people_act_as_soon_as_a_run_is_ready(engine: Engine) -> None:
    said: list[str] = []
    rehearsal = Rehearsal(say=said.append)
    for part in cast(60):
        if part.then in ("approve", "event") and not part.case.trouble:
            break
    run = engine.start(part.workflow, input=part.case.model_dump() | {"pace_s": 0})
    rehearsal._open[run.id] = part
    engine.work()

    assert rehearsal.act(5) == 0
    engine.work()

    assert fresh(run).state == "succeeded", states(run)
    assert len(said) == 1
