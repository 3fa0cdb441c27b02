"""What a request may send: more than that, or too slowly, and it is refused before anybody has read it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
#: Whatever it calls the three.
App = Callable[..., Awaitable[None]]

#: What stands around a run's input in a request that starts it.
ENVELOPE_BYTES = 64 * 1024

_GONE: Message = {"type": "http.disconnect"}


class Refused(Exception):
    """The body is not read any further."""

    def __init__(self, status: int, code: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.title, self.detail = status, code, title, detail


class BodyLimit:
    """An ASGI application in front of another.

    Django itself reads a body to its end, to memory and then to a file, before it asks how long it was.
    """

    def __init__(self, app: App, *, most_bytes: int, most_s: float) -> None:
        self._app, self._most_bytes, self._most_s = app, most_bytes, most_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if (declared_bytes(scope["headers"]) or 0) > self._most_bytes:
            return await _tell(self._too_large(), scope, send)
        body = _Body(receive, self._most_bytes, self._most_s)
        await self._app(scope, body.receive, _unless(body, send))
        if body.is_too_long:
            await _tell(self._too_large(), scope, send)
        elif body.is_too_slow:
            await _tell(self._too_slow(), scope, send)
        return None

    def _too_large(self) -> Refused:
        return Refused(
            413,
            "too-large",
            "The request is too large",
            f"At most {self._most_bytes:,} bytes are taken. Store what is large elsewhere, and send its address.",
        )

    def _too_slow(self) -> Refused:
        return Refused(
            408,
            "too-slow",
            "The request did not arrive in time",
            f"It had not come to its end after {self._most_s:g} seconds. Send it again.",
        )


class _Body:
    """The body of one request, counted and timed until it is complete."""

    def __init__(self, receive: Receive, most_bytes: int, most_s: float) -> None:
        self._receive, self._left, self._most_s = receive, most_bytes, most_s
        self._until: float | None = None
        self._is_complete = self.is_too_long = self.is_too_slow = False

    @property
    def is_refused(self) -> bool:
        return self.is_too_long or self.is_too_slow

    async def receive(self) -> Message:
        """The next piece; once refused, as if the client had gone: nobody goes on with what is cut off."""
        if self._is_complete:
            return await self._receive()
        if self.is_refused:
            return _GONE
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._most_s
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            self.is_too_slow = True
            return _GONE
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self._is_complete = not message.get("more_body", False)
        if self._left < 0:
            self._is_complete, self.is_too_long = False, True
            return _GONE
        return message


def declared_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """What Content-Length says; None when it says nothing that can be read. Pure."""
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            # Python does not read a number of thousands of digits; it is too large anyway.
            return int(value[:20])
    return None


def _unless(body: _Body, send: Send) -> Send:
    """Nothing is answered beside the refusal."""

    async def guarded(message: Message) -> None:
        if not body.is_refused:
            await send(message)

    return guarded


async def _tell(refused: Refused, scope: Scope, send: Send) -> None:
    text = json.dumps(
        {
            "type": f"/api/v1/problems#{refused.code}",
            "title": refused.title,
            "status": refused.status,
            "detail": refused.detail,
            "instance": scope["path"],
            "code": refused.code,
        }
    ).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
        # What is still on its way is not read.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
