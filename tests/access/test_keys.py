"""API keys: what they let in, for how long, and what is kept of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiops.access import keys
from aiops.access.keys import KeyRefused
from aiops.models import ApiKey, Event, KeyState
from aiops.models.api_key_moves import USED_EVERY

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def made(**options: Any) -> tuple[ApiKey, str]:
    return keys.make("shop", **{"scopes": ["start"], "made_by": "ann", **options})


def told(kind: str) -> Event:
    return Event.objects.get(kind=kind)


# Making


def test_a_key_lets_its_holder_in_with_its_rights() -> None:
    row, key = made(scopes=["read", "start"], tenant="acme", per_minute=7, streams=3)

    who = keys.recognise(key)

    assert who is not None
    assert (who.actor, who.tenant) == (f"api:shop ({row.prefix})", "acme")
    assert (set(who.scopes), who.per_minute, who.streams) == ({"read", "start"}, 7, 3)


def test_the_key_itself_is_in_no_row_and_no_event() -> None:
    row, key = made()
    secret = key.rpartition(row.prefix)[2].strip("_")

    with connection.cursor() as cursor:
        cursor.execute("SELECT k::text FROM aiops_apikey k UNION SELECT e::text FROM aiops_event e")
        kept = " ".join(line for (line,) in cursor.fetchall())

    assert row.prefix in kept
    assert secret not in kept


def test_making_leaves_an_event_with_what_the_key_may() -> None:
    row, _ = made(tenant="acme", reason="the new shop")

    event = told("api_key.made")

    assert (event.run_id, event.actor) == (None, "ann")
    assert (event.data["key"], event.data["name"]) == (row.prefix, "shop")
    assert (event.data["scopes"], event.data["tenant"]) == (["start"], "acme")
    assert event.data["reason"] == "the new shop"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"scopes": ["start", "everything"]}, "there is no scope everything: the scopes are start"),
        ({"scopes": []}, "give it a scope"),
        ({"tenant": " acme"}, "the name of a tenant"),
        ({"tenant": "a" * 101}, "at most 100"),
        ({"per_minute": 0}, "1 to 1,000,000 requests"),
        ({"streams": -1}, "streams at once"),
        ({"expires_at": datetime.fromisoformat("2020-01-01T00:00:00Z")}, "a time to come"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_with_what_to_do(
    options: dict[str, Any], why: str
) -> None:
    with pytest.raises(KeyRefused, match=why):
        made(**options)

    assert not ApiKey.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "a" * 101, "two\nlines"])
def test_a_key_has_a_name_that_fits_a_line(name: str) -> None:
    with pytest.raises(KeyRefused, match="give it a name"):
        keys.make(name, scopes=["start"])


# Recognising


@pytest.mark.parametrize(
    "text",
    [
        "",
        "aio",
        "aio__",
        "aio_00000000_" + "a" * 43,
        "sk-123",
        "aio_\x00\x00\x00\x00\x00\x00\x00\x00_" + "a" * 43,
        "aio_٠٠٠٠٠٠٠٠_" + "a" * 43,
    ],
)
def test_what_is_no_key_lets_nobody_in(text: str) -> None:
    assert keys.recognise(text) is None


def test_one_wrong_character_lets_nobody_in() -> None:
    _, key = made()
    other = "b" if key[-1] == "a" else "a"

    assert keys.recognise(key[:-1] + other) is None
    assert keys.recognise(f" {key}") is None
    assert keys.recognise(f"{key}\n") is None


def test_a_key_ends_at_its_time() -> None:
    row, key = made(expires_at=timezone.now() + HOUR)
    is_let_in = keys.recognise(key) is not None

    ApiKey.objects.update(expires_at=timezone.now())

    assert is_let_in
    assert keys.recognise(key) is None
    row.refresh_from_db()
    assert row.state(timezone.now()) == KeyState.EXPIRED


def test_a_use_is_written_down_once_a_minute() -> None:
    row, key = made()
    keys.recognise(key)
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None

    with CaptureQueriesContext(
        connection,
    ) as queries:
        keys.recognise(key)
    row.refresh_from_db()

    assert (len(queries), row.last_used_at) == (1, first)

    ApiKey.objects.update(last_used_at=first - USED_EVERY)
    keys.recognise(key)
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert row.last_used_at >= first


# Revoking


def test_a_revoked_key_lets_nobody_in_from_the_next_request_on() -> None:
    row, key = made()

    keys.revoke(row, by="bob", reason="it was in a log")

    assert keys.recognise(key) is None
    event = told("api_key.revoked")
    assert (event.actor, event.data["reason"]) == ("bob", "it was in a log")


def test_a_key_is_revoked_once_and_for_a_reason() -> None:
    row, _ = made()

    with pytest.raises(KeyRefused, match="say why"):
        keys.revoke(row, by="bob", reason=" ")
    keys.revoke(row, by="bob", reason="leaked")
    with pytest.raises(KeyRefused, match="revoked already"):
        keys.revoke(row, by="eve", reason="again")

    assert told("api_key.revoked").actor == "bob"


# Rotating


def test_both_keys_work_until_the_overlap_is_over() -> None:
    row, old = made(scopes=["read"], tenant="acme", per_minute=9, streams=2)

    new_row, new = keys.rotate(row, overlap=HOUR, by="bob")
    before, after = keys.recognise(old), keys.recognise(new)

    assert before is not None
    assert after is not None
    rights = ("tenant", "scopes", "per_minute", "streams")
    assert [getattr(before, name) for name in rights] == [getattr(after, name) for name in rights]
    row.refresh_from_db()
    assert (row.replaced_by, row.state(timezone.now())) == (new_row, KeyState.REPLACED)
    assert row.expires_at is not None
    assert HOUR - timedelta(minutes=1) < row.expires_at - timezone.now() <= HOUR

    ApiKey.objects.filter(id=row.id).update(expires_at=timezone.now())
    assert keys.recognise(old) is None
    assert keys.recognise(new) is not None


def test_a_rotation_names_both_keys_in_its_event() -> None:
    row, _ = made()

    new, _ = keys.rotate(row, by="bob", reason="each quarter")

    event = told("api_key.rotated")
    assert (event.actor, event.data["key"], event.data["by"]) == ("bob", row.prefix, new.prefix)
    assert event.data["reason"] == "each quarter"


def test_a_rotation_never_lengthens_the_old_keys_life() -> None:
    end = timezone.now() + HOUR
    row, _ = made(expires_at=end)

    new, _ = keys.rotate(row, overlap=timedelta(days=1), by="bob")

    row.refresh_from_db()
    assert row.expires_at == end
    assert new.expires_at is not None
    assert abs(new.expires_at - end) < timedelta(minutes=1)


def test_a_key_for_good_is_followed_by_a_key_for_good() -> None:
    row, _ = made()

    assert keys.rotate(row, by="bob")[0].expires_at is None


def test_a_key_is_replaced_once() -> None:
    row, _ = made()
    stale = ApiKey.objects.get(id=row.id)
    keys.rotate(row, by="bob")

    with pytest.raises(KeyRefused, match="rotate that one"):
        keys.rotate(row, by="eve")
    with pytest.raises(KeyRefused, match="meanwhile"):
        keys.rotate(stale, by="eve")

    assert ApiKey.objects.count() == 2
    assert Event.objects.filter(kind="api_key.rotated").count() == 1


def test_a_key_that_has_ended_is_not_rotated() -> None:
    row, _ = made()
    keys.revoke(row, by="bob", reason="leaked")

    with pytest.raises(KeyRefused, match="make another"):
        keys.rotate(row, by="bob")


@pytest.mark.parametrize("overlap", [timedelta(hours=-1), timedelta(days=91)])
def test_an_overlap_is_at_most_ninety_days(overlap: timedelta) -> None:
    row, _ = made()

    with pytest.raises(KeyRefused, match="90 days"):
        keys.rotate(row, by="bob", overlap=overlap)


# Changing


def test_a_name_and_limits_change_with_an_event_that_tells_both() -> None:
    row, _ = made()

    keys.change(row, {"name": "new shop", "per_minute": 5, "streams": 100}, by="bob")

    row.refresh_from_db()
    assert (row.name, row.per_minute) == ("new shop", 5)
    data = told("api_key.changed").data
    assert data["was"] == {"name": "shop", "per_minute": 600}
    assert data["to"] == {"name": "new shop", "per_minute": 5}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"name": "shop"}, "so already"),
        ({"per_minute": 0}, "requests a minute"),
        ({"name": ""}, "a name"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(values: dict[str, Any], why: str) -> None:
    row, _ = made()

    with pytest.raises(KeyRefused, match=why):
        keys.change(row, values, by="bob")

    assert not Event.objects.filter(kind="api_key.changed").exists()


def test_of_two_changes_at_once_the_second_is_told_to_look_again() -> None:
    row, _ = made()
    stale = ApiKey.objects.get(id=row.id)
    keys.change(row, {"per_minute": 5}, by="bob")

    with pytest.raises(KeyRefused, match="look again"):
        keys.change(stale, {"per_minute": 6}, by="eve")

    row.refresh_from_db()
    assert row.per_minute == 5
