"""The client: one key, one server, a handful of calls."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx2

from aiops_client.problem import Unreachable, of
from aiops_client.run import Run


class Client:
    """Talks to a server with an API key. Use one for the whole program: it keeps connections open.

    A request that the server has no room for, or that did not get through, is sent again for
    `patience_s` seconds. Starts carry a key, so that a repeated one never makes a second run.
    """

    def __init__(
        self,
        server: str,
        key: str,
        *,
        patience_s: float = 30.0,
        timeout_s: float = 10.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.root = f"{server.rstrip('/')}/api/v1"
        self.patience_s = patience_s
        self.http = httpx2.Client(
            headers={"Authorization": f"Bearer {key}", "User-Agent": "aiops-client"},
            timeout=timeout_s,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.http.close()

    def start(
        self, workflow: str, input: Mapping[str, Any], *, key: str | None = None, **options: Any
    ) -> Run:
        """Start a run; accepted means durable.

        key: the caller's name for this piece of work: one key is one run, however often it is sent.
        Without one, the client makes one up for this call. `options` are the fields of the API:
        tenant, title, priority, deadline_at, metadata, if_exists, notify_email.
        Raises a Problem that says what to change.
        """
        body = {"workflow": workflow, "input": input, "key": key or str(uuid.uuid4()), **options}
        answer = self.post("/runs", body)
        links = answer.get("links") or {}
        return Run(
            self,
            str(answer["run_id"]),
            is_new=bool(answer.get("is_new")),
            page=str(links.get("page", "")),
        )

    def run(self, run_id: str) -> Run:
        """A run whose id is known. Asks nothing yet."""
        return Run(self, run_id)

    def send_event(
        self,
        type: str,
        data: Mapping[str, Any],
        *,
        id: str,
        source: str,
        subject: str = "",
        **attributes: str,
    ) -> dict[str, Any]:
        """Send a CloudEvent (scope events). The same source and id a second time changes nothing."""
        event = {"specversion": "1.0", "type": type, "id": id, "source": source, "data": data}
        subjects = {"subject": subject} if subject else {}
        return self.post(
            "/events", {**event, **subjects, **attributes}, "application/cloudevents+json"
        )

    def get(self, path: str) -> dict[str, Any]:
        """GET a path below /api/v1. Raises Problem or Unreachable."""
        return self._ask(self.http.build_request("GET", self.root + path))

    def post(
        self, path: str, body: Mapping[str, Any], content_type: str = "application/json"
    ) -> dict[str, Any]:
        """POST JSON to a path below /api/v1; repeated, it is done once. Raises Problem or Unreachable."""
        headers = {"Content-Type": content_type}
        if "key" not in body:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        made = self.http.build_request("POST", self.root + path, json=dict(body), headers=headers)
        return self._ask(made)

    def _ask(self, request: httpx2.Request) -> dict[str, Any]:
        ends = time.monotonic() + self.patience_s
        pause_s = 0.2
        while True:
            refused: Exception
            try:
                response = self.http.send(request)
                if response.is_success:
                    found: dict[str, Any] = response.json()
                    return found
                problem = of(response)
                if not problem.passes:
                    raise problem
                refused, pause_s = problem, problem.wait_s or pause_s
            except httpx2.TransportError as error:
                refused = Unreachable(f"{request.url.host} did not answer: {error}")
            if time.monotonic() + pause_s > ends:
                raise refused
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 5.0)
