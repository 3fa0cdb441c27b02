"""The page of one request in one value: the question, the evidence, and what each answer brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString

from aiops.admin.page import asking, graph, reading, words
from aiops.admin.page.amounts import from_now
from aiops.admin.page.build import exact, nodes
from aiops.admin.page.choices import choices
from aiops.admin.page.evidence import evidence
from aiops.admin.page.happened import told
from aiops.admin.page.reading import MOST_EVENTS
from aiops.admin.page.told_whom import told_whom
from aiops.execution import escalate, people, urgency
from aiops.execution.answers import answers_of
from aiops.execution.facts import RunFacts, load
from aiops.execution.looking import VIEWED
from aiops.execution.offers import ANSWER_LABELS
from aiops.models import (
    Escalation,
    EscalationState,
    Event,
    Notification,
    NotificationState,
    Step,
)

Can = Callable[[str], bool]

#: The times on the page are redrawn after this long at the latest.
AGES_S = 60
#: The hash of a question that shows nothing.
_SHOWS_NOTHING = escalate.fingerprint(None)


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a question."""

    heading: str
    icon: str
    tone: str
    at: datetime
    when: str
    note: str


def look_at(asked_id: UUID) -> Escalation | None:
    """The question with what changes when anything of its page does, in one query."""
    of_run = Event.objects.filter(run=OuterRef("run")).exclude(kind=VIEWED)
    steps = Step.objects.filter(run=OuterRef("run")).order_by().values("run")
    sent = Notification.objects.filter(escalation=OuterRef("id")).order_by().values("escalation")
    is_over = ~Q(state=NotificationState.WAITING)
    return (
        Escalation.objects.defer("shows")
        .select_related("step")
        .defer("step__result", "step__item_value", "step__progress", "step__history")
        .annotate(
            newest_event=Coalesce(Subquery(of_run.order_by("-id").values("id")[:1]), 0),
            moved_at=Subquery(steps.annotate(at=Max("since")).values("at")),
            claims=Subquery(steps.annotate(sum=Sum("fence")).values("sum")),
            notices=Subquery(sent.annotate(number=Count("id")).values("number")),
            tries=Subquery(sent.annotate(sum=Sum("tries")).values("sum")),
            notices_over=Subquery(sent.annotate(n=Count("id", filter=is_over)).values("n")),
        )
        .filter(id=asked_id)
        .first()
    )


def version(asked: Escalation, user_id: int, now: datetime) -> str:
    """The version of a request's page for one user; nobody can make it without having seen it."""
    counted = ("newest_event", "moved_at", "claims", "notices", "tries", "notices_over")
    seen = [
        *(user_id, asked.pk, asked.state, asked.owner),
        *(getattr(asked, name) for name in counted),
        int(now.timestamp() // AGES_S),
    ]
    return salted_hmac("aiops.admin.request", repr(seen), algorithm="sha256").hexdigest()[:32]


def build(asked: Escalation, user: str, user_can: Can) -> dict[str, Any]:
    """Everything about a request that `look_at` has just read."""
    facts = load(asked.run_id)
    answers = answers_of(facts)
    is_open = asked.state == EscalationState.OPEN
    return {
        "asked": asked,
        "run": facts.run,
        "severity": asking.SEVERITY[asked.severity],
        "facts": _facts(asked, facts),
        "decided": None if is_open else _decided(asked, facts.now),
        "approvals": asked.approvals,
        "evidence": evidence(asked, facts),
        "shows_something": asked.shown_hash != _SHOWS_NOTHING,
        **(choices(asked, facts, user, user_can) if is_open else {}),
        "graph": _graph(facts),
        "told_whom": told_whom(asked.id),
        "seen": answers["user"],
        **_events(facts),
    }


def _facts(asked: Escalation, facts: RunFacts) -> list[dict[str, Any]]:
    """What stands below the title; "url" makes it a link, "more" its exact time."""
    run, due = facts.run, asking.due(asked.opened_at, asked.due_at, facts.now)
    is_open = asked.state == EscalationState.OPEN
    run_url = reverse("admin:aiops_run_change", args=[run.pk])
    rows: list[dict[str, Any]] = [
        {"name": "Kind", "value": asked.get_kind_display()},
        {"name": "Run", "value": run.title or run.workflow, "url": run_url},
        {"name": "Step", "value": str(asked.step) if asked.step is not None else "–"},
        {
            "name": "Opened",
            "value": from_now(asked.opened_at, facts.now),
            "more": exact(asked.opened_at),
        },
    ]
    if is_open and asked.due_at is not None:
        rows += [
            {
                "name": "Due",
                "value": due.text,
                "more": exact(asked.due_at),
                "urgency": due.urgency,
            },
            {"name": "If nobody answers", "value": urgency.IF_NOBODY.get(asked.if_nobody, "")},
        ]
    handed_up = f", handed up {asked.level}×" if asked.level else ""
    rows += [
        {"name": "For", "value": f"{asked.group or 'anyone'}{handed_up}"},
        {"name": "Owner", "value": asked.owner or ("nobody yet" if is_open else "–")},
    ]
    if asked.people > 1:
        rows.append({"name": "People", "value": people.told(asked.approvals, asked.people)})
    if asked.not_by:
        rows.append({"name": "Not by", "value": f"{asked.not_by}, who started it"})
    return rows


def _decided(asked: Escalation, now: datetime) -> Decided:
    if asked.state == EscalationState.ANSWERED:
        label = ANSWER_LABELS.get(asked.answer, asked.answer)
        icon = words.VERB_ICONS.get(asked.answer, "front_hand")
        heading = f"{asked.answered_by} decided: {label}"
        at, tone, note = asked.answered_at or now, "violet", asked.note
    else:
        heading, icon, tone = "It closed by itself", "task_alt", "slate"
        at, note = asked.closed_at or now, asked.closed_why
    return Decided(heading, icon, tone, at, from_now(at, now), note)


def _graph(facts: RunFacts) -> SafeString:
    """Where it stopped; the nodes lead to the steps on the page of the run."""
    url = reverse("admin:aiops_run_change", args=[facts.run.pk])
    drawn = graph.draw(nodes(facts))
    return SafeString(drawn.replace('href="#step-', f'href="{url}#step-'))


def _events(facts: RunFacts) -> dict[str, Any]:
    found: Sequence[Any] = reading.events(facts.run.id)
    names: Mapping[UUID, str] = {step.id: step.name for step in facts.steps}
    url = reverse("admin:aiops_run_change", args=[facts.run.pk])
    return {
        "events": told(found[:MOST_EVENTS], names),
        "has_more_events": len(found) > MOST_EVENTS,
        "events_href": f"{url}?events=failed",
    }
