"""What a test says to the outside world and to the program that starts runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from aiops.servers.home import PROJECT
from tests.faults.outside import HOST


@dataclass(frozen=True, slots=True)
class World:
    """The test's own line to the outside world."""

    port: int

    def hold(self, place: str, times: int = 1) -> None:
        """Hold the next caller (or the next so many) who comes to a place."""
        self._ask("hold", place=place, times=times)

    def arrived(self, place: str, times: int = 1, within_s: float = 30) -> list[dict[str, Any]]:
        """Wait until so many are held at a place: the key and the pid of each."""
        answer = self._ask("arrived", place=place, times=times, within_s=within_s)
        callers: list[dict[str, Any]] = answer["callers"]
        assert len(callers) >= times, f"{len(callers)} of {times} came to {place}: {callers}"
        return callers

    def release(self, place: str) -> None:
        """Let everyone at a place go on, and hold nobody there any more."""
        self._ask("release", place=place)

    def counted(self) -> dict[str, int]:
        """How often each key's effect was executed."""
        return self._ask("counted")

    def reset(self) -> None:
        self._ask("reset")

    def missing(self) -> str | None:
        """None when it answers."""
        try:
            self.counted()
        except OSError as error:
            return str(error)
        return None

    def _ask(self, verb: str, **body: Any) -> dict[str, Any]:
        connection = HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request("POST", f"/{verb}", json.dumps(body))
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


class Caller:
    """The program of `caller.py`. It ends when we do: its input ends."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.caller"],
            env=environ,
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, workflow: str, **input: Any) -> str:
        """Start a run; returns its id."""
        return str(self.ask("start", workflow=workflow, input=input)["answer"])

    def timed_start(self, workflow: str, **input: Any) -> tuple[str, float]:
        """Start a run; returns its id, and the seconds that the caller had to wait."""
        said = self.ask("start", workflow=workflow, input=input)
        return str(said["answer"]), float(said["took_s"])

    def cancel(self, run_id: str) -> None:
        self.ask("stop", run_id=run_id)

    def approve(self, run_id: str) -> None:
        self.ask("approve", run_id=run_id)

    def resume_lane(self, name: str) -> int:
        """Let a stopped lane go on; returns how many steps wait for it."""
        return int(self.ask("resume_lane", name=name)["answer"])

    def listen(self, url: str) -> tuple[str, str]:
        """Make a webhook; returns its id and its secret."""
        webhook, secret = self.ask("listen", url=url)["answer"]
        return str(webhook), str(secret)

    def rotate(self, webhook: str) -> str:
        """Give a webhook another secret, beside which the old one signs for a day."""
        return str(self.ask("rotate", webhook=webhook)["answer"])

    def limbo(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("limbo")["answer"]
        return found

    def ask(self, verb: str, **body: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"verb": verb, **body}) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "error" not in said, said["error"]
        return said

    def close(self) -> None:
        self._process.communicate(timeout=10)
