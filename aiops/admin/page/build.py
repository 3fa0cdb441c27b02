"""The run page in one value: everything the template shows, from one reading of the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.safestring import SafeString

from aiops.admin.page import bars, graph, reading, timeline, usual, words
from aiops.admin.page.amounts import count, from_now, length, money
from aiops.admin.page.aside import Aside, aside
from aiops.admin.page.buttons import buttons
from aiops.admin.page.callout import Callout, callout
from aiops.admin.page.happened import told
from aiops.admin.page.reading import MOST_EVENTS, Try
from aiops.admin.page.steps import (
    group_page,
    item_counts,
    items_told,
    shown_verdict,
    state_shown,
    steps,
    took,
)
from aiops.execution import judge
from aiops.execution.answers import answers_of
from aiops.execution.facts import RunFacts, StepRow, load
from aiops.execution.offers import Offer, offers
from aiops.execution.user_view import reference
from aiops.models import DeliveryState, Run, StepState
from aiops.telemetry import ids

Can = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to see of a run that has much of it; its address says so."""

    whole_graph: bool = False
    failures_only: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        return cls(query.get("graph") == "all", query.get("events") == "failed")

    @property
    def query(self) -> str:
        graph = "&graph=all" if self.whole_graph else ""
        return graph + ("&events=failed" if self.failures_only else "")

    def href(self, **changed: bool) -> str:
        """The same page with something else wanted."""
        other: Wanted = replace(self, **changed)
        return f"?{other.query.lstrip('&')}"


ORDINARY = Wanted()


def build(run: Run, user_can: Can, wanted: Wanted = ORDINARY) -> dict[str, Any]:
    """Everything about a run that `look_at` has just read. Raises Run.DoesNotExist."""
    facts = load(run.id)
    answers = answers_of(facts)
    tries = reading.attempts(run.id)
    worst = next(judge.stopped(facts), None)
    fingerprint = str((worst.error or {}).get("fingerprint") or "") if worst else ""
    beside = aside(facts.run, fingerprint, usual.steps(facts))
    possible = offers(answers, user_can)
    first = callout(answers, possible, alike=beside.alike)
    return {
        "run": facts.run,
        "answers": answers,
        "head": {
            **head(facts, answers, possible, first.offers if first else ()),
            "spend": _spend(answers["succeeded"]["cost_microusd"], beside),
            "usual": usual.told(facts, beside.usual_s),
        },
        "callout": _callout(run.id, first, group_page(worst.error) if worst else ""),
        **_graph(facts, wanted),
        "timeline": _timeline(facts, tries),
        "steps": steps(facts, tries, possible, answers["retry"]["failed_items"], beside),
        "seen": answers["user"],
        **_events(facts, wanted),
        **_links(facts),
        "deliveries": deliveries_told(beside.deliveries, user_can),
        "wanted": wanted,
    }


def head(
    facts: RunFacts,
    answers: Mapping[str, Any],
    possible: Sequence[Offer],
    shown_below: Sequence[Offer] = (),
) -> dict[str, Any]:
    """State, title, verbs and facts; what the callout offers is solid there, and only there."""
    run, of_run = facts.run, [o for o in possible if o.step is None and o.escalation is None]
    done = answers["succeeded"]
    end = run.finished_at or facts.now
    return {
        "look": words.RUN[run.state],
        "title": run.title or run.workflow,
        "buttons": buttons(run.id, _unless_below(of_run, shown_below)),
        "short": reference(str(run.id)),
        "facts": [
            ("Workflow", f"{run.workflow} v{facts.plan.version}", ""),
            ("For", run.tenant, f"started by {run.started_by}" if run.started_by else ""),
            ("Started", from_now(run.created_at, facts.now), exact(run.created_at)),
            (
                "Took" if run.finished_at else "Open for",
                length((end - run.created_at).total_seconds()),
                "",
            ),
            (
                "Steps",
                f"{done['steps_done']} of {done['steps_total']} done{_retries(facts)}",
                "",
            ),
        ],
    }


def _spend(cost: int | None, beside: Aside) -> str:
    """What it cost so far, what it may cost, and its tokens: as far as they are recorded."""
    budget = beside.budget_microusd
    of = f" of {money(budget)}" if budget is not None else ""
    tokens = [one.tokens for one in beside.called.values() if one.tokens is not None]
    return f"{money(cost)}{of}" + (f", {count(sum(tokens), 'token')}" if tokens else "")


def deliveries_told(number: Mapping[str, int], user_can: Can) -> str:
    """What programs outside were sent about it; "" when there is nothing, or they may not see it."""
    if not user_can("aiops.view_webhookdelivery"):
        return ""
    words = ((state, DeliveryState(state).label.lower()) for state in DeliveryState.values)
    return ", ".join(f"{number[state]} {word}" for state, word in words if number.get(state))


