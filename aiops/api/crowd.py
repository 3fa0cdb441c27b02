"""A bound on the requests that one web process answers at a time: above it, 429 at once.

Around Django, so that who is turned away costs no thread, no read of its body, no key and no query.
"""

from __future__ import annotations

import json
import logging
import time

from django.conf import settings

from aiops.api.problems import MEDIA_TYPE, body, of
from aiops.body_limit import App, Receive, Scope, Send

log = logging.getLogger(__name__)

_API = "/api/v1/"
#: Streams stay open for as long as somebody looks on; they are bounded for each key.
_STREAM = "/stream"
#: A crowd is one line of the log, not one for each request.
LOG_EVERY_S = 10.0
WAIT_S = 1


class Crowd:
    """An ASGI application around another one. It lives in one event loop, and needs no lock."""

    def __init__(self, app: App, *, most: int | None = None) -> None:
        self.app = app
        self.most = settings.AIOPS_API_IN_FLIGHT if most is None else most
        self.in_flight = 0
        self._turned_away = 0
        self._told_at = -LOG_EVERY_S

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_counted(scope):
            await self.app(scope, receive, send)
        elif self.in_flight >= self.most:
            self._tell()
            await turn_away(scope, send)
        else:
            self.in_flight += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.in_flight -= 1

    def _tell(self) -> None:
        self._turned_away += 1
        now = time.monotonic()
        if now - self._told_at >= LOG_EVERY_S:
            log.warning("api.crowded turned_away=%d most=%d", self._turned_away, self.most)
            self._turned_away, self._told_at = 0, now


def is_counted(scope: Scope) -> bool:
    """Whether it is a request to the API that ends by itself. Pure."""
    if scope["type"] != "http":
        return False
    path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")).rstrip("/"))
    return path.startswith(_API) and not path.rstrip("/").endswith(_STREAM)


async def turn_away(scope: Scope, send: Send) -> None:
    """Answer 429 without having looked at the request."""
    problem = of("crowded", wait_s=WAIT_S)
    told = json.dumps(body(problem, str(scope["path"]))).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(told)).encode()),
        (b"retry-after", str(WAIT_S).encode()),
        *_for_browsers(scope),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": told})


def _for_browsers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """What lets a page of an allowed origin read the answer: Django's middleware is not asked."""
    allowed = {origin.encode() for origin in settings.CORS_ALLOWED_ORIGINS}
    origin = dict(scope["headers"]).get(b"origin", b"")
    if origin not in allowed:
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", ", ".join(settings.CORS_EXPOSE_HEADERS).encode()),
        (b"vary", b"origin"),
    ]
