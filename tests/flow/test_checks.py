"""Checks: what each finds, and how a step is declared and run with them."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from aiops.flow import BadOutput, Finding, checks, series, step, workflow
from aiops.flow.inline import run_inline
from aiops.flow.plan import Plan
from aiops.flow.refusals import BadStep, UnknownName

SOURCE = "The fee is 1,250.00 euros.\nIt is due “on the third” of May."


class Given(BaseModel):
    text: str


class Label(BaseModel):
    mood: int


@pytest.mark.parametrize(
    ("found", "passed", "score", "evidence"),
    [
        (checks.fits({"mood": 1}, Label), True, 1.0, ()),
        (checks.fits('{"mood": 1}', Label), True, 1.0, ()),
        (checks.fits("{}", Label), False, 0.0, ("mood: Field required",)),
        (checks.citations_exist(["a", "b"], ["a", "b", "c"]), True, 1.0, ()),
        (checks.citations_exist(["a", "x"], ["a"]), False, 0.5, ("x",)),
        (checks.citations_exist([], ["a"]), False, 0.0, ()),
        (checks.citations_exist([], ["a"], at_least=0), True, 1.0, ()),
        (checks.verbatim(['due "on the third" of  May'], [SOURCE]), True, 1.0, ()),
        (checks.verbatim(["the fee is 1,250"], [SOURCE]), False, 0.0, ("the fee is 1,250",)),
        (checks.verbatim([""], [SOURCE]), False, 0.0, ("",)),
        (checks.numbers_match("It costs 1250 euros", [SOURCE]), True, 1.0, ()),
        (checks.numbers_match("It costs 1 250,", ["1 250"]), True, 1.0, ()),
        (checks.numbers_match("1,251 in 3 parts", ["3"]), False, 0.5, ("1,251",)),
        (checks.numbers_match("form A4, no number", []), True, 1.0, ()),
        (checks.forbidden("All is fine", ["promise"]), True, 1.0, ()),
        (checks.forbidden("We  Promise  you", ["promise you"]), False, 0.0, ("Promise you",)),
        (checks.forbidden("a compromise", ["promise"]), True, 1.0, ()),
        (checks.forbidden("id 4711", [re.compile(r"\d{4}")]), False, 0.0, ("4711",)),
    ],
)
def test_a_check_finds_what_is_wrong_and_shows_it(
    found: Finding, passed: bool, score: float, evidence: tuple[str, ...]
) -> None:
    assert (found.passed, found.score, found.evidence) == (passed, score, evidence)
    assert bool(found.told) is not passed


def test_what_is_told_holds_none_of_the_content() -> None:
    for found in (
        checks.verbatim(["a private matter"], [SOURCE]),
        checks.forbidden("a private matter", ["private matter"]),
        checks.numbers_match("77123", []),
        checks.citations_exist(["private-7"], []),
    ):
        assert "private" not in found.told
        assert "77123" not in found.told


def test_evidence_is_short() -> None:
    found = checks.verbatim(["x" * 500] * 40, [SOURCE])

    assert len(found.evidence) == 10
    assert {len(piece) for piece in found.evidence} == {120}


def is_short(result: str, given: Given) -> Finding:
    return Finding("is_short", len(result) <= len(given.text), "it is too long", 0.0)


@step(checks=[is_short])
def repeat(given: Given) -> str:
    return given.text if given.text != "long" else "long " * 3


@step
def after(repeat: str) -> str:
    return repeat.upper()


repeating = workflow("repeating", input=Given, flow=series(repeat, after))


def test_a_step_runs_its_checks_on_its_result_and_its_parameters() -> None:
    assert run_inline(repeating, {"text": "short"}).output == "SHORT"

    ended = run_inline(repeating, {"text": "long"})

    assert ended.stopped_at == "repeat"
    assert ended.error is not None
    assert (ended.error.word, ended.error.kind) == ("bad_output", "check")
    assert (
        ended.error.message
        == "The result of 'repeat' fails 1 of 1 checks: is_short: it is too long."
    )


def test_the_plan_names_the_checks_and_reads_back() -> None:
    plan = repeating.plan

    assert plan.by_name["repeat"].checks == ("is_short",)
    assert Plan.from_json(plan.to_json()) == plan
    assert "checks" not in plan.to_json()["nodes"][1]


def test_a_check_that_asks_for_what_the_step_has_not_is_refused() -> None:
    def nosy(result: str, ticket: str) -> Finding:
        return Finding("nosy", True)

    with pytest.raises(UnknownName, match="ticket"):
        step(checks=[nosy])(repeat.fn)


def test_a_check_without_a_name_is_refused() -> None:
    with pytest.raises(BadStep, match="name of its own"):
        step(checks=[lambda result: Finding("x", True)])(repeat.fn)


def test_what_has_gone_out_is_not_checked_afterwards() -> None:
    with pytest.raises(BadStep, match="gone out"):
        step(effect="once", checks=[is_short])(repeat.fn)


def test_a_bad_output_may_carry_findings_of_its_own() -> None:
    error = BadOutput("odd", kind="check")

    assert list(error.findings) == []
