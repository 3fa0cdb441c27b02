"""As whom a server runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aiops.servers.identity import (
    AS_WE_ARE,
    IN_NAMESPACE,
    NOBODY,
    Identity,
    NoIdentity,
    candidates,
    choose,
)

ALICE = (1001, 1001)


def test_an_ordinary_user_stays_who_they_are() -> None:
    assert candidates(1001, ALICE) == [AS_WE_ARE]
    assert AS_WE_ARE.owner is None
    assert AS_WE_ARE.options == []


def test_root_becomes_nobody_else_the_projects_owner_else_enters_a_namespace() -> None:
    assert candidates(0, ALICE) == [Identity(NOBODY, NOBODY), Identity(*ALICE), IN_NAMESPACE]
    assert candidates(0, (0, 0)) == [Identity(NOBODY, NOBODY), IN_NAMESPACE]


def test_in_a_namespace_files_stay_our_own() -> None:
    assert IN_NAMESPACE.owner == (os.geteuid(), os.getegid())


def test_the_first_that_works_is_taken() -> None:
    assert choose(candidates(0, ALICE), lambda who: who.uid == 1001, Path("/x")) == Identity(*ALICE)


def test_root_without_any_way_out_is_told_three() -> None:
    with pytest.raises(NoIdentity, match=r"ordinary user, move the project .* or set DATABASE_URL"):
        choose(candidates(0, ALICE), lambda _: False, Path("/x"))
