"""The API's document: who may read it, what it promises, and a page that needs no other host."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django.fixtures import Settings

from aiops.api.problems import MEDIA_TYPE
from tests.api.calling import get, program

pytestmark = pytest.mark.django_db

PAGES = ("openapi.json", "docs")
each_page = pytest.mark.parametrize("page", PAGES)


@pytest.fixture
def document(settings: Settings, client: Client) -> Any:
    settings.AIOPS_API_DOCS = True
    return client.get("/api/v1/openapi.json").json()


def operations(document: Any) -> list[Any]:
    return [one for methods in document["paths"].values() for one in methods.values()]


@each_page
def test_a_stranger_does_not_read_the_document(client: Client, page: str) -> None:
    seen = client.get(f"/api/v1/{page}")

    assert (seen.status_code, seen["Content-Type"]) == (401, MEDIA_TYPE)
    assert "AIOPS_API_DOCS" in seen.json()["detail"]


@each_page
@pytest.mark.parametrize("setting", ["AIOPS_API_DOCS", "DEBUG"])
def test_the_document_is_public_where_a_setting_says_so(
    client: Client, settings: Settings, page: str, setting: str
) -> None:
    setattr(settings, setting, True)

    assert client.get(f"/api/v1/{page}").status_code == 200


@each_page
def test_a_key_opens_the_document_whatever_it_may_do(page: str) -> None:
    assert get(program(scopes=()), f"/{page}").status_code == 200


@each_page
@pytest.mark.parametrize(("is_staff", "status"), [(True, 200), (False, 401)])
def test_who_may_log_in_to_the_console_reads_the_document(
    client: Client, page: str, is_staff: bool, status: int
) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=is_staff))

    assert client.get(f"/api/v1/{page}").status_code == status


def test_the_page_loads_nothing_from_another_host(client: Client, settings: Settings) -> None:
    settings.AIOPS_API_DOCS = True

    page = client.get("/api/v1/docs").content.decode()

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) >= 3
    for address in loaded:
        assert address.startswith(settings.STATIC_URL)
        assert finders.find(address.removeprefix(settings.STATIC_URL)) is not None
    # The page itself would ask a host outside for a badge.
    assert '"validatorUrl": null' in page


def test_every_operation_says_what_it_does_and_names_its_problems(document: Any) -> None:
    for told in operations(document):
        assert told["summary"]
        assert told["description"]
        assert told["security"]
        assert {"401", "403", "429"} <= set(told["responses"])


def test_every_refusal_is_a_problem(document: Any) -> None:
    refusals = [
        (status, response["content"])
        for told in operations(document)
        for status, response in told["responses"].items()
        if int(status) >= 400
    ]

    assert refusals
    for _, content in refusals:
        assert list(content) == [MEDIA_TYPE]
    assert "code" in document["components"]["schemas"]["Problem"]["required"]


def test_every_answer_and_every_body_is_described(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for told in operations(document):
        [good, *_] = [r for status, r in told["responses"].items() if int(status) < 300]
        [(kind, content)] = good["content"].items()
        is_described = {"$ref", "anyOf"} & set(content["schema"])
        assert is_described or kind == "text/event-stream"
        for body in list(told.get("requestBody", {}).get("content", {}).values())[:1]:
            name = body["schema"].get("$ref", "").rpartition("/")[2]
            named = schemas[name] if name else body["schema"]
            assert named["examples"]
            assert named["additionalProperties"] is False


def test_every_name_that_is_referred_to_is_described(document: Any) -> None:
    named = set(re.findall(r"#/components/schemas/(\w+)", str(document)))

    assert named <= set(document["components"]["schemas"])


def test_every_operation_has_an_id_of_its_own(document: Any) -> None:
    ids = [told["operationId"] for told in operations(document)]

    assert len(ids) == len(set(ids))
