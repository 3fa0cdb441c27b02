"""A shell is no way round the rule of several people."""

from __future__ import annotations

import pytest

from aiops.execution.answer import answer
from aiops.models import Escalation, Run
from tests.admin_.doing import asking_for_approval
from tests.management.calling import refusal, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that two people must approve; ann is at the keyboard."""
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    run = asking_for_approval()
    Escalation.objects.filter(run=run).update(people=2, not_by="eve")
    return run


def asked(run: Run) -> Escalation:
    return Escalation.objects.get(run=run)


def test_the_first_approval_says_that_another_must_follow(run: Run) -> None:
    told = said("approve", str(run.id))

    assert "1 of 2: cli:ann" in told
    assert "It goes on when another person approves it." in told
    assert asked(run).state == "open"


@pytest.mark.parametrize("command", [("approve",), ("answer", "approve")])
def test_who_approved_in_the_console_does_not_do_it_again_at_a_shell(
    run: Run, command: tuple[str, ...]
) -> None:
    answer(asked(run).id, "approve", actor="ann")

    told = refusal(command[0], str(asked(run).id), *command[1:])

    assert "has approved it already: another person must. Nothing was changed." in told
    assert len(asked(run).approvals) == 1


def test_who_started_the_run_does_not_approve_it_at_a_shell(run: Run) -> None:
    Escalation.objects.update(not_by="ann")

    assert "ann has started the run" in refusal("approve", str(run.id))


def test_the_second_person_at_a_shell_lets_it_go_on(run: Run) -> None:
    answer(asked(run).id, "approve", actor="bob")

    told = said("approve", str(run.id))

    assert "another person" not in told
    assert (asked(run).state, asked(run).answered_by) == ("answered", "cli:ann")
