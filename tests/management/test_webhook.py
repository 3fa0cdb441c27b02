"""Webhooks by shell."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from aiops.models import Event, WebhookDelivery, WebhookEndpoint
from aiops.webhooks.sealing import unseal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _allowed(settings: Settings) -> None:
    settings.AIOPS_WEBHOOKS_ALLOW = ["127.0.0.0/8"]


def said(*args: str) -> str:
    out = StringIO()
    call_command("webhook", *args, stdout=out)
    return out.getvalue()


def made() -> WebhookEndpoint:
    said("add", "shop", "http://127.0.0.1:9/", "--kind", "run.succeeded")
    return WebhookEndpoint.objects.get()


def test_a_webhook_is_made_and_its_secret_told_once() -> None:
    told = said("add", "shop", "http://127.0.0.1:9/", "--kind", "run.succeeded", "--tenant", "acme")

    endpoint = WebhookEndpoint.objects.get()
    assert unseal(endpoint.secrets[0]["sealed"]) in told
    assert (endpoint.tenant, endpoint.kinds) == ("acme", ["run.succeeded"])
    assert Event.objects.get().actor.startswith("cli:")
    assert "whsec_" not in said("list")


def test_an_address_that_cannot_be_is_refused() -> None:
    with pytest.raises(CommandError, match="not an address of the public Internet"):
        said("add", "shop", "https://10.0.0.1/")


def test_a_rotation_tells_the_new_secret() -> None:
    endpoint = made()

    told = said("rotate", "shop")

    endpoint.refresh_from_db()
    assert unseal(endpoint.secrets[0]["sealed"]) in told
    assert len(endpoint.secrets) == 2


def test_what_was_given_up_is_counted_and_sent_again_when_it_is_meant() -> None:
    endpoint = made()
    WebhookDelivery.objects.create(endpoint=endpoint, kind="run.succeeded", state="failed")

    assert "1 would be sent again" in said("replay", str(endpoint.id))
    assert WebhookDelivery.objects.count() == 1
    assert "1 will be sent again" in said("replay", "shop", "--yes", "--reason", "mended")
    assert WebhookDelivery.objects.count() == 2


def test_a_name_that_is_unknown_says_where_to_look() -> None:
    with pytest.raises(CommandError, match="webhook list"):
        said("rotate", "nobody")
