"""A refusal points to the author's own line."""

from __future__ import annotations

from pathlib import Path

import pytest

import aiops.flow
from aiops.flow.where import Where, caller, defined


def test_a_file_below_the_current_folder_is_shown_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert str(Where(str(tmp_path / "flows" / "a.py"), 3)) == "flows/a.py:3"


def test_a_file_elsewhere_is_shown_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)

    assert str(Where(str(tmp_path / "a.py"), 3)) == f"{tmp_path}/a.py:3"


def test_the_caller_is_the_first_line_outside_the_language() -> None:
    group = aiops.flow.parallel(aiops.flow.sleep(seconds=1))

    assert group.where.file == __file__
    assert group.where.module == __name__


def test_what_has_no_code_is_where_it_was_used() -> None:
    assert defined(len).file == caller().file


def test_every_public_name_is_there() -> None:
    assert all(hasattr(aiops.flow, name) for name in aiops.flow.__all__)
