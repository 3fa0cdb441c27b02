"""The API keeps to its own document, whatever is sent: schemathesis tries each operation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any, TypeAlias

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from pytest_django.fixtures import Settings
from schemathesis.core.parameters import ParameterLocation

from aiops.access import keys
from aiops.api.app import api
from aiops.models import ApiKey, Scope
from tests.api.world import World, world

Case: TypeAlias = schemathesis.Case[Any]

# Side by side, processes would take its operations for one test.
pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.alone]

#: Requests that fit the document and are refused all the same, with 422.
BEYOND_THE_DOCUMENT = {
    # `input` is what the workflow takes, a key must agree with the header's, a reader must have mail.
    "POST /api/v1/runs",
    # A result is of the type that the step returns.
    "POST /api/v1/runs/{run_id}/steps/{name}/supply",
    # A reason may not be blank where the plan needs one; two aims are one too many.
    "POST /api/v1/runs/{run_id}/retry",
    "POST /api/v1/runs/{run_id}/steps/{name}/skip",
    # What may be answered, the question says.
    "POST /api/v1/questions/{question_id}/answer",
    # Names and times of an event have forms that a schema does not tell.
    "POST /api/v1/events",
}
ACCEPTED = ["2xx", "401", "403", "404", "409"]

#: Everything that is sent follows from this.
CONFIG = schemathesis.Config.from_dict(
    {
        "seed": 20_261_122,
        "generation": {"max-examples": 12, "deterministic": True, "database": "none"},
        "operations": [
            {
                "include-name": sorted(BEYOND_THE_DOCUMENT),
                "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "422"]}},
            }
        ],
    }
)

_whole = schemathesis.openapi.from_dict(
    json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"))), config=CONFIG
)
_whole.app = get_wsgi_application()
# A stream does not end, and is asked for from threads that do not see into the test's transaction.
document = _whole.exclude(path_regex="/stream$")

#: Requests are made when tests are collected, so the key is known before its row is written.
KEY = "aio_5c3a7e51_" + "of-these-tests-alone".ljust(43, "x")

#: What addresses name, in turn; made anew for each operation.
things: dict[str, Iterator[str]] = {}
#: What an operation has answered.
answered: set[int] = set()


@document.auth()
class ShowsTheKey:
    """Schemathesis knows of the key by this, and leaves it out where it tries that."""

    def get(self, case: Case, context: schemathesis.AuthContext) -> str:
        return KEY

    def set(self, case: Case, data: str, context: schemathesis.AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@pytest.fixture
def everything(settings: Settings) -> Iterator[None]:
    """A key that may do everything, and runs in every state."""
    settings.AIOPS_API_FAILURES_PER_MINUTE = 1_000_000
    things.update(_things(world()))
    ApiKey.objects.create(
        name="tests",
        scopes=Scope.values,
        prefix=KEY.split("_")[1],
        digest=keys.digest(KEY),
        per_minute=1_000_000,
    )
    # As Django's own client does: the connection is that of the test, with its transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    answered.clear()
    yield
    assert min(answered) < 300, "only refusals were seen: feed it what can be done"
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def _things(made: World) -> dict[str, Iterator[str]]:
    return {
        "run_id": cycle(map(str, made.runs)),
        "question_id": cycle(map(str, made.questions)),
        "name": cycle(("charge", "notify", "agree")),
        "workflow": cycle(("support_reply", "nothing")),
    }


def aim(case: Case) -> None:
    """Let an address that is right name what there is, so that more than 404 is seen."""
    if case.meta is not None and case.meta.is_negative_at(ParameterLocation.PATH):
        return
    is_workflow = "/workflows/" in case.path
    for name in case.path_parameters or {}:
        case.path_parameters[name] = next(things["workflow" if is_workflow else name])


@document.parametrize()
@hypothesis.settings(
    # The rows stay from one request to the next: what a run goes through is what is tried.
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
    deadline=None,
)
def test_an_operation_keeps_to_the_document(case: Case, everything: None) -> None:
    aim(case)
    answered.add(case.call_and_validate().status_code)
