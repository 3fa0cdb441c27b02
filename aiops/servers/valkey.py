"""The embedded Valkey: the broker on database 0, the results on database 1."""

from __future__ import annotations

import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from aiops.servers import binaries
from aiops.servers.child import Command
from aiops.servers.home import make, password, write_private

HOST = "127.0.0.1"
CONNECT_S = 2.0


@dataclass(frozen=True, slots=True)
class Valkey:
    """One Valkey (or Redis) with its data below a state folder."""

    folder: Path
    program: Path
    durable: bool
    name: str = "valkey"

    @classmethod
    def of(cls, folder: Path, *, durable: bool) -> Valkey:
        return cls(folder, binaries.valkey_server(), durable)

    @property
    def data(self) -> Path:
        return self.folder / "valkey"

    @property
    def pid_file(self) -> Path:
        return self.data / "valkey.pid"

    def prepare(self, port: int) -> None:
        """Write the settings. In a file, because an argument would show the password to all."""
        make(self.data).chmod(0o700)
        write_private(self.data / "valkey.conf", self._settings(port))

    def command(self, port: int, lock: int) -> Command:
        return Command(
            name=self.name,
            argv=(self.program, self.data / "valkey.conf"),
            log=make(self.folder / "logs") / "valkey.log",
            missing=lambda: self.missing(port),
            stop_signal=signal.SIGTERM,
            keep_fds=(lock,),
        )

    def missing(self, port: int) -> str | None:
        """None when it answers to our password."""
        secret = password(self.folder, self.name)
        try:
            with socket.create_connection((HOST, port), CONNECT_S) as connection:
                connection.sendall(f"AUTH {secret}\r\nPING\r\n".encode())
                answers = connection.makefile("rb")
                said = [answers.readline().decode(errors="replace").strip() for _ in range(2)]
        except OSError as error:
            return str(error)
        return None if said == ["+OK", "+PONG"] else " ".join(said)

    def url(self, port: int) -> str:
        return f"redis://:{password(self.folder, self.name)}@{HOST}:{port}/0"

    def _settings(self, port: int) -> str:
        settings = {
            "port": port,
            "bind": HOST,
            "requirepass": password(self.folder, self.name),
            "dir": f'"{self.data}"',
            "pidfile": f'"{self.pid_file}"',
            "daemonize": "no",
            # A message is a doorbell, but losing all of them still costs a sweep of every run.
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": '""',
            # Refuse new messages when full; never drop old ones.
            "maxmemory-policy": "noeviction",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())
