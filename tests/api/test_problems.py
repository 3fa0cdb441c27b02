"""Every error is a problem: what is wrong, and what to do, in one form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.access import keys, run_token
from aiops.api.problem_codes import BY_STATUS, CODES
from aiops.models import ApiKey
from aiops.models.ids import new_id
from tests.api import faulty
from tests.api.calling import post, program

pytestmark = pytest.mark.django_db

API = Path(__file__).parents[2] / "aiops" / "api"


@pytest.fixture
def faults(settings: Settings) -> Client:
    """A client of an API in which everything goes wrong."""
    settings.ROOT_URLCONF = "tests.api.faulty"
    return Client(raise_request_exception=False)


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem that a response tells; it has everything that a problem has."""
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    told: dict[str, Any] = response.json()
    assert (told["status"], told["code"]) == (status, code)
    assert told["type"] == f"/api/v1/problems#{code}"
    assert told["title"]
    assert told["detail"]
    assert told["instance"] == response.request["PATH_INFO"]
    return told


# The request


def test_an_unknown_address_is_a_problem_also_on_a_developers_machine(settings: Settings) -> None:
    for settings.DEBUG in (False, True):
        told = problem(program().get("/api/v1/nothing"), 404, "not-found")
        assert "address" in told["detail"]


def test_other_pages_keep_their_own_errors(settings: Settings) -> None:
    response = Client().get("/nothing")

    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_wrong_method_is_told_with_those_that_are_right() -> None:
    response = program().delete("/api/v1/runs")

    problem(response, 405, "wrong-method")
    assert "POST" in response["Allow"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"]
)
def test_a_body_that_is_not_said_to_be_json_is_refused(content_type: str) -> None:
    response = program().post("/api/v1/runs", data="{}", content_type=content_type)

    told = problem(response, 415, "wrong-media-type")
    assert "Content-Type: application/json" in told["detail"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/a.b+json"]
)
def test_json_of_any_name_is_read(faults: Client, content_type: str) -> None:
    response = faults.post("/api/v1/orders", data='{"name": "é"}', content_type=content_type)

    assert (response.status_code, response.json()["name"]) == (200, "é")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"name": ', "Line 1, column 10"),
        (b'{"name": NaN}', "NaN is no JSON"),
        (b'{"name": "a", "items": [{"count": 1e999}]}', "a number is too large"),
        (b'{"name": "\\u0000"}', "u0000"),
        (b'{"\\ud800": "a"}', "half a surrogate pair"),
        (b'{"name": "\xff"}', "not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"name": ' + b"[" * 150 + b"]" * 150 + b"}", "nested too deeply"),
        (b'{"name": ' + b"1" * 5_000 + b"}", "cannot be kept"),
    ],
)
def test_a_body_that_cannot_be_read_or_kept_is_refused_with_the_place(
    faults: Client, body: bytes, why: str
) -> None:
    response = faults.post("/api/v1/orders", data=body, content_type="application/json")

    assert why in problem(response, 400, "broken-json")["detail"]


def test_an_escape_that_is_text_is_no_nul(faults: Client) -> None:
    body = rb'{"name": "\\u0000 and \ud83d\ude00"}'

    response = faults.post("/api/v1/orders", data=body, content_type="application/json")

    assert response.json()["name"] == "\\u0000 and \N{GRINNING FACE}"


@pytest.mark.parametrize("address", ["/api/v1/runs?workflow=%00", "/api/v1/%00"])
def test_a_nul_in_the_address_is_refused(address: str) -> None:
    problem(program().get(address), 400, "bad-request")


def test_a_body_that_is_too_large_is_refused(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    response = post(program(), "/runs", {"workflow": "line", "input": {"text": "x" * 100}})

    problem(response, 413, "too-large")


def test_a_host_that_is_not_ours_is_refused_as_a_problem() -> None:
    response = program().get("/api/v1/runs", headers={"Host": "elsewhere.example.com"})

    problem(response, 400, "bad-request")


def test_a_request_needs_no_csrf_token() -> None:
    _, key = keys.make("tests", scopes=["start"])
    client = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {key}"})

    problem(post(client, "/runs", {}), 422, "wrong-values")


# The values


def test_each_wrong_value_is_named_with_what_is_wrong(faults: Client) -> None:
    body = {"size": "l", "items": [{"count": 1}, {"count": "many"}]}

    response = post(faults, "/orders?page=two", body)

    told = problem(response, 422, "wrong-values")
    assert sorted(told["errors"], key=lambda one: one["field"]) == [
        {
            "in": "body",
            "field": "items.1.count",
            "message": "must be a whole number",
        },
        {"in": "body", "field": "name", "message": "is missing"},
        {"in": "query", "field": "page", "message": "must be a whole number"},
        {"in": "body", "field": "size", "message": "must be 's' or 'm'"},
    ]
    assert "name is missing" in told["detail"]


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"7"])
def test_a_body_that_is_no_object_is_told_so(faults: Client, body: bytes) -> None:
    response = faults.post("/api/v1/orders", data=body, content_type="application/json")

    [error] = problem(response, 422, "wrong-values")["errors"]
    assert (error["in"], error["field"]) == ("body", "")


def test_what_was_sent_is_not_sent_back(faults: Client) -> None:
    response = post(faults, "/orders", {"name": 1, "size": faulty.SECRET})

    assert faulty.SECRET not in response.content.decode()


