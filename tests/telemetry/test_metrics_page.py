"""Who may read /metrics: whoever knows the token; without one, this machine."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db


def test_this_machine_without_a_token(flows: None) -> None:
    assert Client().get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 200
    assert Client().get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 403
    assert Client().get("/metrics", REMOTE_ADDR="").status_code == 403


def test_a_proxy_on_this_machine_is_not_this_machine(flows: None) -> None:
    response = Client().get("/metrics", headers={"X-Forwarded-For": "10.0.0.7"})
    assert response.status_code == 403
    assert b"AIOPS_METRICS_TOKEN" in response.content


def test_with_a_token_whoever_knows_it(flows: None, settings: Settings) -> None:
    settings.AIOPS_METRICS_TOKEN = "open sesame"
    ask = Client(REMOTE_ADDR="10.0.0.7").get

    assert ask("/metrics", headers={"Authorization": "Bearer open sesame"}).status_code == 200
    assert ask("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert ask("/metrics").status_code == 403
    assert Client().get("/metrics").status_code == 403


def test_it_is_only_read(flows: None) -> None:
    assert Client().post("/metrics").status_code == 405
