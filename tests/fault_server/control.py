"""A test's hand on the fault server: start its process, write its script, read its journal."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).resolve().parents[2]
_opener = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class FaultServer:
    """A running fault server; `url` is what a client is given as its base URL."""

    root: str

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    def script(self, *rules: Mapping[str, Any]) -> None:
        """Set the rules: {"faults": ["529", "ok"], "then": "ok", "model": "m", "prompt": "part"}."""
        self._ask("/_script", list(rules))

    def always(self, fault: str, **which: str) -> None:
        """Answer everything (of this model, or with this in its prompt) with one fault."""
        self.script({"then": fault, **which})

    def journal(self, model: str = "") -> list[dict[str, Any]]:
        """Every request since the last reset, as `journal.Entry` says."""
        found: list[dict[str, Any]] = self._ask(f"/_journal?model={model}")
        return found

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = self._ask("/_counts")
        return found

    def wait_for(
        self, met: Callable[[dict[str, int]], bool], timeout_s: float = 20.0
    ) -> dict[str, int]:
        """Wait until the journal's counts are so; raises TimeoutError with the last of them."""
        end = time.monotonic() + timeout_s
        while not met(counts := self.counts()):
            if time.monotonic() > end:
                raise TimeoutError(f"the fault server still says {counts}")
            time.sleep(0.02)
        return counts

    def sink(self) -> dict[str, Any]:
        """{"effects", "keys", "duplicates", "done": {key: times}, "at_once": {key: most}}"""
        found: dict[str, Any] = self._ask("/_sink")
        return found

    def effect(self, key: str, **how: Any) -> str:
        """The address at which the effect is done by a POST of `how` ("then", "slow_s")."""
        return f"{self.root}/effects/{key}"

    def looks(self, number: int) -> None:
        """How often a batch is found unfinished before it is done."""
        self._ask("/_looks", {"looks": number})

    def release(self) -> None:
        """End everything that hangs."""
        self._ask("/_release", {})

    def reset(self) -> None:
        self._ask("/_reset", {})

    def _ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.root + path, data, {"Content-Type": "application/json"})  # noqa: S310  # our own loopback address
        with _opener.open(request, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def serving(port: int = 0) -> Iterator[FaultServer]:
    """Run the server as a process of its own for the length of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fault_server", str(port)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        root = process.stdout.readline().strip()
        if not root:
            raise RuntimeError("the fault server did not start: see its error output above")
        yield FaultServer(root)
    finally:
        process.communicate(timeout=10)
