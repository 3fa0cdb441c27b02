"""Calling a command as a shell does, in this process."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError


def said(*arguments: str) -> str:
    """What a command writes, without colour."""
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO(), no_color=True)
    return out.getvalue()


def refusal(*arguments: str) -> str:
    """What a command says when it refuses."""
    with pytest.raises(CommandError) as caught:
        said(*arguments)
    return str(caught.value)
