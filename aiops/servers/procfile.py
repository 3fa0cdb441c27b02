"""Read a Procfile: one `name: command` a line."""

from __future__ import annotations

import re
from pathlib import Path

from aiops.servers.errors import ServerError

_LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")


class BadProcfile(ServerError):
    """A line is neither `name: command` nor a comment, or a name comes twice."""


def parse(path: Path) -> dict[str, str]:
    """The commands by name, in the file's order."""
    commands: dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            raise BadProcfile(f"{path.name}:{number}: write it as `name: command`, not {text!r}")
        if found[1] in commands:
            raise BadProcfile(f"{path.name}:{number}: the name {found[1]!r} comes twice")
        commands[found[1]] = found[2]
    return commands


def shell(command: str) -> tuple[str, ...]:
    """The argv of one command.

    `exec` makes the shell become it, so that its pid is the command's; `env` takes NAME=value.
    """
    return ("/bin/sh", "-c", f"exec env {command}")
