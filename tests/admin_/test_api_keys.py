"""The page of API keys: who has one, and making, rotating, changing and revoking it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from aiops.access import keys
from aiops.models import ApiKey, Event
from tests.admin_.doing import shown, text

pytestmark = pytest.mark.django_db

PAGE = "admin:aiops_apikey_changelist"
MAKE = "admin:aiops_apikey_make"
VERBS = ("rotate", "change", "revoke")
FORM: dict[str, Any] = {
    "name": "shop",
    "tenant": "acme",
    "scopes": ["start", "read"],
    "days": "90",
    "per_minute": "60",
    "streams": "5",
    "reason": "the new shop",
}


@pytest.fixture
def allowed(client: Client) -> Callable[..., Client]:
    """Sign in as somebody who has these permissions."""

    def sign_in(*names: str) -> Client:
        user = User.objects.create(username="ann", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def ann(allowed: Callable[..., Client]) -> Client:
    """Somebody who looks after keys."""
    return allowed(*(f"{can}_apikey" for can in ("view", "add", *VERBS)))


def made(**options: Any) -> ApiKey:
    return keys.make("shop", **{"scopes": ["start"], "tenant": "acme", **options})[0]


def at(row: ApiKey, verb: str) -> str:
    return reverse("admin:aiops_apikey_do", args=[row.id, verb])


def press(client: Client, url: str, **sends: Any) -> Any:
    return client.post(url, {"fingerprint": shown(client, url)["fingerprint"], **sends})


def key_in(page: str) -> str:
    [found] = set(re.findall(r"aio_[0-9a-f]{8}_[\w-]{43}", page))
    return str(found)


def events() -> list[str]:
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


# The list


def test_each_key_is_told_in_words(ann: Client) -> None:
    row = made(scopes=["start", "decide"], per_minute=60, made_by="bob")
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=5))

    page = text(ann.get(reverse(PAGE)))

    for told in (
        *("shop", f"aio_{row.prefix}_…", "acme", "Works", "5 min ago", "by bob"),
        *("Start runs, and see what the user sees of them", "60 requests a minute"),
        "Answer questions that only a person can answer",
    ):
        assert told in page, told
    assert row.digest not in page


def test_a_key_of_every_tenant_says_so(ann: Client) -> None:
    made(tenant="")

    assert "every tenant" in text(ann.get(reverse(PAGE)))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"expires_at": timedelta(days=40, minutes=1)}, "Works, expires in 40 days"),
        ({"expires_at": timedelta(days=3, minutes=1)}, "Expires in 3 days"),
        ({"expires_at": timedelta(hours=5, minutes=1)}, "Expires in 5 h"),
        ({"expires_at": timedelta(hours=-1)}, "Expired"),
        ({"revoked_at": timedelta(hours=-1)}, "Revoked"),
    ],
)
def test_how_long_it_works_is_told(ann: Client, values: dict[str, timedelta], told: str) -> None:
    made()
    now = timezone.now()
    ApiKey.objects.update(**{name: now + span for name, span in values.items()})

    assert told in text(ann.get(reverse(PAGE)))


def test_a_key_that_was_replaced_names_the_other(ann: Client) -> None:
    row = made()
    new, _ = keys.rotate(row, by="bob")

    page = text(ann.get(reverse(PAGE)))

    assert "Replaced, works for" in page
    assert str(new) in page
    assert at(row, "rotate") not in page
    assert at(new, "rotate") in page


def test_the_list_takes_few_queries_however_many_keys(ann: Client) -> None:
    for _ in range(30):
        keys.rotate(made(), by="bob")
    ann.get(reverse(PAGE))

    with CaptureQueriesContext(connection) as queries:
        ann.get(reverse(PAGE))

    assert len(queries) <= 8


def test_an_empty_list_says_what_to_do(ann: Client) -> None:
    assert "Make a key for each program" in text(ann.get(reverse(PAGE)))


def test_the_page_of_a_key_shows_no_digest(ann: Client) -> None:
    row = made()

    page = text(ann.get(reverse("admin:aiops_apikey_change", args=[row.id])))

    assert row.prefix in page
    assert row.digest not in page


# Making


def test_a_key_is_shown_once_in_the_answer_and_nowhere_else(ann: Client) -> None:
    response = press(ann, reverse(MAKE), **FORM)

    page = text(response)
    key = key_in(page)
    who = keys.recognise(key)
    assert who is not None
    assert (who.tenant, set(who.scopes), who.per_minute) == ("acme", {"start", "read"}, 60)
    assert "It cannot be shown again" in page
    assert f'data-copy="{key}"' in page
    assert "no-store" in response["Cache-Control"]
    assert "messages" not in response.cookies
    assert key not in str(dict(ann.session))
    assert key not in text(ann.get(reverse(PAGE)))
    row = ApiKey.objects.get()
    assert row.made_by == "ann"
    assert row.expires_at is not None
    assert (row.expires_at - row.made_at).days in (89, 90)
    assert Event.objects.get(kind="api_key.made").actor == "ann"


def test_a_form_that_is_sent_twice_makes_one_key(ann: Client) -> None:
    sends = {"fingerprint": shown(ann, reverse(MAKE))["fingerprint"], **FORM}

    first, second = ann.post(reverse(MAKE), sends), ann.post(reverse(MAKE), sends)

    assert (first.status_code, second.status_code) == (200, 409)
    assert ApiKey.objects.count() == 1


def test_every_tenant_must_be_ticked(ann: Client) -> None:
    refused = press(ann, reverse(MAKE), **{**FORM, "tenant": " "})
    assert "name the tenant" in text(refused).lower()
    assert not ApiKey.objects.exists()

    press(ann, reverse(MAKE), **{**FORM, "tenant": "", "every_tenant": "1"})

    assert ApiKey.objects.get().tenant == ""


@pytest.mark.parametrize(
    ("sends", "why"),
    [
        ({"name": " "}, "Give it a name"),
        ({"scopes": []}, "Give it a scope"),
        ({"scopes": ["root"]}, "There is no scope root"),
        ({"days": "-1"}, "Choose for how long"),
        ({"per_minute": "many"}, "Give whole numbers"),
        ({"per_minute": "0"}, "Allow 1 to"),
    ],
)
def test_a_form_that_makes_no_sense_keeps_what_was_typed(
    ann: Client, sends: dict[str, Any], why: str
) -> None:
    page = text(press(ann, reverse(MAKE), **{**FORM, **sends}))

    assert why in page
    assert 'value="acme"' in page
    assert events() == []


# What is done to one


def test_a_rotation_shows_the_new_key_and_ends_the_old_one_later(ann: Client) -> None:
    row = made(scopes=["read"])

    response = press(ann, at(row, "rotate"), hours="1", reason="each quarter")

    who = keys.recognise(key_in(text(response)))
    assert who is not None
    assert (who.tenant, set(who.scopes)) == ("acme", {"read"})
    assert "no-store" in response["Cache-Control"]
    row.refresh_from_db()
    assert row.expires_at is not None
    assert row.expires_at <= timezone.now() + timedelta(hours=1)
    event = Event.objects.get(kind="api_key.rotated")
    assert (event.actor, event.data["reason"]) == ("ann", "each quarter")


def test_a_revocation_is_done_and_told(ann: Client) -> None:
    row = made()

    response = press(ann, at(row, "revoke"), reason="it was in a log")

    assert response.status_code == 302
    row.refresh_from_db()
    assert row.revoked_at is not None
    event = Event.objects.get(kind="api_key.revoked")
    assert (event.actor, event.data["reason"]) == ("ann", "it was in a log")
    assert "opens nothing any more" in text(ann.get(reverse(PAGE)))


def test_a_name_and_limits_are_changed_and_nothing_else(ann: Client) -> None:
    row = made()

    press(
        ann, at(row, "change"), name="web", per_minute="7", streams="3", tenant="b", scopes="read"
    )

    row.refresh_from_db()
    assert (row.name, row.per_minute, row.streams) == ("web", 7, 3)
    assert (row.tenant, row.scopes) == ("acme", ["start"])
    assert events()[-1] == "api_key.changed"


@pytest.mark.parametrize(
    ("verb", "sends", "why"),
    [
        ("rotate", {"hours": "2", "reason": "x"}, "Choose for how long both"),
        ("rotate", {"hours": "1", "reason": " "}, "Say why"),
        ("revoke", {"reason": " "}, "Say why"),
        ("change", {"name": "shop", "per_minute": "600", "streams": "100"}, "It is so already"),
        ("change", {"name": "shop", "per_minute": "-1", "streams": "100"}, "Give whole numbers"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    ann: Client, verb: str, sends: dict[str, str], why: str
) -> None:
    row = made()
    before = ApiKey.objects.values().get()

    page = text(press(ann, at(row, verb), **sends))

    assert why in page
    assert ApiKey.objects.values().get() == before
    assert events() == ["api_key.made"]


@pytest.mark.parametrize("verb", VERBS)
def test_looking_changes_nothing(ann: Client, verb: str) -> None:
    row = made()
    before = list(ApiKey.objects.values())

    for address in (at(row, verb), reverse(MAKE)):
        assert ann.get(address).status_code == 200

    assert (list(ApiKey.objects.values()), events()) == (before, ["api_key.made"])


@pytest.mark.parametrize("verb", VERBS)
def test_what_has_changed_since_is_looked_at_again(ann: Client, verb: str) -> None:
    row = made()
    seen = shown(ann, at(row, verb))["fingerprint"]
    keys.change(row, {"per_minute": 5}, by="bob")

    sends = {"fingerprint": seen, "reason": "x", "hours": "1", "name": "y", "per_minute": "9"}
    response = ann.post(at(row, verb), {**sends, "streams": "1"})

    assert response.status_code == 409
    assert events() == ["api_key.made", "api_key.changed"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_that_has_ended_has_no_verbs(ann: Client, verb: str) -> None:
    row = made()
    keys.revoke(row, by="bob", reason="leaked")

    assert at(row, verb) not in text(ann.get(reverse(PAGE)))
    assert "does not work any more" in text(ann.get(at(row, verb)))
    assert 'type="submit"' not in text(ann.get(at(row, verb), headers={"HX-Request": "true"}))


# Who may


@pytest.mark.parametrize("verb", VERBS)
def test_who_may_only_look_is_refused_and_sees_no_button(
    allowed: Callable[..., Client], verb: str
) -> None:
    row, client = made(), allowed("view_apikey")

    page = text(client.get(reverse(PAGE)))

    assert reverse(MAKE) not in page
    assert at(row, verb) not in page
    for address in (at(row, verb), reverse(MAKE)):
        assert client.get(address).status_code == 403
        assert client.post(address, FORM).status_code == 403
    assert events() == ["api_key.made"]


def test_who_may_not_look_sees_nothing(allowed: Callable[..., Client]) -> None:
    row, client = made(), allowed("view_run")

    assert client.get(reverse(PAGE)).status_code == 403
    assert client.get(at(row, "revoke")).status_code == 403


def test_without_the_token_nothing_is_done(ann: Client) -> None:
    row = made()
    ann.handler.enforce_csrf_checks = True

    assert ann.post(at(row, "revoke"), {"reason": "x"}).status_code == 403
    assert ann.post(reverse(MAKE), FORM).status_code == 403


def test_an_address_of_nothing_is_not_found(ann: Client) -> None:
    row = made()
    url = at(row, "revoke")
    ApiKey.objects.all().delete()

    assert ann.get(url).status_code == 404
    assert ann.get(at(made(), "make")).status_code == 404
