"""What nobody should send: each is told as a problem, and none of it is an error of ours."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from aiops.api.parsing import DEEPEST
from aiops.models import Run
from tests.api.calling import get, post, program

pytestmark = pytest.mark.django_db

START = '{"workflow": "line", "input": {"label": %s}}'


def send(body: str | bytes, content_type: str = "application/json") -> Any:
    return program().post("/api/v1/runs", data=body, content_type=content_type)


@pytest.mark.parametrize(
    "label",
    [
        r'"\u0000"',
        r'"\ud800"',
        r'{"a\u0000": 1}',
        "NaN",
        "1e999",
        "-Infinity",
        "9" * 5_000,
        "[" * 100_000 + "]" * 100_000,
        "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
        "nonsense",
        "",
    ],
    ids=lambda label: label[:12],
)
def test_what_the_record_cannot_keep_is_refused_as_unreadable(flows: None, label: str) -> None:
    seen = send(START % label)

    assert (seen.status_code, seen.json()["code"]) == (400, "broken-json")
    assert seen["Content-Type"] == "application/problem+json"
    assert not Run.objects.exists()


@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x80", b"{", b"null", b"[]", b"7", b'"text"', b""])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    seen = send(body)

    assert seen.status_code in (400, 422)
    assert seen["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "value",
    [r'"\u0000"', "[" * 200 + "]" * 200, "9" * 4_000, f'"{"x" * 100_000}"'],
    ids=lambda value: value[:6],
)
def test_metadata_is_kept_or_refused(flows: None, value: str) -> None:
    seen = send('{"workflow": "line", "input": {}, "metadata": {"a": ' + value + "}}")

    assert seen.status_code in (202, 400, 422)


def test_what_is_not_json_is_told_how_to_be_sent() -> None:
    seen = send("workflow=line", "application/x-www-form-urlencoded")

    assert (seen.status_code, seen.json()["code"]) == (415, "wrong-media-type")
    assert "Content-Type: application/json" in seen.json()["detail"]


def test_a_body_that_is_too_large_is_told_so(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000

    seen = send(START % f'"{"x" * 2_000}"')

    assert (seen.status_code, seen.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize(
    "path",
    [
        *("/runs/1", "/runs/1/status", "/runs/%00/result", "/runs/" + "9" * 400),
        *("/questions/x", "/runs?workflow=%00", "/workflows/%00", "/workflows/" + "x" * 200),
    ],
)
def test_an_address_of_no_thing_is_told_as_a_problem(path: str) -> None:
    seen = get(program(), path)

    assert seen.status_code in (400, 404, 422)
    assert seen["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/nothing", "/runs/", "/runs/a/b/c", "/", "/runs//status"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_address_that_nothing_answers_is_told_as_a_problem(path: str, method: str) -> None:
    seen = getattr(program(), method)(f"/api/v1{path}", content_type="application/json")

    assert (seen.status_code, seen.json()["code"]) == (404, "not-found")


def test_a_wrong_body_of_a_verb_is_told_by_its_place() -> None:
    seen = post(program(), "/runs/00000000-0000-0000-0000-000000000000/cancel", {"now": "yes"})

    assert seen.json()["errors"][0]["field"] == "now"
