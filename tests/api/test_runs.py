"""Runs over HTTP."""

from __future__ import annotations

import pytest

from aiops.models import Run
from tests.api.calling import post, program

pytestmark = pytest.mark.django_db


def test_a_start_is_accepted_and_a_second_one_of_its_key_finds_the_same_run(flows: None) -> None:
    client = program()

    first = post(client, "/runs", {"workflow": "line", "input": {"number": 1}, "key": "k"})
    second = post(client, "/runs", {"workflow": "line", "input": {"number": 1}, "key": "k"})

    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["run_id"] == second.json()["run_id"]
    assert Run.objects.count() == 1


def test_another_tenants_run_is_not_there(flows: None) -> None:
    run = post(program(tenant="a"), "/runs", {"workflow": "line", "input": {"number": 1}})

    seen = program(tenant="b").get(f"/api/v1/runs/{run.json()['run_id']}/status")

    assert seen.status_code == 404
    assert seen["Content-Type"] == "application/problem+json"
