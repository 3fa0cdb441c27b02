"""A real server in a thread, and a client that says what no library would."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def served(app: Any) -> Iterator[int]:
    """Serve an ASGI application as the Procfile does; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="h11", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


class Raw:
    """A connection that sends bytes as they are given."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.sent_bytes = 0

    def send(self, *lines: str) -> None:
        """Lines of a head, ended by the empty one."""
        self.push("\r\n".join([*lines, "", ""]).encode())

    def push(self, raw: bytes) -> bool:
        """Send bytes; False when the other side takes no more."""
        try:
            self._socket.sendall(raw)
        except (ConnectionError, TimeoutError):
            return False
        self.sent_bytes += len(raw)
        return True

    def answer(self) -> bytes:
        """All that comes until the other side closes."""
        pieces: list[bytes] = []
        while True:
            try:
                piece = self._socket.recv(65_536)
            except ConnectionError:
                piece = b""
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)

    def close(self) -> None:
        self._socket.close()
