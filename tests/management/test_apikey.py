"""API keys from a shell."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from aiops.access import keys
from aiops.models import ApiKey, Event
from tests.management.calling import refusal, said

pytestmark = pytest.mark.django_db


def made(*options: str) -> str:
    return said("apikey", "make", "shop", "--scope", "start", *options).strip()


def test_the_key_is_alone_on_standard_output() -> None:
    out, err = StringIO(), StringIO()

    call_command(
        "apikey", "make", "shop", "--scope", "start", "--scope", "read", stdout=out, stderr=err
    )

    key = out.getvalue().removesuffix("\n")
    who = keys.recognise(key)
    assert who is not None
    assert who.scopes == {"start", "read"}
    assert "is made" in err.getvalue()
    assert key not in err.getvalue()
    event = Event.objects.get(kind="api_key.made")
    assert event.actor.startswith("cli:")


def test_a_key_is_made_with_what_is_said() -> None:
    key = made("--tenant", "acme", "--days", "30", "--per-minute", "9", "--streams", "2")

    who, row = keys.recognise(key), ApiKey.objects.get()
    assert who is not None
    assert (who.tenant, who.per_minute, who.streams) == ("acme", 9, 2)
    assert row.expires_at is not None
    assert timedelta(days=29) < row.expires_at - timezone.now() <= timedelta(days=30)


def test_a_key_of_every_tenant_is_asked_for_by_name() -> None:
    made("--every-tenant")

    assert ApiKey.objects.get().tenant == ""


def test_the_list_tells_those_that_work() -> None:
    made("--tenant", "acme", "--days", "30")
    old = ApiKey.objects.get()
    said("apikey", "rotate", old.prefix, "--reason", "each quarter")
    other = keys.make("mailer", scopes=["events"])[0]
    said("apikey", "revoke", other.prefix, "--reason", "leaked")

    lines = said("apikey", "list").splitlines()
    everything = said("apikey", "list", "--all")

    assert len(lines) == 2
    assert "Replaced" in lines[0]
    assert "expires in 23 h" in lines[0]
    assert "never used" in lines[1]
    assert "Revoked" in everything


def test_the_list_is_there_as_json_without_anything_secret() -> None:
    key = made("--every-tenant")

    [line] = said("apikey", "list", "--json").splitlines()

    told = json.loads(line)
    assert (told["name"], told["tenant"], told["state"]) == ("shop", None, "works")
    assert key not in line
    assert ApiKey.objects.get().digest not in line


def test_an_empty_list_says_what_to_do() -> None:
    err = StringIO()

    call_command("apikey", "list", stdout=StringIO(), stderr=err)

    assert "apikey make" in err.getvalue()


def test_a_rotation_writes_the_new_key_and_both_work() -> None:
    old = made()

    new = said("apikey", "rotate", keys.prefix_of(old), "--overlap-h", "0.5").strip()

    assert keys.recognise(new) is not None
    assert keys.recognise(old) is not None
    assert ApiKey.objects.get(prefix=keys.prefix_of(old)).expires_at is not None


def test_a_key_that_was_found_somewhere_is_revoked_by_itself() -> None:
    key = made()

    told = said("apikey", "revoke", key, "--reason", "it was in a log")

    assert "opens nothing any more" in told
    assert keys.recognise(key) is None
    assert Event.objects.get(kind="api_key.revoked").data["reason"] == "it was in a log"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("make", "shop"), "--scope"),
        (("make", "shop", "--scope", "root"), "invalid choice"),
        (("make", "shop", "--scope", "read", "--days", "0"), "1 to 3650"),
        (("make", "shop", "--scope", "read", "--per-minute", "0"), "Nothing was changed"),
        (("make", " ", "--scope", "read"), "give it a name"),
        (("rotate", "nothing"), "apikey list --all"),
        (("revoke", "\x00"), "apikey list --all"),
        (("rotate", "x", "--overlap-h", "9999"), "0 to 2160"),
    ],
)
def test_a_refusal_says_what_to_do_and_changes_nothing(words: tuple[str, ...], why: str) -> None:
    assert why in refusal("apikey", *words)
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_for_a_reason() -> None:
    key = made()

    assert "say why" in refusal("apikey", "revoke", key)
    assert keys.recognise(key) is not None
