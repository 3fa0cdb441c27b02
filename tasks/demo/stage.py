"""The demo's processes: everything of the Procfile, a local model, and a mail server outside."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from aiops.servers import procfile
from aiops.servers.home import PROJECT
from aiops.servers.processes import Supervisor, environment_with
from aiops.servers.running import Servers, free_port

#: What the first runs need; the rest of the Procfile starts once these are up.
FIRST = ("keeper", "llm", "effects", "io", "control")

#: Where `make example` serves.
SHOP = "http://127.0.0.1:8001,http://localhost:8001"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the demo's parts answer. A port that is taken is left alone, and another is used."""

    web: int
    flower: int
    model: int
    smtp: int
    journal: int

    @classmethod
    def choose(cls) -> Addresses:
        return cls(*(free_port(port) for port in (8000, 5555, 8711, 8712, 8713)))

    def environ(self) -> dict[str, str]:
        return {
            "PORT": str(self.web),
            "FLOWER_PORT": str(self.flower),
            "AIOPS_BASE_URL": f"http://127.0.0.1:{self.web}",
            # The shop of examples/shop shows the page of a run, and is told when it is done.
            "AIOPS_EMBED_ORIGINS": os.environ.get("AIOPS_EMBED_ORIGINS", SHOP),
            "AIOPS_WEBHOOKS_ALLOW": os.environ.get("AIOPS_WEBHOOKS_ALLOW", "127.0.0.1/32"),
            "AIOPS_WEBHOOKS_PORTS": os.environ.get("AIOPS_WEBHOOKS_PORTS", "443,8001"),
            "AIOPS_LOCAL_MODEL_URL": f"http://127.0.0.1:{self.model}/v1",
            "AIOPS_SMTP_URL": f"smtp://127.0.0.1:{self.smtp}",
            "AIOPS_MAIL_JOURNAL_URL": f"http://127.0.0.1:{self.journal}",
            # One small model on one thread: more calls at once would only wait for each other.
            "AIOPS_POOL_LLM": os.environ.get("AIOPS_POOL_LLM", "4"),
            # Running as root is for containers and continuous integration; once is enough to say so.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
        }


class Stage:
    """The supervised processes of the demo. Their output goes to files, not to the terminal."""

    def __init__(self, servers: Servers, addresses: Addresses) -> None:
        self.logs = servers.folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._env = environment_with({**servers.environ, **addresses.environ()})
        self._supervisor = Supervisor(say=lambda text: None)
        self._addresses = addresses

    def start_outside(self) -> None:
        """Start the model (unless another endpoint is named) and the mail server."""
        if not os.environ.get("AIOPS_MODEL_URL") or not os.environ.get("AIOPS_EMBED_URL"):
            self._add("model", "aiops.providers.local", "--port", self._addresses.model)
        self._add(
            *("mail", "tasks.demo.mail_sink", "--smtp-port", self._addresses.smtp),
            *("--http-port", self._addresses.journal, "--journal", self.logs.parent / "mail.jsonl"),
        )
        self._supervisor.start_all()

    def start_first(self) -> None:
        self._start(FIRST)

    def start_rest(self) -> None:
        self._start([name for name in self._commands() if name not in FIRST])

    def kill(self, name: str) -> int | None:
        """End a process without warning; it is started again. Returns the pid it had."""
        pid = self._supervisor.pid(name)
        self._supervisor.kill9(name)
        return pid

    def stop(self) -> None:
        try:
            self._supervisor.stop_all(15)
        except KeyboardInterrupt:
            self._supervisor.kill_all()

    def _commands(self) -> dict[str, str]:
        return procfile.parse(PROJECT / "Procfile")

    def _start(self, names: tuple[str, ...] | list[str]) -> None:
        commands = self._commands()
        for name in names:
            self._supervisor.add(
                name,
                procfile.shell(commands[name]),
                env=self._env,
                cwd=PROJECT,
                log=self._log(name),
            )
            self._supervisor.start(name)

    def _add(self, name: str, module: str, *arguments: object) -> None:
        argv = (sys.executable, "-m", module, *(str(a) for a in arguments))
        self._supervisor.add(name, argv, env=self._env, cwd=PROJECT, log=self._log(name))

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"