def test_a_thousand_wrong_values_are_not_all_told(faults: Client) -> None:
    response = post(faults, "/orders", {"name": "a", "items": [{}] * 1_000})

    told = problem(response, 422, "wrong-values")
    assert len(told["errors"]) == 20
    assert "and 997 more" in told["detail"]


# Who asks


def test_without_a_key_the_scheme_is_told() -> None:
    response = post(Client(), "/runs", {})

    problem(response, 401, "key-missing")
    assert response["WWW-Authenticate"] == 'Bearer realm="aiops"'


@pytest.mark.parametrize(
    "shown", ["Bearer", "Bearer ", "Basic YTpi", "aio_00000000_" + "a" * 43, "Token x"]
)
def test_another_scheme_is_no_key(shown: str) -> None:
    problem(post(Client(), "/runs", {}, Authorization=shown), 401, "key-missing")


@pytest.mark.parametrize("shown", ["x", "aio_00000000_" + "a" * 43, "é" * 50, "a" * 5_000])
def test_a_wrong_key_is_told_as_wrong(shown: str) -> None:
    response = post(Client(), "/runs", {}, Authorization=f"Bearer {shown}")

    told = problem(response, 401, "key-refused")
    assert response["WWW-Authenticate"] == 'Bearer realm="aiops", error="invalid_token"'
    assert shown not in told["detail"] or shown == "x"


def test_who_holds_a_key_that_has_ended_is_told_when() -> None:
    row, key = keys.make("tests", scopes=["start"])
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(days=1))
    expired = post(Client(), "/runs", {}, Authorization=f"Bearer {key}")
    keys.revoke(row, by="ann", reason="leaked")
    revoked = post(Client(), "/runs", {}, Authorization=f"Bearer {key}")

    assert f"The key {row.prefix} expired on" in problem(expired, 401, "key-refused")["detail"]
    assert f"The key {row.prefix} was revoked on" in problem(revoked, 401, "key-refused")["detail"]


def test_the_token_of_a_run_opens_nothing_else() -> None:
    token = run_token.sign(new_id())

    response = post(Client(), "/runs", {}, Authorization=f"Bearer {token}")

    problem(response, 401, "key-refused")


def test_a_scope_that_is_missing_is_named() -> None:
    response = post(program(scopes=["read"]), "/runs", {"workflow": "line", "input": {}})

    assert "scope start" in problem(response, 403, "scope-missing")["detail"]


# Errors of ours


@pytest.mark.parametrize("address", ["bug", "slow", "outside"])
def test_a_bug_is_told_by_an_id_that_the_log_has(
    faults: Client, address: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    for settings.DEBUG in (False, True):
        caplog.clear()

        response = faults.get(f"/api/v1/{address}")

        told = problem(response, 500, "unexpected")
        assert re.fullmatch("[0-9a-f]{12}", told["id"])
        assert faulty.SECRET not in response.content.decode()
        assert "Traceback" not in response.content.decode()
        [line] = [record for record in caplog.records if record.msg.startswith("api.failed")]
        assert told["id"] in line.getMessage()
        assert any(record.exc_info for record in caplog.records)


def test_a_database_that_is_away_is_an_outage_with_a_time_to_come_back(faults: Client) -> None:
    response = faults.get("/api/v1/database")

    problem(response, 503, "database-away")
    assert response["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("value", 422, "wrong-values"),
        ("gone", 404, "not-found"),
        ("stranger", 401, "key-refused"),
        ("teapot", 418, "bad-request"),
        ("denied", 403, "scope-missing"),
        ("strange", 400, "bad-request"),
    ],
)
def test_errors_that_django_knows_are_the_callers(
    faults: Client, address: str, status: int, code: str
) -> None:
    response = faults.get(f"/api/v1/{address}")

    problem(response, status, code)
    assert faulty.SECRET not in response.content.decode()
    assert ("WWW-Authenticate" in response) == (status == 401)


# The page


def codes_used() -> Iterator[tuple[str, str]]:
    """Every code that a module of the API names, with the module."""
    for path in API.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = {"Problem": 1, "of": 0, "_unknown": 0}.get(name)
            if place is not None and len(node.args) > place:
                code = node.args[place]
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield code.value, path.name


def test_every_code_that_is_used_is_explained() -> None:
    used = list(codes_used())

    assert len(used) > 10
    assert [pair for pair in used if pair[0] not in CODES] == []
    assert set(BY_STATUS.values()) <= set(CODES)


def test_every_code_is_a_word_with_a_status_and_what_to_do() -> None:
    for code, told in CODES.items():
        assert re.fullmatch("[a-z]+(-[a-z]+)*", code)
        assert told.status in (*range(400, 452), 500, 503)
        assert told.title[:1].isupper()
        assert told.meaning.endswith(".")
        assert told.remedy.endswith(".")


def test_the_page_explains_every_code_without_a_key() -> None:
    response = Client().get("/api/v1/problems", headers={"Accept": "text/html,*/*;q=0.8"})

    page = response.content.decode()
    assert response["Content-Type"].startswith("text/html")
    assert [code for code in CODES if f'id="{code}"' not in page] == []
    assert "<code>Retry-After</code>" in page
    assert "`" not in page
    assert "<script" not in page
    assert "style=" not in page


@pytest.mark.parametrize("accept", ["application/json", "*/*", ""])
def test_programs_get_the_codes_as_json(accept: str) -> None:
    response = Client().get("/api/v1/problems", headers={"Accept": accept} if accept else {})

    assert set(response.json()) == set(CODES)
    assert "Accept" in response["Vary"]
