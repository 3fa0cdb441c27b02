"""Runs as users meet them: one in each state that their page can show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from aiops.access import run_token
from aiops.models import Lane, Promise, Run
from tests.browser.pictured import ticket
from tests.execution.orders import ask, edit, set_run

TITLE = "Your question about order 58333"


def address(run: Run, *, allows: tuple[str, ...] = ("see", "cancel")) -> str:
    return f"/s/{run_token.sign(run.id, allows=allows)}/"


def done(run: Run, *names: str) -> None:
    now = timezone.now()
    fields: dict[str, Any] = {"state": "succeeded", "reason": "", "dispatch_due": None}
    for name in names:
        edit(run, name, **fields, started_at=now, finished_at=now)


def queued() -> Run:
    return ticket(1, title=TITLE)


def running() -> Run:
    run = ticket(2, title=TITLE)
    done(run, "ticket", "classify", "policies", "account")
    now = timezone.now()
    edit(
        run,
        "draft",
        state="running",
        reason="lease",
        worker="llm@a/1",
        started_at=now,
        dispatch_due=None,
        lease_until=now + timedelta(hours=1),
    )
    Promise.objects.create(run=run, address="mia@example.com")
    return set_run(run, state="running")


def retrying() -> Run:
    run = running()
    held = timezone.now() + timedelta(minutes=1)
    Lane.objects.create(name="fast", state="held", cause="failing", held_until=held)
    edit(run, "draft", state="waiting", reason="lane", lane="fast", lease_until=None)
    return set_run(run, state="waiting")


def waiting() -> Run:
    run = running()
    done(run, "draft", "checks")
    until = timezone.now() + timedelta(hours=4)
    edit(run, "approval", state="waiting", reason="approval", until=until, dispatch_due=None)
    return set_run(run, state="waiting")


def attention() -> Run:
    run = waiting()
    done(run, "approval")
    error = {"word": "ambiguous", "type": "Ambiguous", "message": "smtp broke off", "sent": "maybe"}
    edit(run, "send", state="attention", reason="person", error=error, in_doubt=True)
    set_run(run, state="attention")
    ask(run, "send")
    return run


def failed() -> Run:
    run = running()
    error = {"word": "permanent", "type": "PermanentInput", "message": "no such customer"}
    edit(run, "draft", state="failed", reason="", error=error, lease_until=None)
    return set_run(run, state="failed", finished_at=timezone.now())


def cancelling() -> Run:
    return set_run(running(), state="cancelling", cancel_requested_at=timezone.now())


def cancelled() -> Run:
    run = running()
    edit(run, "draft", state="cancelled", reason="", lease_until=None)
    now = timezone.now()
    return set_run(run, state="cancelled", cancel_requested_at=now, finished_at=now)


def succeeded() -> Run:
    run = waiting()
    done(run, "approval", "send", "confirm")
    metadata = {"result_url": "https://shop.example.org/orders/58333"}
    return set_run(run, state="succeeded", finished_at=timezone.now(), metadata=metadata)


def partial() -> Run:
    run = succeeded()
    edit(run, "account", state="skipped")
    return set_run(run, state="partial")


STATES = {
    made.__name__: made
    for made in (
        *(queued, running, retrying, waiting, attention),
        *(failed, cancelling, cancelled, succeeded, partial),
    )
}
