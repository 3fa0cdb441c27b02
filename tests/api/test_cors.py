"""Pages of other origins: none may read the API, but for those that a setting names."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client
from pytest_django.fixtures import Settings

from aiops.api.origins import is_origin
from tests.api.calling import program

pytestmark = pytest.mark.django_db

SHOP = "https://shop.example.com"
PATH = "/api/v1/runs/00000000-0000-7000-8000-000000000000/status"


@pytest.fixture
def shop_is_allowed(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [SHOP]


def preflight(origin: str, path: str = PATH) -> Any:
    asks = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    return Client().options(path, headers=asks)


def test_by_default_no_page_may_read_it() -> None:
    answer = program().get(PATH, headers={"Origin": SHOP})

    assert "Access-Control-Allow-Origin" not in answer
    assert "Access-Control-Allow-Origin" not in preflight(SHOP)


def test_a_page_of_a_named_origin_may_and_reads_its_headers(shop_is_allowed: None) -> None:
    answer = program().get(PATH, headers={"Origin": SHOP})

    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (404, SHOP)
    for name in ("ETag", "RateLimit", "Location", "Retry-After"):
        assert name in answer["Access-Control-Expose-Headers"].split(", ")
    assert "Access-Control-Allow-Credentials" not in answer
    assert "origin" in answer["Vary"].lower()


def test_a_preflight_needs_no_key_and_allows_the_headers_of_the_api(shop_is_allowed: None) -> None:
    answer = preflight(SHOP)

    assert answer.status_code == 200
    allowed = answer["Access-Control-Allow-Headers"].split(", ")
    assert {"authorization", "content-type", "idempotency-key", "if-none-match"} <= set(allowed)


def test_errors_before_the_key_are_readable_too(shop_is_allowed: None) -> None:
    answer = Client().get("/api/v1/nothing", headers={"Origin": SHOP})

    assert (answer.json()["code"], answer["Access-Control-Allow-Origin"]) == ("not-found", SHOP)


def test_the_console_is_for_no_page_of_another_origin(shop_is_allowed: None) -> None:
    answer = Client().get("/admin/login/", headers={"Origin": SHOP})

    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        (SHOP, True),
        ("http://localhost:3000", True),
        ("https://[::1]:8443", True),
        ("https://shop.example.com/", False),
        ("https://*.example.com", False),
        ("*", False),
        ("null", False),
        ("shop.example.com", False),
        ("https://user@shop.example.com", False),
        ("https://shop.example.com:port", False),
    ],
)
def test_what_is_an_origin(text: str, is_so: bool) -> None:
    assert is_origin(text) is is_so


def test_a_wrong_setting_is_told_before_anything_starts(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["*"]
    settings.AIOPS_API_IN_FLIGHT = 0

    found = [str(one.msg) for one in run_checks(tags=["aiops"]) if one.id == "aiops.E006"]

    assert len(found) == 2
    assert "https://shop.example.com" in found[1]
