"""Keeping promises: each mail that was promised goes out when its run has ended, or a person is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext

from aiops.access import run_token
from aiops.execution import escalate, outbox
from aiops.execution.catalog import plan_of
from aiops.execution.outbox import NotTaken
from aiops.execution.user_status import GOOD
from aiops.execution.user_view import user_view
from aiops.models import Event, Promise, PromiseState, Run, RunState, promise_moves

#: The message that brings promises that are due to a worker.
MESSAGE = "tasks.keep_promises"


def hand_out() -> int:
    """Send messages for what is due: what was promised about a run that has ended.

    That is read off the run itself, so nothing that might be lost has to happen at its end. Returns
    for how many; raises BrokerAway, and all stays due.
    """
    due = Promise.objects.filter(
        state=PromiseState.WAITING, next_at__lte=timezone.now(), run__finished_at__isnull=False
    )
    return outbox.hand_out(due, MESSAGE)


def keep(named: Sequence[Sequence[int]]) -> int:
    """Keep these, unless another message has meanwhile. Returns how many mails were taken.

    A crash between the sending and its record sends a mail a second time, under the same Message-ID.
    """
    return sum(_keep(id_, tries) for id_, tries in named)


def _keep(promise_id: int, tries: int) -> bool:
    owed = promise_moves.take(promise_id, tries=tries, patience_s=outbox.PATIENCE_S)
    if owed is None:
        return False
    if owed.run.state == RunState.CANCELLED and _stopped_by_the_user(owed.run):
        promise_moves.drop(owed)
        return False
    seen = user_view(owed.run_id, language=owed.language)
    if not seen["is_final"]:
        # Somebody has brought it back just now: the mail is owed at its next end.
        promise_moves.put_off(owed, until=timezone.now(), why="")
        return False
    try:
        _send(owed, seen)
    except NotTaken as error:
        _failed(owed, error)
        return False
    promise_moves.keep(owed, told=seen["state"])
    return True


def _stopped_by_the_user(run: Run) -> bool:
    """Whoever has pressed the button needs no mail about it."""
    stopped = Event.objects.filter(run=run, kind="run.cancelling").order_by("-id").first()
    return stopped is not None and stopped.actor == run_token.USER


def _send(owed: Promise, seen: Mapping[str, Any]) -> None:
    if not settings.AIOPS_CAN_MAIL:
        raise NotTaken("no mail server is set up any more (EMAIL_HOST)", is_final=True)
    with translation.override(owed.language):
        subject, body = _written(owed, seen)
    outbox.mail(to=owed.address, subject=subject, body=body, message_id=message_id(owed))


def _written(owed: Promise, seen: Mapping[str, Any]) -> tuple[str, str]:
    """The subject and the text of the mail, in the language of the moment."""
    said = plan_of(owed.run.version_id).tells.email if seen["state"] in GOOD else ""
    title = seen["title"] or gettext("What you asked us for")
    token = run_token.sign(owed.run_id)
    context = {
        "seen": seen,
        "title": title,
        "sentence": gettext(said) if said else seen["sentence"],
        "url": f"{settings.AIOPS_BASE_URL}{reverse('status:page', args=[token])}",
    }
    # A mail's subject is one line.
    subject = " ".join(f"{seen['headline']}: {title}".split())
    return subject, render_to_string("status/mail.txt", context)


def message_id(owed: Promise) -> str:
    """The same for every attempt to tell of this end."""
    host = urlsplit(settings.AIOPS_BASE_URL).hostname or "localhost"
    ended = f"{owed.run.finished_at:%Y%m%d%H%M%S%f}"
    return f"<promise.{owed.pk}.{ended}@{host}>"


def _failed(owed: Promise, error: NotTaken) -> None:
    why = str(error)[:300]
    until = outbox.next_at(owed.tries, error)
    if until is not None:
        promise_moves.put_off(owed, until=until, why=why)
        return
    with transaction.atomic():
        if promise_moves.give_up(owed, why=why):
            escalate.ask_of_run(
                owed.run_id,
                "promise",
                "A mail that was promised to the user could not be sent. Send it again once mail "
                "works, or tell them another way and let it be.",
                shows={"address": owed.address, "tries": owed.tries, "why": why},
            )
