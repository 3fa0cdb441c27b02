"""The provider that fails as it is told: the tests' fault server, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from aiops.servers.home import PROJECT

_opener = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Provider:
    """A running fault server: see tests/fault_server/README.md for what it can be told."""

    root: str

    def script(self, *rules: Mapping[str, Any]) -> None:
        """Set the rules; none: everything is answered well."""
        self.ask("/_script", list(rules))

    def reset(self) -> None:
        self.ask("/_reset", {})

    def counts(self) -> dict[str, int]:
        """Requests that arrived, and answers that were computed and so are on the bill."""
        found: dict[str, int] = self.ask("/_counts")
        return found

    def sink(self) -> dict[str, Any]:
        """What was sent: how many keys, and how often one of them came again."""
        found: dict[str, Any] = self.ask("/_sink")
        return found

    def ask(self, path: str, body: Any = None) -> Any:
        return ask(self.root + path, body)


def ask(url: str, body: Any = None) -> Any:
    """GET an address of the fault server, or POST to it."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})  # noqa: S310  # our own loopback address
    with _opener.open(request, timeout=60) as answer:
        return json.load(answer)


@contextmanager
def providing() -> Iterator[Provider]:
    """Run it for the length of the block; it ends with its standard input."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fault_server"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        root = process.stdout.readline().strip()
        assert root, "the fault server did not start: see its error output above"
        yield Provider(root)
    finally:
        process.communicate(timeout=10)
