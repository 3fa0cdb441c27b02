"""Requests a minute: counted for each key over all processes, and told on every answer."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from aiops.access import keys, run_token
from aiops.access.caller import Caller
from aiops.api import limits
from aiops.models import Run
from tests.api.calling import post, program

pytestmark = pytest.mark.django_db

PATH = "/api/v1/runs/00000000-0000-7000-8000-000000000000/status"


def somebody(per_minute: int) -> Caller:
    return Caller("api:x", "", frozenset(), key_id=uuid4(), per_minute=per_minute)


def keyed(per_minute: int) -> Client:
    _, key = keys.make("tests", scopes=["start"], per_minute=per_minute)
    return Client(headers={"Authorization": f"Bearer {key}"})


def in_another_process() -> None:
    """Forget what this process knows by itself: another one knows only what Redis knows."""
    limits._shared.cache_clear()
    limits._apart.cache_clear()


@pytest.fixture
def no_redis(settings: Settings) -> None:
    """A broker's address at which nobody listens."""
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"


@pytest.fixture
def silent_redis(settings: Settings) -> Iterator[None]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        yield
        limits._shared.cache_clear()


def test_each_answer_tells_what_is_left() -> None:
    client = keyed(10)

    answers = [client.get(PATH) for _ in range(3)]

    assert {answer["RateLimit-Policy"] for answer in answers} == {'"key";q=10;w=60'}
    left = [re.fullmatch(r'"key";r=(\d+);t=(\d+)', answer["RateLimit"]) for answer in answers]
    assert [found and found[1] for found in left] == ["9", "8", "7"]
    assert all(found and 1 <= int(found[2]) <= 60 for found in left)


def test_a_start_that_is_accepted_tells_it_too(flows: None) -> None:
    response = post(program(), "/runs", {"workflow": "line", "input": {"number": 1}})

    assert (response.status_code, response["RateLimit"][:5]) == (202, '"key"')


def test_above_its_limit_a_key_is_told_when_to_come_back(flows: None) -> None:
    client = keyed(2)
    start = {"workflow": "line", "input": {"number": 1}}

    answers = [post(client, "/runs", start) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    last = answers[-1]
    assert last.json()["code"] == "too-many-requests"
    assert 1 <= int(last["Retry-After"]) <= 60
    assert last["RateLimit"].startswith('"key";r=0;t=')
    assert Run.objects.count() == 2


def test_another_key_has_a_limit_of_its_own() -> None:
    first, second = keyed(1), keyed(1)

    answers = [client.get(PATH).status_code for client in (first, first, second)]

    assert answers == [404, 429, 404]


def test_all_processes_count_together() -> None:
    who = somebody(3)

    limits.take(who)
    in_another_process()
    limits.take(who)
    in_another_process()

    assert limits.take(who).left == 0
    in_another_process()
    assert limits.take(who).is_over


def test_the_tokens_of_one_run_have_a_limit_of_their_own() -> None:
    token = run_token.sign(uuid4())

    answer = Client(headers={"Authorization": f"Bearer {token}"}).get(PATH)

    assert answer["RateLimit-Policy"] == '"run";q=600;w=60'


# Without Redis


def test_runs_are_accepted_without_a_broker(flows: None, no_redis: None) -> None:
    began = time.monotonic()

    answers = [
        post(program(), "/runs", {"workflow": "line", "input": {"number": 1}}) for _ in range(5)
    ]

    assert [answer.status_code for answer in answers] == [202] * 5
    assert answers[0]["RateLimit"].startswith('"key";r=599')
    assert time.monotonic() - began < 3


def test_while_redis_is_away_this_process_counts(no_redis: None) -> None:
    who = somebody(2)

    assert [limits.take(who).is_over for _ in range(3)] == [False, False, True]


def test_a_redis_that_says_nothing_holds_one_request_up_for_an_instant(silent_redis: None) -> None:
    who = somebody(100)
    took = []

    for _ in range(20):
        began = time.monotonic()
        limits.take(who)
        took.append(time.monotonic() - began)

    assert max(took) < 1
    assert sum(took[1:]) < 0.2


def test_redis_is_asked_again_after_some_seconds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, who = settings.CELERY_BROKER_URL, somebody(100)
    limits.take(who)
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    limits.take(who)
    settings.CELERY_BROKER_URL = there

    while_away = limits.take(who).left
    monkeypatch.setattr(limits._Away, "until", time.monotonic())
    again = limits.take(who).left

    # Two were counted here, and two there.
    assert (while_away, again) == (98, 98)


# Guessing


def guess(client: Client, number: int, **more: Any) -> Any:
    return client.get(
        PATH, headers={"Authorization": f"Bearer aio_{number:08x}_{'a' * 43}"}, **more
    )


def test_who_guesses_is_told_to_wait_and_a_good_key_is_not(settings: Settings) -> None:
    settings.AIOPS_API_FAILURES_PER_MINUTE = 3
    guesser = Client()

    guesses = [guess(guesser, number) for number in range(5)]

    assert [answer.status_code for answer in guesses] == [401, 401, 401, 429, 429]
    assert guesses[-1].json()["code"] == "too-many-failures"
    assert int(guesses[-1]["Retry-After"]) >= 1
    assert guesses[0]["RateLimit-Policy"] == '"failures";q=3;w=60'
    # From the same address, as behind one company's gateway.
    assert keyed(10).get(PATH).status_code == 404


def test_another_address_may_err_for_itself(settings: Settings) -> None:
    settings.AIOPS_API_FAILURES_PER_MINUTE = 1

    first = [guess(Client(), 1, REMOTE_ADDR="192.0.2.1").status_code for _ in range(2)]
    other = guess(Client(), 1, REMOTE_ADDR="192.0.2.2").status_code

    assert (first, other) == ([401, 429], 401)


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("a socket", "unknown"),
    ],
)
def test_a_network_of_ipv6_counts_as_one_address(address: str, counted_as: str) -> None:
    assert limits.network(address) == counted_as
