"""Runs of the example workflow as a day at work leaves them: rows with times that make a picture."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from aiops.execution.start import start_run
from aiops.models import Attempt, Event, Run, Step
from tasks.workflows.support_reply import Mail, support_reply
from tests.execution.orders import ask, edit, set_run

TRACE = """Traceback (most recent call last):
  File "tasks/support/mail.py", line 64, in deliver
    server.send_message(message)
smtplib.SMTPServerDisconnected: Connection unexpectedly closed
"""


def ticket(minutes_ago: float, title: str = "Where is my order 58333?") -> Run:
    """A run that was accepted so long ago, and nothing more."""
    given = Mail(sender="mia@example.com", subject=title, body="It has not come yet.")
    run = start_run(support_reply, given, title=title, started_by="api:shop", tenant="northwind")
    began = timezone.now() - timedelta(minutes=minutes_ago)
    Event.objects.filter(run=run).update(at=began)
    return set_run(run, created_at=began, since=began, started_at=began + timedelta(seconds=1))


def worked(
    run: Run, name: str, begin_s: float, took_s: float, outcome: str = "succeeded", **given: Any
) -> Step:
    """One attempt of a step, so many seconds after the run was accepted."""
    begin = run.created_at + timedelta(seconds=begin_s)
    end = begin + timedelta(seconds=took_s)
    is_good = outcome == "succeeded"
    found = edit(
        run,
        name,
        state="succeeded" if is_good else "failed",
        reason="",
        dispatch_due=None,
        started_at=begin,
        finished_at=end,
        since=end,
        error=given.get("error"),
    )
    tell(run, found, f"step.{outcome}", end, message=(given.get("error") or {}).get("message", ""))
    Attempt.objects.create(
        step=found,
        run=run,
        number=Attempt.objects.filter(step=found).count() + 1,
        outcome=outcome,
        started_at=begin,
        finished_at=end,
        worker="llm@node-1/3" if found.pool == "llm" else "effects@node-1/1",
        task_id="0f4b2c4e-6d0e-4b0f-9f53-1d4b4f6b5a77",
        cost_microusd=4_300 if found.pool == "llm" else None,
        **given,
    )
    return found


def tell(run: Run, step: Step, kind: str, at: datetime, **data: Any) -> None:
    said = {"name": step.name, **{key: text for key, text in data.items() if text}}
    event = Event.objects.create(run=run, step=step.id, kind=kind, data=said)
    Event.objects.filter(id=event.id).update(at=at)


def drafted(run: Run) -> None:
    """Everything before the approval is done, the draft at the second try."""
    slow = {
        "word": "rate_limited",
        "type": "RateLimited",
        "message": "429: too many requests",
        "sent": "no",
        "traceback": "Traceback (most recent call last):\n  ...\n",
    }
    worked(run, "ticket", 1, 0.2)
    worked(run, "classify", 2, 9.6)
    worked(run, "policies", 2, 6.1)
    worked(run, "account", 2, 0.3)
    worked(run, "draft", 13, 6.5, "failed", error=slow)
    worked(run, "draft", 26, 13)
    worked(run, "checks", 39, 0.2)


def waiting(minutes_ago: float = 47) -> Run:
    """A run that waits for an approval on purpose."""
    run = ticket(minutes_ago, "Refund for a broken lamp")
    drafted(run)
    asked_at = run.created_at + timedelta(seconds=40)
    name = approval_of(run)
    edit(run, name, state="waiting", reason="approval", since=asked_at, started_at=asked_at)
    ask(
        run,
        name,
        "approval",
        question="Send this reply?",
        due_at=asked_at + timedelta(hours=4),
        shows={"body": "We are sorry."},
    )
    return set_run(run, state="waiting", reason="waits for an approval", since=asked_at)


def in_doubt(minutes_ago: float = 16) -> Run:
    """A run whose effect may have gone out, after four tries."""
    run = ticket(minutes_ago)
    drafted(run)
    name = approval_of(run)
    moment = run.created_at + timedelta(seconds=40)
    approved = moment + timedelta(seconds=9)
    edit(run, name, state="succeeded", started_at=moment, finished_at=approved, since=approved)
    error = {
        "word": "ambiguous",
        "type": "Ambiguous",
        "message": "Mail server closed the connection",
        "sent": "maybe",
        "fingerprint": "mail-closed",
        "traceback": TRACE,
    }
    for number, begin_s in enumerate((51, 58, 70), 1):
        sent = "no" if number < 3 else "maybe"
        worked(run, "send", begin_s, 2.4, "failed", error={**error, "sent": sent}, sent=sent)
    stopped = run.created_at + timedelta(seconds=72)
    edit(run, "send", state="attention", reason="person", in_doubt=True, finished_at=None)
    ask(run, "send", question="Did “send” go out?", due_at=timezone.now() + timedelta(minutes=44))
    return set_run(run, state="attention", reason="send may have gone out", since=stopped)


def running() -> Run:
    """A run on which a worker is now."""
    run = ticket(0.4, "Change of address")
    worked(run, "ticket", 1, 0.2)
    worked(run, "classify", 2, 4.2)
    worked(run, "policies", 2, 3.1)
    worked(run, "account", 2, 0.3)
    begin = timezone.now() - timedelta(seconds=12)
    lease = timezone.now() + timedelta(seconds=30)
    edit(
        run,
        "draft",
        state="running",
        reason="lease",
        started_at=begin,
        since=begin,
        lease_until=lease,
        worker="llm@node-1/2",
        dispatch_due=None,
        fence=1,
    )
    return set_run(run, state="running", since=begin)


def approval_of(run: Run) -> str:
    return Step.objects.get(run=run, kind="approval").name
