"""Workflows over HTTP: what can be started, and with what."""

from __future__ import annotations

import pytest

from aiops.models import Scope
from tests.api.calling import get, program

pytestmark = pytest.mark.django_db


def test_what_can_be_started_is_listed_by_name(flows: None) -> None:
    told = get(program(scopes=[Scope.START]), "/workflows").json()["workflows"]

    names = [one["name"] for one in told]
    assert names == sorted(names)
    assert {"line", "letter"} <= set(names)
    assert next(one for one in told if one["name"] == "line")["about"] == "Series and parallels."


def test_a_workflow_says_what_it_takes_and_what_its_steps_are() -> None:
    told = get(program(scopes=[Scope.READ]), "/workflows/support_reply").json()

    assert "properties" in told["input_schema"]
    assert any(step["says"] for step in told["steps"])
    assert {step["effect"] for step in told["steps"]} <= {"pure", "idempotent", "once"}
    assert told["version"] >= 1


def test_a_workflow_that_is_not_there_is_told_with_those_that_are_near(flows: None) -> None:
    seen = get(program(), "/workflows/lin")

    assert (seen.status_code, seen.json()["code"]) == (404, "not-found")
    assert "line" in seen.json()["detail"]
