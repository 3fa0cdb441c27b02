"""A program outside that takes webhooks, or fails to as a test says: a real server on the loopback."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

#: How long something that hangs does so, unless the receiver ends.
HANGS_S = 30.0


@dataclass(frozen=True, slots=True)
class Got:
    """One request."""

    headers: dict[str, str]
    body: str
    path: str
    #: What was done with it: an HTTP status as a text, or the name of a fault.
    answered: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def is_taken(self) -> bool:
        return self.answered.startswith("2")


@dataclass
class Receiver:
    """Keeps whatever came. Its answers are a status, or "reset", "hang", "drip", "nothing"."""

    #: What the next requests are answered; 204 when there is nothing left.
    answers: list[str | int] = field(default_factory=list)
    #: Chooses an answer by the request's number, where there is nothing in `answers`.
    choose: Callable[[int], str | int] | None = None
    got: list[Got] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    says: bytes = b""
    #: The most requests that were here at once.
    most_at_once: int = 0
    _here: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ends: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Receiver:
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/a-secret-path"

    def taken(self) -> list[Got]:
        return [one for one in self.got if one.is_taken]

    def wait(self, seconds: float) -> bool:
        """Stand still until the receiver ends."""
        return self._ends.wait(seconds)

    def came(self) -> str | int:
        with self._lock:
            self._here += 1
            self.most_at_once = max(self.most_at_once, self._here)
            number = len(self.got)
            if self.answers:
                return self.answers.pop(0)
        return self.choose(number) if self.choose else 204

    def keep(self, one: Got) -> None:
        with self._lock:
            self.got.append(one)

    def went(self) -> None:
        with self._lock:
            self._here -= 1


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        answer = self.receiver.came()
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.keep(Got(headers, body, self.path, str(answer)))
        # Before the answer: who has it may send the next one at once.
        self.receiver.went()
        with suppress(ConnectionError):
            self._answer(answer)

    def _answer(self, answer: str | int) -> None:
        match answer:
            case "reset":
                # RST instead of FIN, as from a process that was killed.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                self.connection.close()
            case "hang":
                self.receiver.wait(HANGS_S)
                self.close_connection = True
            case "drip":
                self._drip()
            case "nothing":
                self.close_connection = True
            case _:
                self._say(int(answer))

    def _say(self, status: int) -> None:
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", self.receiver.url)
        for name, value in self.receiver.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.receiver.says)))
        self.end_headers()
        self.wfile.write(self.receiver.says)

    def _drip(self) -> None:
        """An answer that never ends, a byte at a time: each byte would start a plain timeout anew."""
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.receiver.wait(0.2):
            self.wfile.write(b".")
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
