"""Finding what a person names on a command line: a run or an escalation by the start of its id."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import Model, QuerySet

from aiops.models import Escalation, EscalationState, Run
from aiops.models.beginning import ids_beginning

M = TypeVar("M", bound=Model)

#: Shorter starts are more often a typing error than an id.
SHORTEST = 4
#: How many candidates an ambiguous start names.
MOST_SHOWN = 5


def run_named(text: str) -> Run:
    """The run of an id, or of a start of it that only one run has."""
    return _one(Run.objects.defer("input"), text, "run", "manage.py runs lists them")


def escalation_named(text: str) -> Escalation:
    """The escalation of an id, or of a start of it that only one has."""
    hint = "manage.py show RUN lists those of a run"
    return _one(Escalation.objects.all(), text, "escalation", hint)


def approval_named(text: str) -> Escalation:
    """The open approval of a run, or the escalation itself, by the start of either's id."""
    span = _span(text, "run or escalation")
    direct = list(Escalation.objects.filter(id__range=span)[:2])
    if len(direct) == 1:
        return direct[0]
    found = list(
        Escalation.objects.filter(
            run=run_named(text), kind="approval", state=EscalationState.OPEN
        ).order_by("opened_at")
    )
    if not found:
        raise CommandError(
            f"nothing of run {text} waits for an approval: manage.py show {text} tells what it "
            "waits for"
        )
    if len(found) > 1:
        listed = "\n".join(f"  {one.id}  {one.question}" for one in found[:MOST_SHOWN])
        raise CommandError(f"run {text} asks for {len(found)} approvals: name one of\n{listed}")
    return found[0]


def json_given(text: str, option: str) -> Any:
    """The JSON of an option: the text itself, @file for a file, - for standard input."""
    source, content = _content(text, option)
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise CommandError(
            f"{option}{source} is not JSON (line {error.lineno}, column {error.colno}: "
            f"{error.msg}). Give JSON, as in '{{\"id\": 1}}', @file, or - for standard input; "
            "a text needs its double quotes"
        ) from None


def _content(text: str, option: str) -> tuple[str, str]:
    if text == "-":
        return " from standard input", sys.stdin.read()
    if not text.startswith("@"):
        return "", text
    try:
        return f" in {text[1:]}", Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{option} cannot be read from {text[1:]}: {error}") from None


def _one(rows: QuerySet[M], text: str, noun: str, hint: str) -> M:
    found = list(rows.filter(pk__range=_span(text, noun)).order_by("pk")[: MOST_SHOWN + 1])
    if not found:
        raise CommandError(f"there is no {noun} {text}: {hint}")
    if len(found) > 1:
        # Ids begin with their time: those of one minute begin alike.
        listed = "\n".join(f"  {one.pk}  {one}" for one in found[:MOST_SHOWN])
        more = "\n  ..." if len(found) > MOST_SHOWN else ""
        raise CommandError(f"more than one {noun} begins with {text}: give more of\n{listed}{more}")
    return found[0]


def _span(text: str, noun: str) -> tuple[UUID, UUID]:
    found = ids_beginning(text, SHORTEST)
    if found is None:
        raise CommandError(
            f"{text!r} is no id of a {noun}: give the id, or its first {SHORTEST} characters or more"
        )
    return found
