"""Writing an answer as the fault wants it: whole, late, in drops, by half, or not at all."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, NoReturn

from tests.fault_server.faults import Fault
from tests.fault_server.journal import Entry


class ClientGone(Exception):
    """The caller has hung up."""


class CutOff(Exception):
    """We have hung up on the caller, as the fault wants it."""


def whole(handler: BaseHTTPRequestHandler, raw: bytes, fault: Fault) -> None:
    """One body of a known length."""
    _head(handler, fault, length=len(raw))
    handler.wfile.write(raw)


def half(handler: BaseHTTPRequestHandler, raw: bytes, fault: Fault) -> None:
    """Promise a body, send half of it, and close."""
    _head(handler, fault, length=len(raw))
    handler.wfile.write(raw[: len(raw) // 2])
    handler.wfile.flush()
    cut_off(handler)


def drip(handler: BaseHTTPRequestHandler, raw: bytes, fault: Fault, gone: Waiting) -> None:
    """A byte now and then: no read ever times out, and the answer never comes."""
    _head(handler, fault, length=len(raw))
    for place in range(len(raw)):
        handler.wfile.write(raw[place : place + 1])
        gone.wait(fault.number)


def stall(handler: BaseHTTPRequestHandler, raw: bytes, fault: Fault, gone: Waiting) -> None:
    """Half of the body, then silence."""
    _head(handler, fault, length=len(raw))
    handler.wfile.write(raw[: len(raw) // 2])
    gone.wait(None)


def events(
    handler: BaseHTTPRequestHandler,
    told: Iterable[Mapping[str, Any]],
    fault: Fault,
    gone: Waiting,
) -> None:
    """Server-sent events in chunks. A stream that is dropped has no last chunk."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    lines = [f"data: {json.dumps(event)}\n\n".encode() for event in told]
    for place, line in enumerate(lines):
        if place >= len(lines) // 2:
            if fault.how in ("half", "drop"):
                handler.wfile.flush()
                cut_off(handler)
            if fault.how == "stall":
                gone.wait(None)
        _chunk(handler, line)
        if fault.how == "drip":
            gone.wait(fault.number)
    if fault.finish is not None and not fault.stream_error:
        _chunk(handler, b"data: [DONE]\n\n")
    _chunk(handler, b"")


def cut_off(handler: BaseHTTPRequestHandler) -> NoReturn:
    """Close so that the other side sees a connection broken, not ended."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.shutdown(socket.SHUT_WR)
    raise CutOff


class Waiting:
    """Waits with an eye on the caller, whose leaving is written into the journal."""

    def __init__(self, connection: socket.socket, released: threading.Event, entry: Entry) -> None:
        self._connection = connection
        self._released = released
        self._entry = entry

    def wait(self, seconds: float | None) -> None:
        """Wait so long (None: until released). Raises ClientGone when the caller hangs up."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self._released.is_set():
            left = 0.05 if end is None else min(0.05, end - time.monotonic())
            if left <= 0:
                return
            self.look(left)

    def look(self, seconds: float = 0.0) -> None:
        readable, _, _ = select.select([self._connection], [], [], seconds)
        if readable and self._is_closed():
            self._entry.client_gone_at = time.time()
            raise ClientGone

    def _is_closed(self) -> bool:
        try:
            return self._connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True


def _head(handler: BaseHTTPRequestHandler, fault: Fault, *, length: int) -> None:
    handler.send_response(fault.status)
    handler.send_header("Content-Type", fault.content_type)
    handler.send_header("Content-Length", str(length))
    for name, value in fault.headers.items():
        handler.send_header(name, value)
    handler.end_headers()


def _chunk(handler: BaseHTTPRequestHandler, raw: bytes) -> None:
    handler.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
    handler.wfile.flush()
