"""The limits of a lane hold across processes, and its callers know what is left."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from aiops.providers import limits
from aiops.providers.breaker import Sign, Tally
from aiops.providers.lane import Limits
from aiops.providers.limits import Denied, Entry
from aiops.providers.limits_apart import Apart
from tests.execution.engine import COMMITS
from tests.providers.stub import Reply, Request, Stub, chat, error, running


@pytest.fixture
def name() -> str:
    return f"test/{uuid.uuid4().hex}"


def enter(name: str, most: Limits, tokens: int = 10) -> Entry | Denied:
    return limits.enter(name, most, tokens=tokens, lease_s=30)


def let_in(name: str, most: Limits, tokens: int = 10) -> Entry:
    found = enter(name, most, tokens)
    assert isinstance(found, Entry)
    return found


def denied(name: str, most: Limits, tokens: int = 10) -> Denied:
    found = enter(name, most, tokens)
    assert isinstance(found, Denied)
    return found


# One window


def test_requests_are_let_in_up_to_the_limit(name: str) -> None:
    most = Limits(requests_per_min=3)

    for _ in range(3):
        let_in(name, most)

    found = denied(name, most)
    assert found.what == "requests"
    assert 59 <= found.after_s <= 61.1


def test_tokens_are_reserved_and_corrected_by_what_was_used(name: str) -> None:
    most = Limits(tokens_per_min=100)
    first = let_in(name, most, 80)
    assert denied(name, most, 30).what == "tokens"

    limits.leave(name, first, "ok", tokens=15)

    let_in(name, most, 85)
    assert limits.look(name, most).tokens == 100


def test_a_call_of_which_nobody_knows_what_it_used_stays_counted(name: str) -> None:
    most = Limits(tokens_per_min=100)

    limits.leave(name, let_in(name, most, 80), "bad", tokens=None)

    assert limits.look(name, most).tokens == 80


def test_a_call_larger_than_the_whole_limit_goes_alone(name: str) -> None:
    most = Limits(tokens_per_min=100)

    let_in(name, most, 5_000)

    assert denied(name, most, 1).what == "tokens"


def test_calls_in_flight_are_limited_and_a_lost_one_is_given_back(name: str) -> None:
    most = Limits(concurrency=2)
    first = let_in(name, most)
    limits.enter(name, most, tokens=1, lease_s=-1)  # its worker was killed, its time is over
    let_in(name, most)
    assert denied(name, most).what == "concurrency"

    limits.leave(name, first, "ok", tokens=1)

    let_in(name, most)
    assert limits.look(name, most).in_flight == 2


def test_what_has_left_the_window_counts_no_more(name: str) -> None:
    most = Limits(requests_per_min=600, window_s=0.2)
    let_in(name, most)
    let_in(name, most)
    wait_s = denied(name, most).after_s
    assert wait_s < 0.3

    deadline = time.monotonic() + 5
    while isinstance(enter(name, most), Denied):
        assert time.monotonic() < deadline

    assert limits.look(name, most).requests <= 2


def test_lanes_do_not_share_their_limits(name: str) -> None:
    most = Limits(requests_per_min=1)
    let_in(name, most)

    let_in(f"{name}/other", most)


# How calls ended


def test_the_ends_of_calls_are_counted_across_workers(name: str) -> None:
    most = Limits()
    signs: tuple[Sign, ...] = ("ok", "bad", "bad", "none")
    for sign in signs:
        tally = limits.leave(name, let_in(name, most), sign, tokens=0)

    assert tally == Tally(ok=1, bad=2)


def test_strangers_are_counted_until_a_model_answers(name: str) -> None:
    def end(sign: Sign) -> int:
        return limits.leave(name, let_in(name, Limits()), sign, tokens=0).strangers

    assert [end("stranger"), end("bad"), end("stranger"), end("ok"), end("stranger")] == [
        *(1, 1, 2, 0, 1)
    ]


def test_a_lane_that_picks_up_again_forgets_what_was_before(name: str) -> None:
    limits.leave(name, let_in(name, Limits()), "bad", tokens=0)

    tally = limits.leave(name, let_in(name, Limits()), "ok", tokens=0, window_s=0)

    assert tally.bad == 0


# Without Redis


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers at the address of Redis."""
    from redis import Redis

    closed = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr(limits, "_script", closed.register_script)
    monkeypatch.setattr(limits._Away, "until", 0.0)
    monkeypatch.setattr(limits, "_apart", Apart(processes=lambda: 4))