def _unless_below(offers: Sequence[Offer], below: Sequence[Offer]) -> list[Offer]:
    return [
        replace(one, tone="plain") if one in below and one.tone == "primary" else one
        for one in offers
    ]


def exact(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _retries(facts: RunFacts) -> str:
    """How often the plan's own steps were tried again."""
    again = sum(
        facts.tallies[step.id].attempts - 1
        for step in facts.steps
        if step.id in facts.tallies and step.kind != "map"
    )
    return f", {count(again, 'retry', 'retries')}" if again > 0 else ""


def _callout(run_id: UUID, found: Callout | None, group: str) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"told": found, "buttons": buttons(run_id, found.offers), "group": group}


def _graph(facts: RunFacts, wanted: Wanted) -> dict[str, Any]:
    found = nodes(facts)
    return {
        "graph": graph.draw(found, whole=wanted.whole_graph),
        "graph_note": graph.left_out(found, whole=wanted.whole_graph),
        "graph_href": _other_graph(found, wanted),
    }


def _other_graph(found: Sequence[graph.Node], wanted: Wanted) -> str:
    """Where the rest of a large graph is shown, or is left out again."""
    is_large = len(found) > graph.MOST_NODES
    return wanted.href(whole_graph=not wanted.whole_graph) if is_large else ""


def nodes(facts: RunFacts) -> list[graph.Node]:
    """The plan's steps as the graph shows them; steps of undoing have no place in the plan."""
    by_name = {step.name: step for step in facts.steps}
    return [
        _node(facts, by_name[node.name], node.needs)
        for node in facts.plan.nodes
        if node.name in by_name
    ]


def _node(facts: RunFacts, step: StepRow, needs: tuple[str, ...]) -> graph.Node:
    verdict = judge.of_step(facts, step)
    is_stopped = judge.is_stopped(facts, step) or verdict.key == "decide"
    counts = item_counts(facts, step)
    shares = None
    if counts and counts[2]:
        shares = counts[0] / counts[2], counts[1] / counts[2]
    look = shown_verdict(verdict) if is_stopped else None
    return graph.Node(
        name=step.name,
        needs=needs,
        state=state_shown(facts, step),
        note=_note(facts, step),
        verdict=verdict.key if look else "",
        shares=shares,
    )


def _note(facts: RunFacts, step: StepRow) -> str:
    """The line in a node: what tells most in its state."""
    if items := items_told(facts, step):
        return items
    tally = facts.tallies.get(step.id)
    tried = f" · {tally.attempts} tries" if tally and tally.attempts > 1 else ""
    if step.state == StepState.SUCCEEDED:
        return f"{took(facts, step)}{tried}"
    told = f"{words.STEP[step.state].word}{tried}"
    return told if len(told) <= graph.NOTE else words.STEP[step.state].word


def _timeline(facts: RunFacts, tries: Mapping[UUID, Sequence[Try]]) -> SafeString:
    rows = bars.rows(facts, tries)
    return timeline.draw(
        rows,
        begin=facts.run.created_at,
        end=bars.last_moment(facts, rows),
        now=None if facts.run.is_ended else facts.now,
    )


def _events(facts: RunFacts, wanted: Wanted) -> dict[str, Any]:
    found = reading.events(facts.run.id, failures_only=wanted.failures_only)
    names = {step.id: step.name for step in facts.steps}
    return {
        "events": told(found[:MOST_EVENTS], names),
        "has_more_events": len(found) > MOST_EVENTS,
        "events_href": wanted.href(failures_only=not wanted.failures_only),
    }


def _links(facts: RunFacts) -> dict[str, Any]:
    """The other runs that this one belongs to."""
    run = facts.run
    related = (("Replays", run.replay_of_id), ("Comes after", run.after_id))
    return {
        "related": [(told, key) for told, key in related if key],
        "parent_step": run.parent_step_id,
        "trace_id": ids.trace_hex(run.id)
        if settings.AIOPS_TRACES or settings.AIOPS_TRACE_URL
        else "",
        "trace_url": _outside(settings.AIOPS_TRACE_URL, run),
        "log_url": _outside(settings.AIOPS_LOG_URL, run),
    }


def _outside(template: str, run: Run) -> str:
    """Where another system shows this run; "" where no setting says so."""
    known = {"{trace_id}": ids.trace_hex(run.id), "{run_id}": str(run.id)}
    for name, value in known.items():
        template = template.replace(name, value)
    return template
