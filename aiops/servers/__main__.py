"""python -m aiops.servers: run the servers, alone, around a command, or with the whole system."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from aiops.servers import procfile, records
from aiops.servers.errors import ServerError
from aiops.servers.home import PROJECT, home
from aiops.servers.processes import Supervisor, environment_with
from aiops.servers.running import Servers, free_port
from aiops.servers.spawn import spawn

USAGE = """\
python -m aiops.servers                 run the database and the broker until Ctrl-C
python -m aiops.servers -- CMD ARG...   run them around a command; exits with its code
python -m aiops.servers up              run the whole system: servers, migrations, the Procfile
python -m aiops.servers status          what runs, and where
"""
WEB_PORT = 8000
FLOWER_PORT = 5555
#: Workers finish what they have in hand; web connections close.
STOP_S = 15.0


class MigrationFailed(ServerError):
    """The database could not be brought up to date."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        if options.command:
            return around(options.command, throwaway=options.throwaway)
        match options.verb:
            case "status":
                return status(home())
            case "up":
                return up()
            case _:
                return alone(throwaway=options.throwaway)
    except ServerError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except PermissionError as error:
        print(
            f"{error.filename} belongs to another user: run as that user, or set AIOPS_HOME to a"
            " folder of your own",
            file=sys.stderr,
        )
    return 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m aiops.servers",
        usage=USAGE,
        description="The embedded PostgreSQL and Valkey. DATABASE_URL and BROKER_URL win over them.",
    )
    parser.add_argument(
        "--throwaway", action="store_true", help="on new data that goes afterwards (for tests)"
    )
    parser.add_argument("verb", nargs="?", choices=["up", "status"])
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:split])
    options.command = list(arguments[split + 1 :])
    return options


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def ensure(*, throwaway: bool) -> Servers:
    return Servers.throwaway(say=say) if throwaway else Servers.ensure(say=say)


def around(command: list[str], *, throwaway: bool) -> int:
    """Run a command between start and stop of the servers, and return its exit code."""
    with ensure(throwaway=throwaway) as servers:
        # Ctrl-C reaches the command from the terminal; we stay to stop the servers after it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        process = spawn(command, env=environment_with(servers.environ), new_session=False)
        pass_on(process)
        code = process.wait()
    return code if code >= 0 else 128 - code


def pass_on(process: subprocess.Popen[bytes]) -> None:
    """Give the command the signals that a terminal does not send to it by itself."""

    def forward(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)


def alone(*, throwaway: bool) -> int:
    with ensure(throwaway=throwaway) as servers:
        interrupted = on_interrupt()
        for name, value in servers.environ.items():
            print(f"{name}={value}", flush=True)
        say(started_or_found(servers) + " Ctrl-C stops.")
        interrupted.wait()
    return 0


def started_or_found(servers: Servers) -> str:
    if servers.started:
        return f"Started: {', '.join(servers.started)}."
    return "Nothing to start: all addresses are given, or the servers run already."


def up() -> int:
    """Everything of the Procfile, for development."""
    commands = procfile.parse(PROJECT / "Procfile")
    with Servers.ensure(say=say) as servers:
        say(started_or_found(servers))
        env = environment_with(servers.environ | ports())
        migrate(env)
        interrupted = on_interrupt()
        supervisor = Supervisor()
        for name, command in commands.items():
            supervisor.add(name, procfile.shell(command), env=env, cwd=PROJECT)
        try:
            supervisor.start_all()
            say(f"Web: http://127.0.0.1:{env['PORT']}/  Ctrl-C stops.")
            interrupted.wait()
        finally:
            say("Stopping. Ctrl-C once more does not wait.")
            stop(supervisor)
    return 0


def migrate(env: Mapping[str, str]) -> None:
    argv = [sys.executable, "manage.py", "migrate", "-v", "0"]
    code = subprocess.run(argv, env=env, cwd=PROJECT, check=False).returncode
    if code != 0:
        raise MigrationFailed(f"manage.py migrate ended with code {code}: its message is above")


def stop(supervisor: Supervisor) -> None:
    try:
        supervisor.stop_all(STOP_S)
    except KeyboardInterrupt:
        supervisor.kill_all()


def ports() -> dict[str, str]:
    """The ports that the Procfile names, moved where another program listens already."""
    wanted = {"PORT": WEB_PORT, "FLOWER_PORT": FLOWER_PORT}
    return {
        name: os.environ.get(name) or str(free_port(default)) for name, default in wanted.items()
    }


def on_interrupt() -> threading.Event:
    """An event that the first Ctrl-C, SIGTERM or SIGHUP sets; the second one interrupts."""
    asked = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, note)
    return asked


def status(folder: Path) -> int:
    """Print what runs; exit code 3 when something does not, as service managers do."""
    missing = 0
    for variable, name in (("DATABASE_URL", "postgres"), ("BROKER_URL", "valkey")):
        record = records.alive(folder, name)
        if given := os.environ.get(variable):
            print(f"{name:<10} given by {variable}: {given}")
        elif record:
            print(f"{name:<10} runs (pid {record.pid}): {record.url}")
        else:
            print(f"{name:<10} does not run")
            missing = 3
    return missing


if __name__ == "__main__":
    sys.exit(main())