@pytest.mark.usefixtures("no_redis")
def test_without_redis_each_process_keeps_to_its_part(name: str) -> None:
    most = Limits(requests_per_min=8, concurrency=40)

    entries = [let_in(name, most) for _ in range(2)]

    assert denied(name, most).what == "requests"
    assert all(entry.is_apart for entry in entries)
    assert limits.look(name, most).is_known is False


@pytest.mark.usefixtures("no_redis")
def test_without_redis_the_breaker_still_counts(name: str) -> None:
    for _ in range(3):
        tally = limits.leave(name, let_in(name, Limits()), "bad", tokens=0)

    assert tally == Tally(bad=3)


def test_the_window_of_a_single_process_moves_on() -> None:
    now = [0.0]
    alone = Apart(processes=lambda: 1, clock=lambda: now[0])
    most = Limits(tokens_per_min=100)

    assert alone.enter("a", most, "1", tokens=70, lease_s=9) == ""
    assert alone.enter("a", most, "2", tokens=70, lease_s=9) == "tokens"
    alone.leave("a", "1", "ok", -50, 60)
    assert alone.enter("a", most, "3", tokens=70, lease_s=9) == ""
    now[0] = 61
    assert alone.enter("a", most, "4", tokens=100, lease_s=9) == ""


# Six processes

TOKENS_PER_MIN, WINDOW_S, LASTS_S = 90_000, 6.0, 18.0


@contextmanager
def callers(stub: Stub, number: int, seconds: float, **limits_: float) -> Iterator[Any]:
    """Processes that call the stub all at once; yields a function that lets them begin."""
    entry = {"base_url": stub.url, "model": "m", "limits": limits_}
    database = connection.settings_dict
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
    env = {
        **os.environ,
        "DATABASE_URL": url,
        "LANE_CALLER_MODELS": json.dumps({"fast": entry}),
        "LOG_LEVEL": "ERROR",
    }
    argv = [sys.executable, "-m", "tests.providers.lane_caller", str(seconds)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(argv, env=env, **pipes) for _ in range(number)]  # type: ignore[call-overload]  # pipes

    def go() -> list[dict[str, Any]]:
        for process in started:
            assert process.stdout.readline() == "ready\n"
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        return [json.loads(process.communicate(timeout=100)[0]) for process in started]

    try:
        yield go
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.mark.slow
@COMMITS
def test_six_processes_never_pass_a_limit_of_tokens_and_use_nine_tenths_of_it() -> None:
    numbers = itertools.count()

    def answer(_: Request) -> Reply:
        used = 240 + next(numbers) % 37
        usage = {"prompt_tokens": 50, "completion_tokens": used - 50, "total_tokens": used}
        return chat("ok", usage=usage)

    with running() as stub:
        stub.script = answer
        most = {"tokens_per_min": TOKENS_PER_MIN, "window_s": WINDOW_S}
        with callers(stub, 6, LASTS_S, **most) as go:
            found = go()

    calls = [call for one in found for call in one["answered"]]
    per_window = TOKENS_PER_MIN * WINDOW_S / 60
    begin = min(made_at for made_at, _, _ in calls)
    total = sum(used for _, let_in_at, used in calls if let_in_at < begin + LASTS_S)
    # A call was let in between two moments: what lies wholly within a window was let in within it.
    most_seen = max(
        sum(used for made, let_in, used in calls if made >= start and let_in <= start + WINDOW_S)
        for start, _, _ in calls
    )
    assert all(one["answered"] for one in found)
    assert most_seen <= per_window
    assert total >= 0.9 * per_window * LASTS_S / WINDOW_S


@pytest.mark.slow
@COMMITS
def test_a_spent_quota_stops_the_lane_after_one_request_of_each_process_at_most() -> None:
    with running() as stub:
        stub.answer(error(429, "insufficient_quota", "You exceeded your current quota"))
        with callers(stub, 6, 2.0) as go:
            found = go()

        assert 1 <= len(stub.requests) <= 6
        assert sum(one["refused"] for one in found) > len(stub.requests)
