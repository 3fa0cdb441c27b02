"""Servers that are given, found running, or started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis

from aiops.servers import records
from aiops.servers.environment import addresses
from aiops.servers.running import Servers
from tests.servers.observing import ask, broker, eventually, real_uid, run_sql, runs

PROGRAM = [sys.executable, "-m", "aiops.servers"]
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
NEEDS_OPEN_ENVIRONMENT = pytest.mark.skipif(
    any(not parent.stat().st_mode & 0o001 for parent in Path(sys.prefix, "lib").parents),
    reason="the Python environment lies in a private folder",
)


@pytest.fixture
def servers(folder: Path) -> Iterator[Servers]:
    with Servers.ensure(folder, durable=False) as servers:
        yield servers


def test_a_first_start_makes_a_database_and_a_broker_that_answer(servers: Servers) -> None:
    assert ask(servers.environ["DATABASE_URL"], "SELECT current_database()") == "aiops"
    assert broker(servers.environ["BROKER_URL"]).ping()
    assert broker(servers.environ["RESULT_URL"]).ping()
    assert servers.environ["RESULT_URL"].endswith("/1")


def test_the_database_speaks_utf8_and_sorts_the_same_everywhere(servers: Servers) -> None:
    url = servers.environ["DATABASE_URL"]

    assert ask(url, "SHOW server_encoding") == "UTF8"
    assert ask(url, "SELECT 'B' < 'a'") is True


def test_neither_server_answers_without_the_password(servers: Servers) -> None:
    port = servers.environ["BROKER_URL"].rpartition(":")[2].partition("/")[0]
    with socket.create_connection(("127.0.0.1", int(port)), 5) as connection:
        connection.sendall(b"PING\r\n")
        answer = connection.recv(100)

    assert answer.startswith(b"-NOAUTH")
    assert (servers.folder / "postgres.password").stat().st_mode & 0o077 == 0
    assert (servers.folder / "servers.json").stat().st_mode & 0o077 == 0
    assert "scram-sha-256" in str(
        ask(
            servers.environ["DATABASE_URL"],
            "SELECT string_agg(auth_method, ' ') FROM pg_hba_file_rules",
        )
    )


def test_the_addresses_are_found_while_the_servers_run_and_not_after(folder: Path) -> None:
    with Servers.ensure(folder, durable=False) as servers:
        assert addresses().items() <= servers.environ.items()

    with pytest.raises(RuntimeError, match="run make run, or set DATABASE_URL"):
        addresses()


def test_servers_that_run_are_adopted_and_left_running(servers: Servers, folder: Path) -> None:
    with Servers.ensure(folder) as second:
        assert second.environ == servers.environ
        assert second.started == []

    assert ask(servers.environ["DATABASE_URL"], "SELECT 1") == 1
    assert broker(servers.environ["BROKER_URL"]).ping()


def test_data_and_ports_outlive_a_restart(folder: Path) -> None:
    with Servers.ensure(folder) as first:
        run_sql(first.environ["DATABASE_URL"], "CREATE TABLE kept AS SELECT 42 AS n")
        broker(first.environ["BROKER_URL"]).set("kept", "42")

    with Servers.ensure(folder) as second:
        assert second.environ == first.environ
        assert ask(second.environ["DATABASE_URL"], "SELECT n FROM kept") == 42
        assert broker(second.environ["BROKER_URL"]).get("kept") == b"42"


def test_a_port_that_somebody_took_is_left_to_them(folder: Path) -> None:
    with Servers.ensure(folder, durable=False) as first:
        port = records.read(folder)["postgres"].port

    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with Servers.ensure(folder, durable=False) as second:
            assert second.environ["DATABASE_URL"] != first.environ["DATABASE_URL"]
            assert second.environ["BROKER_URL"] == first.environ["BROKER_URL"]
            assert ask(second.environ["DATABASE_URL"], "SELECT 1") == 1


def test_a_killed_server_comes_back_at_its_address_with_its_data(servers: Servers) -> None:
    url = servers.environ["DATABASE_URL"]
    run_sql(url, "CREATE TABLE kept AS SELECT 42 AS n")
    killed = {name: servers.supervisor.pid(name) for name in ("postgres", "valkey")}

    for name in killed:
        servers.supervisor.kill9(name)

    def is_back() -> bool:
        try:
            return ask(url, "SELECT n FROM kept") == 42 and bool(
                broker(servers.environ["BROKER_URL"]).ping()
            )
        except (psycopg.OperationalError, redis.ConnectionError):
            return False

    assert eventually(is_back)
    assert all(servers.supervisor.pid(name) != pid for name, pid in killed.items())
    for name, record in records.read(servers.folder).items():
        assert record.pid == servers.supervisor.pid(name)


def test_kill_9_of_the_owner_stops_the_servers_and_the_next_start_finds_them_gone(
    folder: Path, environ: dict[str, str]
) -> None:
    owner = subprocess.Popen(PROGRAM, env=environ, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        said = [owner.stdout.readline() for _ in range(4)]
    pids = [record.pid for record in records.read(folder).values()]
    assert all(runs(pid) for pid in pids), said

    owner.send_signal(signal.SIGKILL)
    owner.wait()

    assert eventually(lambda: not any(runs(pid) for pid in pids))
    # Stopped in its own way: the next start has nothing to recover.
    assert "database system is shut down" in (folder / "logs" / "postgres.log").read_text()
    with Servers.ensure(folder) as servers:
        assert servers.started == ["postgres", "valkey"]


def test_a_pid_file_whose_number_another_program_got_does_not_prevent_the_start(
    folder: Path,
) -> None:
    with Servers.ensure(folder, durable=False) as first:
        data = next(folder.glob("postgres-*"))
        left_over = (data / "postmaster.pid").read_text()
        pid = str(first.supervisor.pid("postgres"))

    (data / "postmaster.pid").write_text(left_over.replace(pid, str(os.getppid()), 1))

    with Servers.ensure(folder, durable=False) as second:
        assert ask(second.environ["DATABASE_URL"], "SELECT 1") == 1


def test_a_damaged_state_file_counts_as_none(folder: Path) -> None:
    folder.mkdir()
    (folder / "servers.json").write_text("{ half")

    with Servers.ensure(folder, durable=False) as servers:
        assert addresses().items() <= servers.environ.items()


def test_addresses_of_the_environment_win_and_nothing_is_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/aiops")
    monkeypatch.setenv("BROKER_URL", "redis://broker.example:6379/0")

    with Servers.ensure(folder) as servers:
        assert servers.started == []
        assert servers.environ["DATABASE_URL"] == "postgresql://db.example/aiops"
        assert servers.environ["RESULT_URL"] == "redis://broker.example:6379/1"
        assert addresses().items() <= servers.environ.items()


def test_two_that_start_at_the_same_time_do_not_get_in_each_others_way(
    environ: dict[str, str],
) -> None:
    command = [*PROGRAM, "--", "sh", "-c", "echo $DATABASE_URL"]

    with ThreadPoolExecutor() as pool:
        both = [
            pool.submit(subprocess.run, command, env=environ, capture_output=True, text=True)
            for _ in range(2)
        ]
    results = [future.result() for future in both]

    assert [result.returncode for result in results] == [0, 0], results
    assert all("postgresql://" in result.stdout for result in results)


def test_throwaway_servers_leave_nothing_behind(folder: Path) -> None:
    servers = Servers.throwaway()
    assert ask(servers.environ["DATABASE_URL"], "SHOW fsync") == "off"

    servers.stop()

    assert not servers.folder.exists()
    assert servers.folder.is_relative_to(folder)


def test_a_throwaway_folder_of_a_dead_owner_goes_with_the_next_one(folder: Path) -> None:
    left = folder / "throwaway" / "left"
    left.mkdir(parents=True)

    with Servers.throwaway() as servers:
        assert servers.folder.exists()

        assert not left.exists()


def test_a_database_keeps_its_writes_by_default(folder: Path) -> None:
    with Servers.ensure(folder) as servers:
        assert ask(servers.environ["DATABASE_URL"], "SHOW fsync") == "on"
        assert broker(servers.environ["BROKER_URL"]).config_get("append*") == {
            **broker(servers.environ["BROKER_URL"]).config_get("append*"),
            "appendonly": "yes",
            "appendfsync": "everysec",
        }


@NEEDS_ROOT
@NEEDS_OPEN_ENVIRONMENT
def test_as_root_postgres_runs_as_nobody_where_nobody_may_enter(open_folder: Path) -> None:
    with Servers.ensure(open_folder, durable=False) as servers:
        assert real_uid(servers.supervisor.pid("postgres")) == 65534
        assert next(open_folder.glob("postgres-*")).stat().st_uid == 65534


@NEEDS_ROOT
def test_as_root_in_a_private_folder_postgres_runs_in_a_user_namespace(folder: Path) -> None:
    with Servers.ensure(folder, durable=False) as servers:
        pid = servers.supervisor.pid("postgres")

        assert real_uid(pid) == 0
        assert Path(f"/proc/{pid}/uid_map").read_text().split() == ["1000", "0", "1"]


@NEEDS_ROOT
def test_data_changes_hands_when_the_folder_becomes_private(open_folder: Path) -> None:
    with Servers.ensure(open_folder, durable=False) as first:
        run_sql(first.environ["DATABASE_URL"], "CREATE TABLE kept AS SELECT 42 AS n")
    open_folder.parent.chmod(0o700)

    with Servers.ensure(open_folder, durable=False) as second:
        assert real_uid(second.supervisor.pid("postgres")) == 0
        assert ask(second.environ["DATABASE_URL"], "SELECT n FROM kept") == 42
