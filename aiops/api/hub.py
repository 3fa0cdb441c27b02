"""The hub: asks once for all streams of a process what is new, and hands it to who waits for it."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from aiops.api import goodbye
from aiops.api.own_threads import SOON, OwnThreads
from aiops.api.sse import News
from aiops.execution.pulse import KEPT_S, pulses
from aiops.execution.user_view import user_view
from aiops.models import Run

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Threads that ask the database, and so connections of all streams of a process.
THREADS = 3
#: How long they stay when the last stream has gone.
LINGER_S = 5.0
#: A view that took a second to read is not read again for this many seconds.
PATIENCE = 5.0
#: Views that are only old, and read again in one look; those that changed are always read.
MOST_REFRESHED = 10
#: Streams that begin together are looked at together.
TOGETHER_S = 0.02
#: While the database is away it is asked less often, up to this.
MOST_AWAY_S = 10.0

#: What a process has open besides its streams.
OTHER_FILES = 1_000


class RunGone(Exception):
    """The run was deleted: its time was over."""


class ProcessEnds(Exception):
    """This process is asked to end: another will tell the rest."""


class Reader:
    """What one stream has yet to tell: the newest news only, however slow its client is."""

    def __init__(self) -> None:
        self._newest: News | Exception | None = None
        self._something = asyncio.Event()

    def hand(self, newest: News | Exception) -> None:
        """Hand over news, or why there will be none."""
        self._newest = newest
        self._something.set()

    async def next(self, within_s: float) -> News | None:
        """The newest news; None when there are none in this time. Raises RunGone, ProcessEnds."""
        try:
            async with asyncio.timeout(within_s):
                await self._something.wait()
        except TimeoutError:
            return None
        self._something.clear()
        if isinstance(self._newest, Exception):
            raise self._newest
        return self._newest


@dataclass(slots=True, eq=False)
class Watched:
    """A run that somebody follows, in one language."""

    run_id: UUID
    language: str
    readers: set[Reader] = field(default_factory=set)
    news: News | None = None
    #: When its view was read, and before when it is not read again.
    read_at: float = 0.0
    not_before: float = 0.0
    is_being_read: bool = False

    def is_new(self, pulse: str) -> bool:
        return self.news is None or self.news.pulse != pulse

    def is_old(self, now: float) -> bool:
        """Whether time alone may have changed its view. That of an ended run stays."""
        return self.news is not None and not self.news.is_final and now - self.read_at > KEPT_S

    def may_be_read(self, now: float) -> bool:
        return not self.is_being_read and now >= self.not_before


class Hub:
    """One for each event loop. Its task and threads begin with the first stream."""

    def __init__(self) -> None:
        self._watched: dict[tuple[UUID, str], Watched] = {}
        self._threads: OwnThreads | None = None
        self._task: asyncio.Task[None] | None = None
        self._reading: set[asyncio.Task[None]] = set()
        self._newcomer = asyncio.Event()
        self._used_at = 0.0
        self._ends = False
        #: Whether the database did not answer when it was asked last.
        self.is_away = False

    async def ask(self, act: Callable[..., T], *given: Any) -> T:
        """Ask the database for a stream that is about to begin."""
        return await self._start().ask(act, *given)

    def join(self, run_id: UUID, language: str) -> Reader:
        """Follow a run. What is known of it is there at once, the rest comes as it happens."""
        self._start()
        key = run_id, language
        watched = self._watched.setdefault(key, Watched(*key))
        reader = Reader()
        watched.readers.add(reader)
        if self._ends:
            reader.hand(ProcessEnds())
        elif watched.news is not None:
            reader.hand(watched.news)
        else:
            self._newcomer.set()
        return reader

    def end(self) -> None:
        """Let every stream end now: the process is asked to."""
        self._ends = True
        for watched in self._watched.values():
            _hand(watched.readers, ProcessEnds())

    def leave(self, run_id: UUID, language: str, reader: Reader) -> None:
        watched = self._watched.get((run_id, language))
        if watched is None:
            return
        watched.readers.discard(reader)
        if not watched.readers:
            del self._watched[run_id, language]

    def _start(self) -> OwnThreads:
        self._used_at = time.monotonic()
        if self._threads is None:
            allow_files()
            self._threads = OwnThreads(THREADS, "streams")
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="streams")
        return self._threads

    async def _watch(self) -> None:
        """Look about once a second, until nobody has been there for a while."""
        forget = goodbye.hear(self.end)
        try:
            while self._watched or time.monotonic() - self._used_at < LINGER_S:
                await self._try_to_look(list(self._watched.values()))
                await self._wait()
        finally:
            forget()
            for reading in self._reading:
                reading.cancel()
            if self._threads is not None:
                self._threads.stop()
            self._threads = self._task = None

    async def _wait(self) -> None:
        """Wait for the next look; who comes meanwhile is looked after at once."""
        pause_s = settings.AIOPS_STREAM_POLL_S
        if self.is_away:
            pause_s = min(MOST_AWAY_S, 2 * pause_s)
        until = time.monotonic() + pause_s
        while (left_s := until - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._newcomer.wait()
            except TimeoutError:
                return
            await asyncio.sleep(TOGETHER_S)
            self._newcomer.clear()
            await self._try_to_look([w for w in self._watched.values() if w.news is None])

    async def _try_to_look(self, watched: list[Watched]) -> None:
        """Nothing that goes wrong in a look ends the next one."""
        try:
            await self._look([one for one in watched if not one.is_being_read])
        except (DatabaseError, InterfaceError) as error:
            self._note_away(error)
        except Exception:
            log.exception("streams.look_failed")

    async def _look(self, watched: list[Watched]) -> None:
        if not watched:
            return
        found = await self._asked().ask(pulses, {one.run_id for one in watched})
        self._note_back()
        now = time.monotonic()
        refreshed = 0
        for one in sorted(watched, key=lambda one: one.read_at):
            pulse = found.get(one.run_id)
            if pulse is None:
                _hand(one.readers, RunGone())
            elif not one.may_be_read(now):
                continue
            elif one.is_new(pulse):
                self._read(one, pulse)
            elif one.is_old(now) and refreshed < MOST_REFRESHED:
                refreshed += 1
                self._read(one, pulse)

    def _read(self, watched: Watched, pulse: str) -> None:
        watched.is_being_read = True
        reading = asyncio.create_task(self._tell(watched, pulse), name="streams.read")
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)

    async def _tell(self, watched: Watched, pulse: str) -> None:
        """Read a view once, for all who follow the run."""
        try:
            view, took_s = await self._asked().ask(
                _timed_view, watched.run_id, watched.language, when=SOON
            )
        except (DatabaseError, InterfaceError) as error:
            self._note_away(error)
        except Run.DoesNotExist:
            _hand(watched.readers, RunGone())
        except Exception:
            # This run cannot be told of; the others can.
            watched.not_before = time.monotonic() + PATIENCE
            log.exception("streams.view_failed run=%s", watched.run_id)
        else:
            watched.news = News(pulse, view)
            watched.read_at = time.monotonic()
            watched.not_before = watched.read_at + PATIENCE * took_s
            _hand(watched.readers, watched.news)
        finally:
            watched.is_being_read = False

    def _asked(self) -> OwnThreads:
        if self._threads is None:
            self._threads = OwnThreads(THREADS, "streams")
        return self._threads

    def _note_away(self, error: Exception) -> None:
        if not self.is_away:
            log.warning("streams.database_away error=%s", error)
        self.is_away = True

    def _note_back(self) -> None:
        if self.is_away:
            log.info("streams.database_back")
        self.is_away = False


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def here() -> Hub:
    """The hub of the running event loop: the one of a web process."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


def allow_files() -> None:
    """Let this process open a file for every stream, as far as its hard limit goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.AIOPS_STREAMS + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _timed_view(run_id: UUID, language: str) -> tuple[dict[str, Any], float]:
    began = time.monotonic()
    return user_view(run_id, language=language), time.monotonic() - began


def _hand(readers: Iterable[Reader], news: News | Exception) -> None:
    for reader in readers:
        reader.hand(news)
