"""One POST to a program outside: bounded in time and size, to an address that was judged."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

import httpcore2
import httpx2

from aiops.execution import addresses
from aiops.execution.addresses import Rules

#: How long a connection may take, and everything together: a receiver that answers a byte at a
#: time must not hold a worker.
CONNECT_S = 5.0
WHOLE_S = 15.0
#: So much of an answer is read.
MOST_READ = 16 * 1024
_CHUNK = 16 * 1024


class NotReached(Exception):
    """It was not answered, or not in time; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said."""

    status: int
    #: By lower-case name.
    headers: Mapping[str, str]
    #: The beginning of the body.
    body: bytes = b""

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300

    def told(self) -> str:
        """What a refusal means, in a sentence's words."""
        if 300 <= self.status < 400:
            return f"it answered {self.status}: redirects are not followed, name the final address"
        if self.status == httpx2.codes.GONE:
            return "it answered 410: it wants no more of these"
        return f"it answered {self.status}"


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    rules: Rules | None,
    whole_s: float = WHOLE_S,
) -> Answer:
    """POST once, without redirects and proxies; raises NotReached and Refused.

    Without rules any address is called: those that an administrator has written into the settings.
    """
    until = _Until(time.monotonic() + whole_s)
    target = addresses.target(url, rules)
    places = addresses.judged(target, rules, within_s=until.left(CONNECT_S))
    try:
        return _exchange(target.url, body, headers, _Straight(places, until))
    except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
        raise NotReached(_said(error)) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _exchange(
    url: httpx2.URL, body: bytes, headers: Mapping[str, str], network: _Straight
) -> Answer:
    timeout: dict[str, float] = dict.fromkeys(("connect", "read", "write", "pool"), WHOLE_S)
    with (
        httpcore2.ConnectionPool(ssl_context=tls(), network_backend=network, retries=0) as pool,
        pool.stream(
            "POST",
            # In parts: one parser decides what the host is.
            httpcore2.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=list(headers.items()),
            content=body,
            extensions={"timeout": timeout},
        ) as answer,
    ):
        found = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in answer.headers}
        return Answer(answer.status, found, _beginning(answer.iter_stream()))


def _beginning(chunks: Iterable[bytes]) -> bytes:
    found = b""
    for chunk in chunks:
        found += chunk
        if len(found) >= MOST_READ:
            break
    return found[:MOST_READ]


@lru_cache(maxsize=1)
def tls() -> ssl.SSLContext:
    """The certificates that this machine trusts."""
    return httpx2.create_ssl_context()


# The connection


@dataclass(frozen=True, slots=True)
class _Until:
    """The end of an exchange, whatever of it goes on."""

    at: float

    def left(self, most_s: float | None = None) -> float:
        """The seconds that are left, `most_s` at the most; raises when there are none."""
        left_s = self.at - time.monotonic()
        if left_s <= 0:
            raise httpcore2.ReadTimeout("it took too long as a whole")
        return left_s if most_s is None else min(left_s, most_s)


@dataclass(slots=True)
class _Straight(httpcore2.NetworkBackend):
    """Connects to addresses that were judged, whatever the name would resolve to by now.

    The name is still what the certificate is checked against, and what is asked for.
    """

    places: Sequence[str]
    until: _Until
    _plain: httpcore2.SyncBackend = field(default_factory=httpcore2.SyncBackend)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        connect_until = _Until(time.monotonic() + self.until.left(CONNECT_S))
        for place in self.places[:-1]:
            try:
                return self._connect(place, port, connect_until)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connect(self.places[-1], port, connect_until)

    def _connect(self, place: str, port: int, until: _Until) -> httpcore2.NetworkStream:
        left_s = until.left() / 2 if place != self.places[-1] else until.left()
        return _Timed(self._plain.connect_tcp(place, port, left_s), self.until)

    def connect_unix_socket(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError


@dataclass(slots=True)
class _Timed(httpcore2.NetworkStream):
    """A connection of which every single act ends with the exchange."""

    inner: httpcore2.NetworkStream
    until: _Until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.inner.read(max_bytes, self.until.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # By pieces: one that is taken slowly must not have the whole time again.
        for begin in range(0, len(buffer), _CHUNK):
            self.inner.write(buffer[begin : begin + _CHUNK], self.until.left(timeout))

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        secured = self.inner.start_tls(ssl_context, server_hostname, self.until.left(CONNECT_S))
        return _Timed(secured, self.until)

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)
