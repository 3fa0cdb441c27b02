"""Every verb of the console with a run that it is for, and how a person does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aiops.models import Escalation, Event, Run, Step
from tests.execution.orders import ask, begun, done, edit, set_run, stop_at

# Runs that each verb is for


def failed() -> Run:
    run = begun()
    stop_at(run, "notify")
    return run


def maybe_sent() -> Run:
    run = begun()
    stop_at(run, "charge", sent="maybe")
    return run


def paused() -> Run:
    return set_run(begun(), paused_at=timezone.now())


def stopping() -> Run:
    run = begun()
    now = timezone.now()
    lease = {"worker": "io@a/1", "lease_until": now + timedelta(seconds=30)}
    edit(run, "read", state="running", reason="lease", dispatch_due=None, started_at=now, **lease)
    return set_run(run, state="cancelling", cancel_requested_at=now)


def asking_for_approval() -> Run:
    run = begun()
    done(run, "read", "pack")
    edit(run, "agree", state="waiting", reason="approval", dispatch_due=None)
    ask(run, "agree", kind="approval", question="Ship it?", shows={"text": "a secret"})
    return run


def in_doubt() -> Run:
    run = begun()
    stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge", question="Was the payment taken?")
    return run


def used_up() -> Run:
    run = begun()
    stop_at(run, "read", state="attention")
    ask(run, "read", kind="retries_used_up", question="Four attempts failed. What now?")
    return run


@dataclass(frozen=True)
class Case:
    """A verb, a run it is for, what its form sends, and the event that it leaves."""

    verb: str
    run: Callable[[], Run]
    event: str
    role: str = "admin"
    step: str = ""
    is_answer: bool = False
    sends: dict[str, str] = field(default_factory=dict)
    #: Where the event keeps the reason.
    reason_in: str = "reason"

    def __str__(self) -> str:
        return f"{'answer ' if self.is_answer else ''}{self.verb}"


TICKED = {"ticked": "1"}
PAID = {"result": '"paid"'}
CASES = [
    Case("retry", failed, "run.retried", "operator"),
    Case("retry", maybe_sent, "run.retried", sends=TICKED),
    Case("retry_step", failed, "run.retried", "operator", step="notify"),
    Case("retry_from", failed, "run.retried_from", "operator", step="notify"),
    Case("replay", failed, "run.replays", sends={**TICKED, "input": '{"id": "B2"}'}),
    Case("skip", failed, "step.skipped", step="notify", reason_in="why"),
    Case("mark_done", maybe_sent, "step.supplied", step="charge", sends=PAID),
    Case("supply", failed, "step.supplied", step="notify", sends=PAID),
    Case("cancel", begun, "run.cancelling", "operator"),
    Case("cancel_now", stopping, "run.taken_away", "operator"),
    Case("pause", begun, "run.paused", "operator"),
    Case("resume", paused, "run.resumed", "operator"),
    Case("escalate", failed, "escalation.asked", "operator", sends={"person": "bob"}),
    Case(
        "claim", asking_for_approval, "escalation.taken", "operator", is_answer=True, reason_in=""
    ),
    *[
        Case(
            verb,
            run,
            "escalation.answered",
            "approver",
            is_answer=True,
            sends=sends,
            reason_in="note",
        )
        for verb, run, sends in (
            ("approve", asking_for_approval, {}),
            ("reject", asking_for_approval, {}),
            ("it_happened", in_doubt, PAID),
            ("it_did_not", in_doubt, TICKED),
            ("retry", used_up, {}),
            ("supply", used_up, {"result": '"A1"'}),
            ("skip", used_up, {}),
            ("cancel", used_up, {}),
        )
    ],
]


def address(case: Case, run: Run) -> str:
    query: dict[str, Any] = {"step": case.step} if case.step else {}
    if case.is_answer:
        query["escalation"] = Escalation.objects.get(run=run).id
    return reverse("admin:aiops_run_do", args=[run.id, case.verb], query=query)


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("name"):
            self.found[str(given["name"])] = given.get("value") or ""


def shown(client: Client, url: str) -> dict[str, str]:
    """The hidden fields of the plan at this address."""
    # As in the dialog: without the shell of the console, which takes longer than the plan.
    response = client.get(url, headers={"HX-Request": "true"})
    assert response.status_code == 200, (url, response.status_code)
    parser = _Fields()
    parser.feed(response.content.decode())
    return parser.found


def form(case: Case, fingerprint: str) -> dict[str, str]:
    return {"fingerprint": fingerprint, "reason": "because of the test", **case.sends}


def press(client: Client, case: Case, run: Run) -> Any:
    """Look at the plan, and do it."""
    url = address(case, run)
    return client.post(url, form(case, shown(client, url)["fingerprint"]))


def everything() -> list[Any]:
    """The whole record, to compare."""
    models = (Run, Step, Escalation, Event)
    return [list(model.objects.order_by("pk").values()) for model in models]


def text(response: Any) -> str:
    return str(response.content.decode())
