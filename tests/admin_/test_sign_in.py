"""Signing in: who guesses is stopped, and who mistypes is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from aiops.access.sign_in import MOST_FOR_NAME, MOST_FROM_ADDRESS, WINDOW
from aiops.models import SignInFailure

pytestmark = pytest.mark.django_db

RIGHT = "a long pass phrase"


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada", password=RIGHT)


def tries(password: str, name: str = "ada", address: str = "192.0.2.1") -> Any:
    given = {"username": name, "password": password}
    return Client().post("/admin/login/", given, REMOTE_ADDR=address)


def is_in(answer: Any) -> bool:
    return bool(answer.status_code == 302)


def later(by: timedelta) -> None:
    SignInFailure.objects.update(at=F("at") - by)


def test_after_many_wrong_passwords_the_right_one_is_not_looked_at_either(ada: User) -> None:
    for number in range(MOST_FROM_ADDRESS):
        tries(f"guess {number}")

    answer = tries(RIGHT)

    assert not is_in(answer)
    assert "Too many wrong passwords. Wait 15 minutes" in answer.content.decode()


def test_other_addresses_and_later_tries_get_in(ada: User) -> None:
    for number in range(MOST_FROM_ADDRESS):
        tries(f"guess {number}")

    assert is_in(tries(RIGHT, address="192.0.2.2"))
    later(WINDOW)
    assert is_in(tries(RIGHT))


def test_one_name_is_not_guessed_from_many_addresses_for_long(ada: User) -> None:
    for number in range(MOST_FOR_NAME):
        tries(f"guess {number}", name="ADA", address=f"192.0.2.{number}")

    assert not is_in(tries(RIGHT, address="198.51.100.1"))


def test_guessing_at_many_names_from_one_address_is_stopped(ada: User) -> None:
    for number in range(MOST_FROM_ADDRESS):
        tries("password1", name=f"user{number}")

    assert not is_in(tries(RIGHT))


def test_who_has_mistyped_and_gets_in_starts_anew_and_clears_nobody_elses(ada: User) -> None:
    tries("mistyped")
    tries("a guess", name="grace")

    assert is_in(tries(RIGHT))
    assert SignInFailure.objects.count() == 1


def test_what_was_typed_is_kept_nowhere(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    tries("x", name="my-password-in-the-wrong-field")

    kept = str(list(SignInFailure.objects.values()))
    assert "my-password" not in kept + caplog.text


def test_failures_of_yesterday_are_gone(ada: User) -> None:
    tries("a guess")
    later(timedelta(days=1, minutes=1))

    tries("a guess")

    assert SignInFailure.objects.count() == 1
