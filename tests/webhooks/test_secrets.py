"""Signing secrets: sealed at rest, shown once, and several of them while one is rotated."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from aiops.execution.resume import NotPossible
from aiops.models import Event, WebhookDelivery, WebhookEndpoint
from aiops.webhooks import configure, signing
from aiops.webhooks.sealing import Unreadable, seal, unseal
from tests.execution.engine import COMMITS, Engine
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import fresh, let_time_pass, listening, send


def test_what_is_sealed_is_not_what_it_was_and_comes_back() -> None:
    assert unseal(seal("whsec_abc")) == "whsec_abc"
    assert "abc" not in seal("whsec_abc")


def test_an_older_key_still_reads_and_a_lost_one_says_what_to_do(settings: Settings) -> None:
    settings.SECRET_KEY = "old"
    sealed = seal("whsec_abc")

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert unseal(sealed) == "whsec_abc"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(Unreadable, match="SECRET_KEY_FALLBACKS"):
        unseal(sealed)


def test_a_rotation_signs_with_both_until_the_overlap_ends() -> None:
    now = timezone.now()
    kept = signing.rotated(signing.first("whsec_b2xk", now), "whsec_bmV3", now)

    assert len(signing.live(kept, now)) == 2
    [left] = signing.live(kept, now + signing.OVERLAP)
    assert unseal(left["sealed"]) == "whsec_bmV3"


def test_a_rotation_never_lengthens_what_an_earlier_one_has_ended() -> None:
    now = timezone.now()
    kept = signing.first("whsec_YQ==", now)
    kept = signing.rotated(kept, "whsec_Yg==", now, overlap=timedelta(hours=1))

    kept = signing.rotated(kept, "whsec_Yw==", now, overlap=timedelta(days=5))

    assert len(signing.live(kept, now + timedelta(hours=2))) == 2


def test_secrets_are_bounded_however_often_somebody_rotates() -> None:
    now = timezone.now()
    kept = signing.first("whsec_YQ==", now)
    for _ in range(20):
        kept = signing.rotated(kept, "whsec_Yg==", now)

    assert len(kept) == signing.MOST_LIVE


def test_two_secrets_are_never_the_same() -> None:
    assert signing.new_secret() != signing.new_secret()


@COMMITS
def test_the_row_and_the_events_hold_no_secret(receiver: Receiver) -> None:
    endpoint, secret = listening(receiver.url)
    rotated = configure.rotate(endpoint, actor="ann")

    kept = json.dumps(WebhookEndpoint.objects.values("secrets").get())
    told = json.dumps(list(Event.objects.values_list("data", flat=True)))
    for one in (secret, rotated):
        assert one.removeprefix(signing.MARK) not in kept + told
    assert "secret-path" not in told


@COMMITS
def test_old_and_new_verify_during_the_overlap(engine: Engine, receiver: Receiver) -> None:
    endpoint, old = listening(receiver.url)
    new = configure.rotate(endpoint, actor="ann")
    engine.start("line", input={"number": 1})

    send()

    [got] = receiver.got
    for secret in (old, new):
        assert Webhook(secret).verify(got.body, got.headers) == got.event
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.new_secret()).verify(got.body, got.headers)


@COMMITS
def test_two_rotations_at_the_same_time_are_one(receiver: Receiver) -> None:
    endpoint, _ = listening(receiver.url)
    configure.rotate(endpoint, actor="ann")

    with pytest.raises(NotPossible, match="just rotated"):
        configure.rotate(endpoint, actor="bob")


@COMMITS
def test_a_secret_that_cannot_be_read_keeps_the_message_and_says_so(
    engine: Engine, receiver: Receiver, settings: Settings
) -> None:
    endpoint, _ = listening(receiver.url)
    engine.start("line", input={"number": 1})
    was = settings.SECRET_KEY
    settings.SECRET_KEY = "another"

    send()

    assert "SECRET_KEY_FALLBACKS" in fresh(endpoint).last_error
    assert receiver.got == []
    settings.SECRET_KEY = was
    let_time_pass()
    assert send() == 1
    assert WebhookDelivery.objects.get().state == "sent"


@COMMITS
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": " "}, "give it a name"),
        ({"kinds": ["run.exploded"]}, "there is no kind run.exploded"),
        ({"url": "https://127.0.0.1/"}, "AIOPS_WEBHOOKS_ALLOW"),
        ({"url": "nonsense"}, "https://host/path"),
        ({"url": "https://example.org/" + "x" * 500}, "longer than 500"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused_with_what_to_do(
    fields: dict[str, object], why: str
) -> None:
    with pytest.raises(NotPossible, match=why):
        listening(**{"url": "https://1.1.1.1/", **fields})  # type: ignore[arg-type]  # one of them


@COMMITS
def test_a_form_that_comes_twice_makes_one_endpoint(receiver: Receiver) -> None:
    given = configure.Given("shop", receiver.url)
    first, secret = configure.make(given, actor="ann")

    _, again = configure.make(given, actor="ann", id_=first.id)

    assert (secret != "", again, WebhookEndpoint.objects.count()) == (True, "", 1)
