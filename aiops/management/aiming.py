"""What `pause` and `resume` are aimed at: a run, a pool or a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser


def aims(parser: CommandParser) -> None:
    """Take exactly one of them."""
    one = parser.add_mutually_exclusive_group(required=True)
    one.add_argument("run", nargs="?", help="a run: its id, or the start of it")
    one.add_argument("--pool", help="all steps of this pool")
    one.add_argument("--workflow", help="all steps of the runs of this workflow")


def aim(options: Mapping[str, Any]) -> tuple[str, str]:
    """What it is, and its name."""
    what = next(name for name in ("run", "pool", "workflow") if options[name])
    return what, str(options[what])
