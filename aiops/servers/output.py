"""The lines that child processes print, each with the name of who printed it."""

from __future__ import annotations

import sys
import threading
from typing import IO, TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


class PrefixedOutput:
    """Several processes, one terminal: whole lines only, coloured where a person reads them."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colours: dict[str, int] = {}
        self._width = 0
        self._lock = threading.Lock()

    def expect(self, name: str) -> None:
        """Announce a name, so that all names get the same width."""
        self._colours[name] = COLOURS[len(self._colours) % len(COLOURS)]
        self._width = max(self._width, len(name))

    def line(self, name: str, text: str) -> None:
        prefix = f"{name:<{self._width}} |"
        if self._stream.isatty():
            prefix = f"\033[{self._colours.get(name, 37)}m{prefix}\033[0m"
        with self._lock:
            self._stream.write(f"{prefix} {text}\n")
            self._stream.flush()

    def follow(self, name: str, source: IO[bytes]) -> None:
        """Print every line of `source` until it ends. Runs in a thread of its own."""
        thread = threading.Thread(target=self._copy, args=(name, source), daemon=True)
        thread.start()

    def _copy(self, name: str, source: IO[bytes]) -> None:
        with source:
            for line in source:
                self.line(name, line.decode(errors="replace").rstrip("\n"))
