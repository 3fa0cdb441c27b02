"""What can go wrong: the server says no, or it cannot be reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

#: Answers that a later try may change: no room, an outage, a proxy that does not reach the server.
_PASSING = frozenset({429, 502, 503, 504})


class Problem(Exception):
    """The server refused a request. The message says what is wrong and what to do (RFC 9457)."""

    def __init__(self, status: int, body: Mapping[str, Any], wait_s: float | None = None) -> None:
        self.status = status
        #: A short word that never changes: "scope-missing", "not-found", ...
        self.code = str(body.get("code", ""))
        self.title = str(body.get("title", "")) or f"The server answered {status}"
        self.detail = str(body.get("detail", ""))
        #: Everything that the server said.
        self.body = body
        #: When to ask again, if the server said so.
        self.wait_s = wait_s
        super().__init__(f"{self.title}: {self.detail}" if self.detail else self.title)

    @property
    def passes(self) -> bool:
        """Whether the same request may be taken later."""
        return self.status in _PASSING


class Unreachable(Exception):
    """The server did not answer in the time that the client waits. What was sent may have arrived."""


def of(response: httpx2.Response) -> Problem:
    """The problem that a response tells; its body has been read."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    said = response.headers.get("Retry-After", "")
    wait_s = float(said) if said.isdigit() else None
    return Problem(response.status_code, body if isinstance(body, dict) else {}, wait_s)
