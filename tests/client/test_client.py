"""The client package, at a real web process and, for what a good server never does, at a small one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest

from aiops.access import keys
from aiops.execution.cancel import cancel
from aiops.models import Run, Scope
from aiops.servers.running import free_port
from aiops_client import Client, Problem, Unreachable
from tests.api.web import serving

#: What a small server answers: its status, its headers and its body.
Answer = tuple[int, dict[str, str], Any]
TAKEN: Answer = (202, {}, {"run_id": "r-1", "is_new": True})


@contextmanager
def small_server(answer: Callable[[int, str, Any], Answer]) -> Iterator[str]:
    """A server that answers what a function of (number of the request, path, body) says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.asked.append(body)  # type: ignore[attr-defined]  # its own list
            number = len(self.server.asked)  # type: ignore[attr-defined]
            status, headers, told = answer(number, self.path, body)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("flows", "no_session_left")
def test_a_program_starts_a_run_once_and_reads_what_its_user_is_told(tmp_path: Path) -> None:
    _, key = keys.make("tests", scopes=[Scope.START])

    with serving(tmp_path, strict=False) as web, Client(web.base, key) as ai:
        first = ai.start("line", {"number": 1}, key="one")
        second = ai.start("line", {"number": 1}, key="one")
        seen = ai.run(first.id).status()
        with pytest.raises(Problem, match="no_such_workflow") as refused:
            ai.start("no_such_workflow", {})

    assert (first.is_new, second.is_new, first.id) == (True, False, second.id)
    assert (seen.state, seen.headline, seen.is_final) == ("queued", "In line", False)
    assert not refused.value.passes
    assert Run.objects.count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("flows", "no_session_left")
def test_a_run_is_followed_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    _, key = keys.make("tests", scopes=[Scope.START])
    seen = []

    with serving(tmp_path, strict=False) as web, Client(web.base, key) as ai:
        run = ai.start("line", {"number": 1})
        for status in run.follow():
            seen.append((status.state, status.is_final))
            cancel(UUID(run.id), reason="enough", actor="ann", now=True)

    assert seen == [("queued", False), ("cancelled", True)]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param((429, {"Retry-After": "0"}, {"code": "too-many"}), id="no room"),
        pytest.param((503, {}, {"code": "away"}), id="outage"),
        pytest.param((0, {}, None), id="the connection breaks"),
    ],
)
def test_a_start_that_did_not_get_through_is_sent_again_under_the_same_key(first: Answer) -> None:
    asked: list[Any] = []

    def answer(number: int, path: str, body: Any) -> Answer:
        asked.append(body["key"])
        return first if number == 1 else TAKEN

    with small_server(answer) as server, Client(server, "k") as ai:
        run = ai.start("line", {})

    assert run.id == "r-1"
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_what_would_be_refused_again_is_told_at_once() -> None:
    problem = {"code": "scope-missing", "title": "No", "detail": "Make another key."}

    with (
        small_server(lambda *_: (403, {}, problem)) as server,
        Client(server, "k") as ai,
        pytest.raises(Problem, match=r"No: Make another key\.") as refused,
    ):
        ai.start("line", {})

    assert (refused.value.code, refused.value.passes) == ("scope-missing", False)


def test_an_answer_that_is_no_problem_document_is_a_problem_all_the_same() -> None:
    with (
        small_server(lambda *_: (502, {}, "Bad gateway")) as server,
        Client(server, "k", patience_s=0) as ai,
        pytest.raises(Problem, match="The server answered 502"),
    ):
        ai.start("line", {})


def test_a_server_that_is_away_is_unreachable_once_patience_is_over() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"

    with Client(nowhere, "k", patience_s=0.5) as ai, pytest.raises(Unreachable):
        ai.start("line", {})
