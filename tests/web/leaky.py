"""Views that break while they hold secrets: what is written down of them is looked through."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from typing import NoReturn

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

log = logging.getLogger("aiops.somebody")


def quoting(request: HttpRequest, token: str = "") -> NoReturn:
    """Raise what quotes all that the request holds."""
    secret = os.environ["PLANTED"]
    raise RuntimeError(f"cannot go on: {request.headers} {request.get_full_path()} {secret}")


def logging_it(request: HttpRequest) -> HttpResponse:
    """Write down what nobody should have written down."""
    secret = os.environ["PLANTED"]
    log.warning("asking with headers %s", dict(request.headers))
    log.warning("provider.asked authorization=%s address=%s", secret, secret)
    log.error("it says: %s", secret)
    log.error("asked with %r", [(b"cookie", request.headers.get("Cookie", "").encode())])
    try:
        quoting(request)
    except RuntimeError:
        log.exception("provider.failed path=%s", request.get_full_path())
    return HttpResponse("")


def breaking_off(request: HttpRequest) -> StreamingHttpResponse:
    """Break in the middle of an answer, where only the server notices."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"begun"
        quoting(request)

    return StreamingHttpResponse(pieces())


urlpatterns = [
    path("s/<str:token>/", quoting),
    path("logging/", logging_it),
    path("breaking/", breaking_off),
]
