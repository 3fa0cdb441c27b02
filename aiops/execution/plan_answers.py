"""The plans of answers: what each answer to a question brings about, pure over the facts."""

from __future__ import annotations

from dataclasses import replace

from aiops.execution import judge, offers, outlook
from aiops.execution.facts import ItemRow, RunFacts
from aiops.execution.outlook import Again
from aiops.execution.plan_verbs import cancelling, finishing
from aiops.execution.planned import LOOKED, Aim, Draft, Plan, Wants, guarded, named, told, with_cost
from aiops.execution.user_status import UserStatus
from aiops.execution.verdict import Verdict
from aiops.models import Escalation, EscalationState, Step, StepState

#: Answers that run the step again.
_RETRIES = frozenset({"retry", "it_did_not"})


def draft_of(facts: RunFacts, verb: str, asked: Escalation) -> Draft:
    step = asked.step
    aim = Aim(facts, verb, step.name if step is not None else None, asked)
    if verb == "claim":
        return Draft(aim.blank(title="Take this question?", refused=_answered(asked)))
    if verb not in offers.ANSWER_LABELS:
        raise KeyError(verb)
    draft = _answering(aim, asked)
    refused = _answered(asked) or draft.plan.refused
    if not refused and verb not in asked.answers:
        allowed = ", ".join(offers.ANSWER_LABELS[one] for one in asked.answers)
        refused = f"It is no answer to this question. Allowed are: {allowed}."
    return replace(draft, plan=replace(draft.plan, refused=refused))


def _answered(asked: Escalation) -> str:
    if asked.state == EscalationState.OPEN:
        return ""
    if not asked.answered_by:
        return f"It is {asked.get_state_display().lower()}."
    label = offers.ANSWER_LABELS.get(asked.answer, asked.answer)
    return f"{asked.answered_by} has answered it: {label}."


def _answering(aim: Aim, asked: Escalation) -> Draft:
    if aim.verb in ("reject", "cancel"):
        return _stopping(aim)
    if aim.verb == "approve":
        following = aim.facts.plan.followers.get(aim.step or "", ())
        notes = told(f"It goes on with {named(following)}." if following else "")
        return Draft(aim.blank(notes=notes, reads=_after_item(aim)))
    if asked.step is not None and asked.step.item is not None:
        return _about_item(aim, asked.step)
    if aim.verb in _RETRIES:
        return _retrying(aim)
    row = aim.row()
    fields = {} if row is None else finishing(aim, row)
    return Draft(aim.blank(**fields, needs_reason=True), [row] if row else [])


def _stopping(aim: Aim) -> Draft:
    """A cancellation as an answer; a rejection is one, unless the workflow goes on after it."""
    node = aim.facts.plan.by_name.get(aim.step or "")
    if aim.verb == "reject" and node is not None and node.on_reject == "continue":
        return Draft(aim.blank(reads=_after_item(aim), needs_reason=True))
    draft = cancelling(replace(aim, verb="cancel"))
    shell = aim.blank()
    like = replace(draft.plan, verb=shell.verb, title=shell.title, button=shell.button, refused="")
    return replace(draft, plan=like)


def _retrying(aim: Aim) -> Draft:
    row = aim.row()
    steps = [row] if row is not None else []
    again = outlook.again(aim.facts, steps, whole=False)
    found = aim.blank(
        again=again,
        kept=outlook.kept(aim.facts),
        reads=outlook.after_retry(aim.facts, steps),
    )
    return Draft(with_cost(aim.facts, _answer_guarded(found), steps, whole=False), steps)


def _answer_guarded(found: Plan) -> Plan:
    """To say that it did not go out is the answer itself; it takes a look, and no other right."""
    careful = guarded(found)
    if found.verb == "it_did_not":
        return replace(careful, tick=LOOKED, needs_reason=True, permissions=found.permissions)
    if any(step.verdict.key == "unsafe" for step in found.again):
        return replace(careful, refused="It did go out: give its result instead.")
    return careful


def _about_item(aim: Aim, item: Step) -> Draft:
    """An answer about one item of a map."""
    if aim.verb in _RETRIES:
        again = (Again(str(item), _verdict_of(aim.facts, item)),)
        found = aim.blank(again=again, reads=_after_item(aim))
        return Draft(_answer_guarded(found))
    wants: Wants = "" if aim.verb == "skip" else "result"
    return Draft(aim.blank(reads=_after_item(aim), needs_reason=True, wants=wants))


def _verdict_of(facts: RunFacts, item: Step) -> Verdict:
    fields = ItemRow.__dataclass_fields__
    return judge.of_item(facts, ItemRow(**{name: getattr(item, name) for name in fields}))


def _after_item(aim: Aim) -> UserStatus:
    """After an approval its step is done; an item among others does not change what is read."""
    row = aim.row()
    if row is None or row.kind == "map":
        return outlook.after_retry(aim.facts, [row] if row else [])
    return outlook.after_done(aim.facts, row, StepState.SUCCEEDED)
