"""The outside world, in a process of its own: it counts what was done to it, and holds who it is told to."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"
#: Longest time that a caller is held, and that a test waits for one to arrive.
HOLD_S = 90.0


# What a step calls


def effect(place: str, key: str) -> int:
    """Do something out there; returns how often it was done for this key."""
    done: int = ask("/effect", place=place, key=key, pid=os.getpid())["done"]
    return done


def gate(place: str, key: str = "") -> None:
    """Pass a point of the code: at once, or when the test that holds it lets go."""
    ask("/gate", place=place, key=key, pid=os.getpid())


def done(key: str) -> int:
    """How often something was done for this key."""
    found: int = ask("/done", key=key)["done"]
    return found


def ask(path: str, **body: Any) -> dict[str, Any]:
    connection = HTTPConnection(HOST, int(os.environ["OUTSIDE_PORT"]), timeout=HOLD_S + 10)
    try:
        connection.request("POST", path, json.dumps(body))
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()


# The process


@dataclass(slots=True)
class Outside:
    """What was done, who is to be held, and who is."""

    counts: Counter[str] = field(default_factory=Counter)
    #: Place -> how many more callers are to be held there.
    traps: Counter[str] = field(default_factory=Counter)
    held: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    #: Raised by each release: who was held before it goes on.
    releases: Counter[str] = field(default_factory=Counter)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def effect(self, place: str, key: str, pid: int) -> dict[str, Any]:
        with self.changed:
            self.counts[key] += 1
            number = self.counts[key]
        self.gate(place, key, pid)
        return {"done": number}

    def gate(self, place: str, key: str, pid: int) -> dict[str, Any]:
        with self.changed:
            if self.traps[place] > 0:
                self.traps[place] -= 1
                self.held.setdefault(place, []).append({"key": key, "pid": pid})
                release = self.releases[place]
                self.changed.notify_all()
                self.changed.wait_for(lambda: self.releases[place] > release, HOLD_S)
        return {}

    def done(self, key: str) -> dict[str, Any]:
        with self.changed:
            return {"done": self.counts[key]}

    def counted(self) -> dict[str, Any]:
        with self.changed:
            return dict(self.counts)

    def hold(self, place: str, times: int) -> dict[str, Any]:
        with self.changed:
            self.traps[place] += times
        return {}

    def arrived(self, place: str, times: int, within_s: float) -> dict[str, Any]:
        """The first callers that are held at a place, as soon as there are so many."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.held.get(place, ())) >= times, within_s)
            return {"callers": self.held.get(place, [])}

    def release(self, place: str) -> dict[str, Any]:
        with self.changed:
            self._release(place)
        return {}

    def reset(self) -> dict[str, Any]:
        """Let everyone go, and forget everything."""
        with self.changed:
            for place in {*self.held, *self.traps}:
                self._release(place)
            self.counts.clear()
        return {}

    def _release(self, place: str) -> None:
        self.traps[place] = 0
        self.held.pop(place, None)
        self.releases[place] += 1
        self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    outside: Outside

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length))
        answer = json.dumps(getattr(self.outside, self.path.strip("/"))(**body)).encode()
        # Who was held may have been killed meanwhile.
        with suppress(ConnectionError):
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    #: Fifty steps may call at the same moment.
    request_queue_size = 256


def main() -> None:
    _Handler.outside = Outside()
    _Server((HOST, int(os.environ["OUTSIDE_PORT"])), _Handler).serve_forever()


if __name__ == "__main__":
    main()
