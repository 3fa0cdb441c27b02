"""Where the database and the broker are: the environment wins, then servers that run already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from aiops.servers import records
from aiops.servers.errors import ServerError
from aiops.servers.home import home


class NoServers(ServerError):
    """No address in the environment, and no embedded server of this project runs."""


class NoResultStore(ServerError):
    """The broker is not a Redis, so where chords count must be said as well."""


def addresses() -> dict[str, str]:
    """DATABASE_URL, BROKER_URL and RESULT_URL. Starts nothing; raises NoServers."""
    folder = home()
    database = os.environ.get("DATABASE_URL") or _recorded(folder, "postgres", "DATABASE_URL")
    broker = os.environ.get("BROKER_URL") or _recorded(folder, "valkey", "BROKER_URL")
    return {
        "DATABASE_URL": database,
        "BROKER_URL": broker,
        "RESULT_URL": result_url(broker, os.environ),
    }


def result_url(broker: str, environ: Mapping[str, str]) -> str:
    """RESULT_URL, or the database after the broker's own on the same Redis."""
    if given := environ.get("RESULT_URL"):
        return given
    parts = urlsplit(broker)
    if parts.scheme not in {"redis", "rediss"}:
        raise NoResultStore(
            f"BROKER_URL is a {parts.scheme} address, and chords need a Redis or Valkey to count"
            " in: set RESULT_URL to one, as in redis://host:6379/1"
        )
    database = int(parts.path.strip("/") or 0)
    return parts._replace(path=f"/{database + 1}").geturl()


def _recorded(folder: Path, name: str, variable: str) -> str:
    try:
        record = records.alive(folder, name)
    except PermissionError as error:
        raise NoServers(
            f"The servers in {folder} belong to another user: set {variable}, or AIOPS_HOME to a"
            " folder of your own"
        ) from error
    if record is None:
        raise NoServers(
            f"{variable} is not set and no server runs: run make run, or set {variable}"
        )
    return record.url
