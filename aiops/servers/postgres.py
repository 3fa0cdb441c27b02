"""The embedded PostgreSQL: makes its data folder, tells how to run it, and where it is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from aiops.servers import binaries, identity
from aiops.servers.child import Command
from aiops.servers.errors import ServerError
from aiops.servers.home import PROJECT, make, password
from aiops.servers.identity import Identity
from aiops.servers.spawn import launched

USER = "app"
DATABASE = "aiops"
HOST = "127.0.0.1"
#: From this major on, PostgreSQL brings its own C.UTF-8: the same order on every system.
BUILTIN_LOCALE_SINCE = 17
INITDB_S = 120
SETTINGS = {
    "listen_addresses": HOST,
    # One address for everyone; a socket's path must also stay below 107 bytes.
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
#: For data that nobody will miss: tests. Commits still reach the system's cache, so that a killed
#: server loses none (synchronous_commit=off would), only a machine that loses power.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class CannotMakeData(ServerError):
    """initdb failed: the message carries what it said."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """One PostgreSQL with its data below a state folder."""

    folder: Path
    bin: Path
    major: int
    identity: Identity
    durable: bool
    name: str = "postgres"

    @classmethod
    def of(cls, folder: Path, *, durable: bool) -> Postgres:
        """Find the programs and the user to run them as; makes nothing yet."""
        found = binaries.postgres_bin()
        owner = PROJECT.stat()
        choices = identity.candidates(os.geteuid(), (owner.st_uid, owner.st_gid))
        chosen = identity.choose(choices, lambda who: _can_run(found, who, folder), folder)
        return cls(folder, found, binaries.postgres_major(found), chosen, durable)

    @property
    def data(self) -> Path:
        return self.folder / f"postgres-{self.major}"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def prepare(self, port: int) -> None:
        """Make the data folder if there is none, and give it to who will run on it.

        The port is not kept there; the command line tells it.
        """
        if not self.data.exists():
            self._make_data()
        if self.identity.owner is not None:
            _give(self.data, self.identity.owner)
        self._forget_reused_pid()

    def command(self, port: int, lock: int) -> Command:
        settings = {**SETTINGS, "port": str(port), **({} if self.durable else NOT_DURABLE)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Command(
            name=self.name,
            argv=(self.bin / "postgres", "-D", self.data, *options),
            env=_environment(),
            cwd=self.folder,
            log=make(self.folder / "logs") / "postgres.log",
            missing=lambda: self.missing(port),
            # Fast shutdown: sessions end, data is written, no recovery at the next start.
            stop_signal=signal.SIGINT,
            identity=self.identity,
            keep_fds=(lock,),
        )

    def missing(self, port: int) -> str | None:
        """None when it answers and has the database, which is made here if need be."""
        try:
            with psycopg.connect(self._conninfo(port), autocommit=True) as connection:
                found = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if found is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.Error as error:
            return str(error).strip()
        return None

    def url(self, port: int) -> str:
        secret = password(self.folder, self.name)
        return f"postgresql://{USER}:{secret}@{HOST}:{port}/{DATABASE}"

    def _conninfo(self, port: int) -> str:
        secret = password(self.folder, self.name)
        return psycopg.conninfo.make_conninfo(
            host=HOST, port=port, user=USER, password=secret, dbname="postgres", connect_timeout=3
        )

    def _make_data(self) -> None:
        """Run initdb beside the final place and move the result: a killed initdb leaves nothing."""
        draft = self.folder / f"postgres-{self.major}.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        secret = self.folder / "postgres.password.initdb"
        secret.touch(mode=0o600)
        secret.write_text(password(self.folder, self.name))
        if self.identity.owner is not None:
            os.chown(draft, *self.identity.owner)
            os.chown(secret, *self.identity.owner)
        try:
            self._initdb(draft, secret)
            draft.rename(self.data)
        finally:
            secret.unlink()

    def _initdb(self, data: Path, secret: Path) -> None:
        argv: list[str | Path] = [self.bin / "initdb", "-D", data, "-U", USER, "-E", "UTF8"]
        argv += ["--auth=scram-sha-256", f"--pwfile={secret}", *_locale(self.major)]
        argv += [] if self.durable else ["--no-sync"]
        done = subprocess.run(
            launched(argv, identity=self.identity, cwd=self.folder),
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=INITDB_S,
            check=False,
        )
        if done.returncode != 0:
            raise CannotMakeData(
                f"PostgreSQL could not make its data folder {data}:\n{done.stdout}{done.stderr}"
            )

    def _forget_reused_pid(self) -> None:
        """Remove a pid file whose number now belongs to another program.

        In a restarted container low numbers come again at once, and PostgreSQL would take the
        stranger for itself. Our lock is held here, so no server of ours runs on this data.
        """
        # Nothing to read, or nobody there: PostgreSQL deals with that by itself.
        with suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(self.pid_file.read_text().splitlines()[0])
            if "postgres" not in _program(pid):
                self.pid_file.unlink()


def _locale(major: int) -> list[str]:
    if major >= BUILTIN_LOCALE_SINCE:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C"]


def _environment() -> dict[str, str]:
    """Ours without PGDATA, PGPORT and the like, which are meant for other servers."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"}


def _can_run(bin_folder: Path, who: Identity, folder: Path) -> bool:
    """Try it: whether the program, its libraries and the state folder are within reach."""
    argv = launched([bin_folder / "postgres", "--version"], identity=who, cwd=folder)
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def _give(data: Path, owner: tuple[int, int]) -> None:
    """Change the owner of the whole tree, unless it is right already."""
    now = data.stat()
    if (now.st_uid, now.st_gid) == owner:
        return
    for folder, _, files in os.walk(data):
        os.chown(folder, *owner)
        for name in files:
            os.lchown(os.path.join(folder, name), *owner)


def _program(pid: int) -> str:
    """The program of a process; empty when there is none."""
    if sys.platform == "linux":
        said = Path(f"/proc/{pid}/comm").read_text()
    else:
        argv = ["ps", "-p", str(pid), "-o", "comm="]
        said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    return said
