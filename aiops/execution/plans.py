"""The plan of a verb: what a click would do, worked out beforehand. Reads, and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from aiops.execution import plan_answers, plan_verbs
from aiops.execution.facts import load
from aiops.execution.fingerprints import fingerprint
from aiops.execution.planned import Aim, Plan
from aiops.models import Escalation


def plan(
    run_id: UUID, verb: str, *, step: str | None = None, escalation: UUID | None = None
) -> Plan:
    """Work out what a verb would do. Raises Run.DoesNotExist, and KeyError for an unknown verb.

    With `escalation`, the verb is an answer to it, or "claim". A replay's `step` is where it begins.
    """
    facts = load(run_id)
    asked = None if escalation is None else _question(run_id, escalation)
    if asked is None:
        draft = plan_verbs.draft_of(Aim(facts, verb, step))
    else:
        draft = plan_answers.draft_of(facts, verb, asked)
    touched = [row.id for row in draft.touched]
    if asked is not None and asked.step_id is not None:
        touched.append(asked.step_id)
    seen = fingerprint(facts.run, verb, columns=draft.columns, steps=touched, asked=asked)
    return replace(draft.plan, fingerprint=seen)


def _question(run_id: UUID, escalation: UUID) -> Escalation:
    """Raises Escalation.DoesNotExist, also for a question about another run."""
    return Escalation.objects.select_related("step").get(id=escalation, run=run_id)
