"""The supervisor, with real processes."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.servers.child import Command, backoff_s, ending
from aiops.servers.output import PrefixedOutput
from aiops.servers.processes import NotReady, Supervisor, table
from aiops.servers.spawn import spawn
from tests.servers.observing import eventually, runs

SLEEPER = ("sleep", "60")
#: Ignores TERM, and says so first.
STUBBORN = ("sh", "-c", 'trap "" TERM; echo ready; while :; do sleep 0.05; done')


@pytest.fixture
def printed() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(printed: io.StringIO) -> Iterator[Supervisor]:
    supervisor = Supervisor(output=PrefixedOutput(printed))
    yield supervisor
    supervisor.kill_all()


def test_a_process_that_is_killed_is_started_again(
    supervisor: Supervisor, printed: io.StringIO
) -> None:
    supervisor.add("sleeper", SLEEPER)
    supervisor.start("sleeper")
    assert eventually(lambda: supervisor.pid("sleeper") is not None)
    first = supervisor.pid("sleeper")

    assert supervisor.kill9("sleeper")

    assert eventually(lambda: supervisor.pid("sleeper") not in {first, None})
    assert supervisor.status()[0].starts == 2
    assert "sleeper ended (killed by SIGKILL); starting it again in 0.2 s" in printed.getvalue()


def test_a_process_that_may_end_is_not_started_again(supervisor: Supervisor) -> None:
    supervisor.add("once", ("sh", "-c", "exit 3"), restart=False)

    supervisor.start("once")

    assert eventually(lambda: supervisor.status()[0].exit_code == 3)
    assert supervisor.status()[0].starts == 1


def test_pauses_double_up_to_a_bound() -> None:
    assert [backoff_s(failures) for failures in (1, 2, 3)] == [0.2, 0.4, 0.8]
    assert backoff_s(50) == 10.0


def test_all_are_asked_to_stop_at_once_and_end_in_their_own_way(
    supervisor: Supervisor, printed: io.StringIO
) -> None:
    script = 'trap "echo stopped; exit 0" TERM; echo ready; while :; do sleep 0.05; done'
    for name in ("one", "two"):
        supervisor.add(name, ("sh", "-c", script))
    supervisor.start_all()
    assert eventually(lambda: printed.getvalue().count("ready") == 2)

    supervisor.stop_all()

    assert [status.exit_code for status in supervisor.status()] == [0, 0]
    assert eventually(lambda: printed.getvalue().count("stopped") == 2)
    assert all(status.pid is None for status in supervisor.status())


def test_a_process_that_does_not_stop_in_time_is_killed_with_its_children(
    supervisor: Supervisor, printed: io.StringIO
) -> None:
    supervisor.add("stubborn", STUBBORN)
    supervisor.start("stubborn")
    assert eventually(lambda: "ready" in printed.getvalue())

    supervisor.stop("stubborn", grace_s=0.1)

    assert supervisor.status()[0].exit_code == -signal.SIGKILL


def test_what_a_process_leaves_behind_ends_with_it(
    supervisor: Supervisor, printed: io.StringIO
) -> None:
    supervisor.add("parent", ("sh", "-c", "sleep 60 & echo $!"), restart=False)

    supervisor.start("parent")

    assert eventually(lambda: supervisor.status()[0].exit_code == 0)
    assert eventually(lambda: "parent | " in printed.getvalue())
    assert eventually(lambda: not runs(int(printed.getvalue().split()[-1])))


def test_a_process_in_its_pause_can_be_stopped(supervisor: Supervisor) -> None:
    supervisor.add("broken", ("sh", "-c", "exit 1"))
    supervisor.start("broken")
    assert eventually(lambda: supervisor.status()[0].starts >= 3)

    supervisor.stop("broken")

    supervisor.forget("broken")
    assert supervisor.status() == []


def test_the_next_process_waits_until_the_one_before_is_ready(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    supervisor.add_command(
        Command(
            name="first",
            argv=("sh", "-c", f"sleep 0.2; touch {ready}; exec sleep 60"),
            missing=lambda: None if ready.exists() else "no file",
        )
    )
    supervisor.add("second", ("sh", "-c", f"test -e {ready}"), restart=False)

    supervisor.start_all()

    assert eventually(lambda: supervisor.status()[1].exit_code == 0)


def test_one_that_never_gets_ready_is_stopped_and_its_last_words_are_told(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.add_command(
        Command(
            name="deaf",
            argv=("sh", "-c", "echo 'the port is taken'; exec sleep 60"),
            log=tmp_path / "deaf.log",
            missing=lambda: "nobody answers",
            ready_s=0.3,
        )
    )

    with pytest.raises(
        NotReady, match=r"(?s)not ready after 0 s \(nobody answers\).*port is taken"
    ):
        supervisor.start("deaf")

    assert supervisor.status()[0].pid is None


def test_each_line_carries_the_name_of_who_printed_it(
    supervisor: Supervisor, printed: io.StringIO
) -> None:
    supervisor.add("web", ("sh", "-c", "echo one; echo two >&2"), restart=False)
    supervisor.add("keeper", ("true",), restart=False)

    supervisor.start_all()

    assert eventually(lambda: printed.getvalue() == "web    | one\nweb    | two\n")


def test_the_table_tells_how_a_process_ended(supervisor: Supervisor) -> None:
    supervisor.add("once", ("sh", "-c", "exit 3"), restart=False)
    supervisor.start("once")
    assert eventually(lambda: supervisor.status()[0].exit_code == 3)

    assert table(supervisor.status()).splitlines()[1].split() == [
        "once",
        "-",
        "-",
        "1",
        "exit",
        "code",
        "3",
    ]
    assert ending(-9) == "killed by SIGKILL"


@pytest.mark.parametrize("watchdog", [False, True], ids=["death signal", "watchdog"])
@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_kill_9_of_the_starter_ends_what_it_started(watchdog: bool) -> None:
    script = f"""
import threading
from aiops.servers.spawn import spawn
process = spawn(("sleep", "60"), watchdog={watchdog})
print(process.pid, flush=True)
threading.Event().wait()
"""
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    with starter.stdout:
        pid = int(starter.stdout.readline())
    assert runs(pid)

    starter.kill()
    starter.wait()

    assert eventually(lambda: not runs(pid))


def test_a_watched_process_ends_by_itself_as_any_other() -> None:
    process = spawn(("sh", "-c", "exit 4"), watchdog=True)

    assert process.wait(10) == 4


def test_signals_that_our_shell_ignored_reach_the_process() -> None:
    script = (
        "trap '' INT; exec \"$0\" -c 'from aiops.servers.spawn import spawn; import signal, sys\n"
    )
    script += (
        'p = spawn(("sh", "-c", "kill -INT $$; sleep 9")); sys.exit(p.wait() != -signal.SIGINT)\''
    )

    done = subprocess.run(["sh", "-c", script, sys.executable], check=False)

    assert done.returncode == 0
