"""An OpenAI-compatible server on the loopback that answers as it is told: real HTTP, real faults."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. `fault` breaks it on the way: see the handler."""

    status: int = 200
    body: str = ""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    #: "", "hang" (never answers), "close" (closes after the request), "cut" (half of the body)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What the client sent."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Script = Callable[[Request], Reply]


def chat(text: str, *, finish_reason: str | None = "stop", **more: Any) -> Reply:
    """A well-formed chat completion."""
    choice = {
        "index": 0,
        "finish_reason": finish_reason,
        "message": {"role": "assistant", "content": text},
    }
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub-2026",
        "choices": [choice],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        **more,
    }
    return Reply(body=json.dumps(answer))


def vectors(*rows: list[float]) -> Reply:
    """A well-formed embeddings answer."""
    data = [{"object": "embedding", "index": n, "embedding": row} for n, row in enumerate(rows)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return Reply(
        body=json.dumps({"object": "list", "data": data, "model": "stub-e", "usage": usage})
    )


def error(status: int, code: str = "", message: str = "as told", **headers: str) -> Reply:
    """An error in OpenAI's shape; header names are given with underscores."""
    body = json.dumps({"error": {"code": code, "type": code, "message": message}})
    return Reply(status, body, headers={k.replace("_", "-"): v for k, v in headers.items()})


class Stub:
    """The server: tell it what to answer, and read what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Request] = []
        self.script: Script = lambda _request: chat("hello")
        self.released = threading.Event()

    def answer(self, reply: Reply) -> None:
        self.script = lambda _request: reply


@contextmanager
def running() -> Iterator[Stub]:
    """Serve on a free port for the length of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    stub = Stub(f"http://127.0.0.1:{server.server_port}/v1")
    server.stub = stub  # type: ignore[attr-defined]  # the handler finds it there
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stub
    finally:
        stub.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Handler(BaseHTTPRequestHandler):
    # 1.0: one request a connection, so that no idle connection outlives a test.
    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        stub: Stub = self.server.stub  # type: ignore[attr-defined]
        length = int(self.headers["Content-Length"])
        sent = json.loads(self.rfile.read(length))
        request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, sent)
        stub.requests.append(request)
        self._send(stub.script(request), stub)

    def _send(self, reply: Reply, stub: Stub) -> None:
        match reply.fault:
            case "hang":
                stub.released.wait(10)
                return
            case "close":
                return
        raw = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw[: len(raw) // 2] if reply.fault == "cut" else raw)

    def log_message(self, format: str, *args: object) -> None:
        return None
