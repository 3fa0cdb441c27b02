"""What commands that change something share: who acts, and how a refusal is told."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import BaseCommand, CommandError

from aiops.execution.people import told
from aiops.execution.resume import NotPossible
from aiops.execution.start import StartRefused
from aiops.flow.errors import StepError
from aiops.flow.refusals import WorkflowError
from aiops.models import Escalation, EscalationState


class OperatorCommand(BaseCommand):
    """A command that works although a workflow file is wrong: what runs must be looked after."""

    requires_system_checks = []


def actor() -> str:
    """Who is at the keyboard, as events and the audit name it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container's user often has no name; Python 3.13 says OSError, earlier ones KeyError.
        name = "unknown"
    return f"cli:{name}"[:150]


@contextmanager
def refusals_told() -> Iterator[None]:
    """Turn a refusal into a command's error: what happened and what to do, without a traceback."""
    try:
        yield
    except (NotPossible, StartRefused, WorkflowError, StepError) as error:
        raise CommandError(f"{str(error).rstrip('.')}. Nothing was changed.") from None


def still_open(asked: Escalation) -> str:
    """What an approval that was not the last one leaves open; "" when the question is answered."""
    if asked.state != EscalationState.OPEN:
        return ""
    return f"; {told(asked.approvals, asked.people)}. It goes on when another person approves it."
