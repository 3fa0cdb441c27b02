"""One run on the server, for who has started it or knows its id."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx2

from aiops_client.problem import Problem, Unreachable, of
from aiops_client.status import Status

if TYPE_CHECKING:
    from aiops_client.client import Client

#: The first look comes after this; later ones after longer, up to the second.
_LOOK_S, _LOOK_MOST_S = 0.5, 10.0
#: A stream says something at least this often; longer silence means that it is cut.
_SILENCE_S = 45.0


class Run:
    """A handle: it holds an id, and asks the server each time."""

    def __init__(
        self, client: Client, run_id: str, *, is_new: bool = False, page: str = ""
    ) -> None:
        self._client = client
        self.id = run_id
        #: False when the key had a run already.
        self.is_new = is_new
        #: The page to show to the user who waits; "" when it was not asked for.
        self.page = page

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    def status(self) -> Status:
        """What the user is told now."""
        return Status.of(self._client.get(f"/runs/{self.id}/status"))

    def answers(self) -> dict[str, Any]:
        """The five answers, for operators (scope read)."""
        return self._client.get(f"/runs/{self.id}")

    def result(self) -> Any:
        """What the run has produced (scope content). Raises a Problem until it has ended."""
        return self._client.get(f"/runs/{self.id}/result")["result"]

    def cancel(self, reason: str = "") -> None:
        """Ask it to stop. What is done is kept."""
        self._client.post(f"/runs/{self.id}/cancel", {"reason": reason})

    def retry(self, reason: str = "") -> None:
        """Try again what has failed; a Problem tells where that would not be safe (scope operate)."""
        self._client.post(f"/runs/{self.id}/retry", {"reason": reason})

    def wait(self, timeout_s: float | None = None) -> Status:
        """Ask until it has ended, ever more seldom. Raises TimeoutError; the run goes on."""
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        look_s = _LOOK_S
        while not (seen := self.status()).is_final:
            left_s = look_s if ends is None else ends - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(
                    f"run {self.id} has not ended in {timeout_s:g} s: {seen.headline}"
                )
            time.sleep(min(look_s, left_s))
            look_s = min(look_s * 1.3, _LOOK_MOST_S)
        return seen

    def follow(self) -> Iterator[Status]:
        """Yield what the user is told now, and again whenever it changes, until the run has ended.

        A stream that breaks is opened again where it was.
        """
        last = ""
        while True:
            try:
                for event in self._events(last):
                    last = event.id or last
                    if event.event == "end":
                        return
                    if event.event == "status":
                        yield (seen := Status.of(_object(event)))
                        if seen.is_final:
                            return
            except (httpx2.TransportError, Unreachable):
                pass
            except Problem as problem:
                if not problem.passes:
                    raise
                time.sleep(problem.wait_s or 0)
            time.sleep(_LOOK_S)

    def _events(self, last: str) -> Iterator[httpx2.ServerSentEvent]:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        timeout = httpx2.Timeout(10.0, read=_SILENCE_S)
        path = f"{self._client.root}/runs/{self.id}/stream"
        with self._client.http.stream("GET", path, headers=headers, timeout=timeout) as response:
            if response.status_code != httpx2.codes.OK:
                response.read()
                raise of(response)
            yield from httpx2.EventSource(response)


def _object(event: httpx2.ServerSentEvent) -> dict[str, Any]:
    found = event.json()
    if not isinstance(found, dict):
        raise Unreachable("the stream said something that is no status")
    return found
