"""servers.json: which server was last started for this home, and where it listens."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from aiops.servers import locks
from aiops.servers.home import write_private

FILE = "servers.json"


@dataclass(frozen=True, slots=True)
class Record:
    """The last start of one server. It outlives the server, so that the port stays the same."""

    name: str
    port: int
    url: str
    #: Written by the server itself, so that it stays right when the server is started again.
    pid_file: str

    @property
    def pid(self) -> int | None:
        """The server's process id; None when it does not run (or is not ours to look at)."""
        try:
            return int(Path(self.pid_file).read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None


def lock_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.lock"


def read(folder: Path) -> dict[str, Record]:
    """All records, also of servers that are gone; none from a file that is missing or damaged."""
    try:
        rows = json.loads((folder / FILE).read_text())
        return {row["name"]: Record(**row) for row in rows}
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return {}


def write(folder: Path, record: Record) -> None:
    """Keep one record. The caller holds the start lock, so that no other writer is lost."""
    records = read(folder) | {record.name: record}
    write_private(folder / FILE, json.dumps([asdict(r) for r in records.values()], indent=2))


def alive(folder: Path, name: str) -> Record | None:
    """The record of a server that runs now: a left-over file of a dead one counts for nothing."""
    if not locks.is_held(lock_path(folder, name)):
        return None
    return read(folder).get(name)
