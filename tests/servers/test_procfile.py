"""The Procfile, and how it is read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aiops.pools import POOLS
from aiops.servers.home import PROJECT
from aiops.servers.procfile import BadProcfile, parse, shell


def test_comments_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    path.write_text("# how to run it\n\nweb: serve --port ${PORT:-8000}\nkeeper:  keep\n")

    assert parse(path) == {"web": "serve --port ${PORT:-8000}", "keeper": "keep"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("web serve", "Procfile:1: write it as"),
        ("a: x\na: y", "Procfile:2: the name 'a' comes twice"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "Procfile"
    path.write_text(text)

    with pytest.raises(BadProcfile, match=says):
        parse(path)


def test_a_command_may_set_variables_and_use_them() -> None:
    argv = shell("GREETING=hello sh -c 'echo $GREETING ${NAME:-you}'")

    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "hello you\n"


def test_there_is_one_worker_for_each_pool() -> None:
    commands = parse(PROJECT / "Procfile").values()
    served = [command.split()[-1] for command in commands if " worker " in command]

    assert sorted(served) == sorted(POOLS)
