"""The hub: one look and one reading of a view for all, the newest news only, and nothing left behind."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import InterfaceError
from pytest_django.fixtures import Settings

from aiops.access.caller import Caller
from aiops.api import hub as hubs
from aiops.api.hub import Hub, Reader, RunGone, Watched
from aiops.api.problems import Problem
from aiops.api.seats import OF_A_TOKEN, Limit, Seats, limit_of
from aiops.api.sse import News
from aiops.execution.pulse import KEPT_S
from tests.execution.engine import Engine

RUN = UUID(int=1)


@pytest.fixture(autouse=True)
def quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AIOPS_STREAM_POLL_S = 0.05
    monkeypatch.setattr(hubs, "LINGER_S", 0.1)


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    """A record of one run that is asked without a database."""
    made = Record()
    monkeypatch.setattr(hubs, "pulses", made.pulses)
    monkeypatch.setattr(hubs, "user_view", made.user_view)
    return made


class Record:
    """What the hub asks, and how often it did."""

    def __init__(self) -> None:
        self.pulse: str | None = "1"
        self.looks = self.readings = 0
        self.error: Exception | None = None

    def pulses(self, run_ids: set[UUID]) -> dict[UUID, str]:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return {} if self.pulse is None else dict.fromkeys(run_ids, self.pulse)

    def user_view(self, run_id: UUID, *, language: str) -> dict[str, Any]:
        self.readings += 1
        if self.pulse == "broken":
            raise ValueError("a view that cannot be made")
        return {"is_final": False, "told": self.pulse, "language": language}


def following(act: Callable[[Hub], Awaitable[None]]) -> None:
    """Run something with a hub, and let the hub come to its end."""

    async def whole() -> None:
        hub = hubs.here()
        await act(hub)
        async with asyncio.timeout(5):
            while hub._task is not None:
                await asyncio.sleep(0.02)

    asyncio.run(whole())


async def told(reader: Reader) -> str:
    news = await reader.next(5)
    assert news is not None
    return str(news.view["told"])


def threads() -> int:
    return sum(thread.name.startswith("streams") for thread in threading.enumerate())


def test_all_who_follow_a_run_share_one_reading_of_its_view(record: Record) -> None:
    async def act(hub: Hub) -> None:
        readers = [hub.join(RUN, "en") for _ in range(50)]
        assert {await told(reader) for reader in readers} == {"1"}
        assert record.readings == 1

        record.pulse = "2"
        assert {await told(reader) for reader in readers} == {"2"}
        assert record.readings == 2
        late = hub.join(RUN, "en")
        assert await told(late) == "2"
        assert record.readings == 2
        for reader in [*readers, late]:
            hub.leave(RUN, "en", reader)

    following(act)


def test_each_language_is_read_for_itself(record: Record) -> None:
    async def act(hub: Hub) -> None:
        for language in ("en", "de"):
            reader = hub.join(RUN, language)
            news = await reader.next(5)
            assert news is not None
            assert news.view["language"] == language
            hub.leave(RUN, language, reader)

    following(act)


def test_a_slow_reader_gets_the_newest_news_only(record: Record) -> None:
    async def act(hub: Hub) -> None:
        slow, quick = hub.join(RUN, "en"), hub.join(RUN, "en")
        for pulse in ("1", "2", "3"):
            record.pulse = pulse
            while await told(quick) != pulse:
                pass

        assert await told(slow) == "3"
        assert await slow.next(0.01) is None
        hub.leave(RUN, "en", slow)
        hub.leave(RUN, "en", quick)

    following(act)


def test_nothing_is_left_when_the_last_has_gone(record: Record) -> None:
    async def act(hub: Hub) -> None:
        reader = hub.join(RUN, "en")
        await told(reader)
        assert threads() == hubs.THREADS
        hub.leave(RUN, "en", reader)

    following(act)
    until = time.monotonic() + 5
    while threads() and time.monotonic() < until:
        time.sleep(0.01)
    looks = record.looks

    assert threads() == 0
    time.sleep(0.2)
    assert record.looks == looks


def test_it_begins_again_with_the_next_stream(record: Record) -> None:
    async def act(hub: Hub) -> None:
        for _ in range(2):
            reader = hub.join(RUN, "en")
            assert await told(reader) == "1"
            hub.leave(RUN, "en", reader)
            while hub._task is not None:
                await asyncio.sleep(0.02)

    following(act)


@pytest.mark.parametrize("error", [InterfaceError("away"), ValueError("a fault of ours")])
def test_streams_catch_up_after_an_error(record: Record, error: Exception) -> None:
    async def act(hub: Hub) -> None:
        reader = hub.join(RUN, "en")
        await told(reader)
        record.error, record.pulse = error, "2"
        looks = record.looks
        while record.looks < looks + 2:
            await asyncio.sleep(0.02)
        assert hub.is_away is isinstance(error, InterfaceError)

        record.error = None
        assert await told(reader) == "2"
        assert not hub.is_away
        hub.leave(RUN, "en", reader)

    following(act)


def test_a_run_that_is_gone_is_said_to_be(record: Record) -> None:
    async def act(hub: Hub) -> None:
        reader = hub.join(RUN, "en")
        await told(reader)
        record.pulse = None
        with pytest.raises(RunGone):
            await reader.next(5)
        hub.leave(RUN, "en", reader)

    following(act)


def test_a_view_that_cannot_be_read_is_not_asked_for_again_and_again(record: Record) -> None:
    async def act(hub: Hub) -> None:
        record.pulse = "broken"
        reader = hub.join(RUN, "en")
        while record.looks < 5:
            await asyncio.sleep(0.02)
        assert record.readings == 1
        hub.leave(RUN, "en", reader)

    following(act)


def test_time_makes_the_view_of_an_open_run_old_and_never_that_of_the_end() -> None:
    open_, ended = Watched(RUN, "en"), Watched(RUN, "en")
    open_.news = News("1", {"is_final": False})
    ended.news = News("end-1", {"is_final": True})

    assert (open_.is_old(KEPT_S - 1), open_.is_old(KEPT_S + 1)) == (False, True)
    assert not ended.is_old(KEPT_S + 1)


@pytest.mark.django_db(transaction=True, available_apps=["aiops"])
def test_the_threads_read_the_real_record_and_close_their_connections(engine: Engine) -> None:
    run = engine.start("line", input={"number": 1})

    async def act(hub: Hub) -> None:
        reader = hub.join(run.id, "en")
        first = await reader.next(5)
        assert first is not None
        assert (first.view["run_id"], first.view["state"]) == (str(run.id), "queued")
        hub.leave(run.id, "en", reader)

    following(act)
    until = time.monotonic() + 5
    while threads() and time.monotonic() < until:
        time.sleep(0.01)

    assert threads() == 0


def caller(**fields: Any) -> Caller:
    return Caller(actor="x", tenant="", scopes=frozenset(), **fields)


def test_each_key_has_a_limit_of_its_own_and_each_token_too() -> None:
    key = limit_of(caller(key_id=UUID(int=2), streams=7), "aio_x_y")
    token = limit_of(caller(run_id=RUN), "secret")

    assert (key.most, token.most) == (7, OF_A_TOKEN)
    assert token.whose != limit_of(caller(run_id=RUN), "another").whose
    assert "secret" not in token.whose


def test_a_process_has_a_limit_for_all(settings: Settings) -> None:
    settings.AIOPS_STREAMS = 2
    seats = Seats()
    for name in ("a", "b"):
        seats.take(Limit(name, 10))

    with pytest.raises(Problem) as refused:
        seats.take(Limit("c", 10))
    seats.give_back("a")
    seats.take(Limit("c", 10))

    assert (refused.value.status, refused.value.wait_s) == (429, 30)
    assert seats.total == 2
