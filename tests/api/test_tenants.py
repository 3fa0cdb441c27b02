"""Tenants are apart: every operation of the document is walked with every key that must not open it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from aiops.access import keys, run_token
from aiops.access.run_token import CANCEL, SEE
from aiops.api.app import api
from aiops.models import ApiKey, Attempt, Escalation, Event, Run, Scope, Step
from tests.api.calling import key_of
from tests.api.world import SECRET, World, world
from tests.execution.orders import begun

pytestmark = pytest.mark.django_db

DOCUMENT = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))

#: Operations that need no key: they tell nothing of any run.
PUBLIC = {"get /api/v1/problems"}


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the document, and how it is asked for what is tenant a's."""

    method: str
    path: str
    told: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def ask(self, made: World, key: str | None) -> Any:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        body = _example(self.told)
        return Client(headers=headers).generic(
            self.method.upper(),
            _address(self, made),
            json.dumps(body) if body is not None else b"",
            content_type="application/json",
        )

    @property
    def takes_tokens(self) -> bool:
        return any("BearerOrToken" in way for way in self.told["security"])


def _operations() -> list[Operation]:
    found = [
        Operation(method, path, told)
        for path, methods in DOCUMENT["paths"].items()
        for method, told in methods.items()
    ]
    return [one for one in found if str(one) not in PUBLIC]


def _address(operation: Operation, made: World) -> str:
    """Its address, about what tenant a has; what it is about decides whether it would be done."""
    about = {
        "cancel": made.queued,
        "retry": made.failed,
        "skip": made.failed,
        "supply": made.failed,
        "result": made.succeeded,
    }
    run = about.get(operation.path.rpartition("/")[2], made.waiting)
    name = "support_reply" if "/workflows/" in operation.path else "notify"
    return operation.path.format(run_id=run, question_id=made.approval, name=name)


def _example(told: dict[str, Any]) -> Any:
    """The example of the body that it takes; every body has one."""
    if "requestBody" not in told:
        return None
    [content] = told["requestBody"]["content"].values()
    name = content["schema"]["$ref"].rpartition("/")[2]
    return DOCUMENT["components"]["schemas"][name]["examples"][0]


def is_about_one(operation: Operation) -> bool:
    return "{run_id}" in operation.path or "{question_id}" in operation.path


OPERATIONS = _operations()
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


def record(tenant: str) -> list[list[dict[str, Any]]]:
    """Everything that the record has of a tenant."""
    runs = Run.objects.filter(tenant=tenant)
    tables: tuple[QuerySet[Any], ...] = (
        runs,
        Step.objects.filter(run__in=runs),
        Attempt.objects.filter(run_id__in=runs.values("id")),
        Event.objects.filter(run__in=runs),
        Escalation.objects.filter(run__in=runs),
    )
    return [list(rows.order_by("id").values()) for rows in tables]


@each_operation
def test_another_tenants_key_opens_nothing(operation: Operation) -> None:
    made = world("a")
    before = record("a")

    seen = operation.ask(made, key_of(tenant="b"))

    if is_about_one(operation):
        assert seen.status_code == 404
        assert seen["Content-Type"] == "application/problem+json"
    assert seen.status_code < 500
    assert SECRET not in _text(seen)
    assert record("a") == before


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if is_about_one(one)], ids=str)
def test_what_is_another_tenants_looks_like_what_is_not_there(operation: Operation) -> None:
    made, key = world("a"), key_of(tenant="b")

    theirs = operation.ask(made, key).json()
    before = _address(operation, made)
    Run.objects.filter(tenant="a").delete()
    nothing = operation.ask(made, key).json()

    assert before == _address(operation, made)
    assert theirs == nothing


@each_operation
def test_a_key_without_scopes_does_nothing(operation: Operation) -> None:
    made = world("a")
    before = record("a")

    seen = operation.ask(made, key_of(tenant="a", scopes=()))

    assert seen.status_code == 403
    assert seen.json()["code"] == "scope-missing"
    assert record("a") == before


@each_operation
def test_an_operation_names_every_scope_that_opens_it(operation: Operation) -> None:
    made = world("a")

    opens = {scope for scope in Scope.values if _undone(operation, made, scope) != 403}

    named = re.findall(r"scopes? ([a-z]+)(?: or ([a-z]+))?", operation.told["description"])
    assert opens
    assert opens <= {scope for pair in named for scope in pair if scope}


def expired() -> str:
    gone = timezone.now() - timedelta(seconds=1)
    return keys.make("tests", scopes=Scope.values, tenant="a", expires_at=gone)[1]


def revoked() -> str:
    row, key = keys.make("tests", scopes=Scope.values, tenant="a")
    ApiKey.objects.filter(id=row.id).update(revoked_at=timezone.now())
    return key


def altered() -> str:
    key = key_of(tenant="a")
    return key[:-1] + ("A" if key[-1] != "A" else "B")


@each_operation
def test_without_a_valid_key_nothing_is_done(operation: Operation) -> None:
    made = world("a")
    before = record("a")

    seen = [operation.ask(made, key) for key in (None, expired(), revoked(), altered(), "no key")]

    assert {one.status_code for one in seen} == {401}
    assert all(one.json()["code"] for one in seen)
    assert all("Bearer" in one["WWW-Authenticate"] for one in seen)
    assert record("a") == before


@each_operation
def test_a_token_of_another_run_opens_nothing(operation: Operation) -> None:
    made = world("a")
    other = begun(tenant="a")
    before = record("a")

    seen = operation.ask(made, run_token.sign(other.id, allows=(SEE, CANCEL)))

    assert seen.status_code == (404 if operation.takes_tokens else 401)
    assert SECRET not in _text(seen)
    assert record("a") == before


@each_operation
@pytest.mark.parametrize("tenant", ["a", ""])
def test_the_tenants_own_key_and_that_of_all_tenants_open_it(
    operation: Operation, tenant: str
) -> None:
    """What the tests above refuse would have been done."""
    made = world("a")

    seen = operation.ask(made, key_of(tenant=tenant))

    assert seen.status_code in (200, 202)


def _undone(operation: Operation, made: World, scope: str) -> int:
    """The status of a request by a key of one scope; what it did is taken back."""
    with transaction.atomic():
        status: int = operation.ask(made, key_of(tenant="a", scopes=[scope])).status_code
        transaction.set_rollback(True)
    return status


def _text(seen: Any) -> str:
    return str(b"".join(seen) if seen.streaming else seen.content)
