"""The plans of answers: what each answer to a question brings about, pure over the facts."""

from __future__ import annotations

from dataclasses import replace

from aiops.execution import budgets, judge, offers, outlook, people, webhook_question
from aiops.execution.facts import ItemRow, RunFacts
from aiops.execution.line import line
from aiops.execution.outlook import Again
from aiops.execution.plan_verbs import cancelling, finishing
from aiops.execution.planned import (
    LOOKED,
    Aim,
    Draft,
    Plan,
    Wants,
    guarded,
    named,
    number,
    told,
    with_cost,
)
from aiops.execution.user_parts import seen_by_user
from aiops.execution.user_status import UserStatus
from aiops.execution.verdict import Verdict
from aiops.models import Escalation, EscalationKind, EscalationState, Step, StepState
from aiops.models.budget import dollars

#: Answers that run the step again.
_RETRIES = frozenset({"retry", "it_did_not"})


def draft_of(facts: RunFacts, verb: str, asked: Escalation, *, is_priced: bool = True) -> Draft:
    """The plan of an answer, or of a claim; how long it takes is looked up if it `is_priced`."""
    step = asked.step
    aim = Aim(facts, verb, step.name if step is not None else None, asked)
    if verb == "claim":
        return Draft(aim.blank(title="Take this question?", refused=_answered(asked)))
    if verb not in offers.ANSWER_LABELS:
        raise KeyError(verb)
    draft = _answering(aim, asked, is_priced)
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


def _answering(aim: Aim, asked: Escalation, is_priced: bool) -> Draft:
    if aim.verb in ("reject", "cancel"):
        return _stopping(aim)
    if aim.verb == "approve":
        return _approving(aim, asked)
    if aim.verb == "resume_lane":
        return _resuming_lane(aim, asked)
    if aim.verb == "raise_budget":
        return _raising_budget(aim, asked)
    if asked.kind == EscalationKind.WEBHOOK:
        return _about_webhook(aim, asked)
    if asked.kind == EscalationKind.PROMISE:
        return _about_promises(aim)
    if asked.step is not None and asked.step.item is not None:
        return _about_item(aim, asked.step)
    if aim.verb in _RETRIES:
        return _retrying(aim, is_priced)
    row = aim.row()
    fields = {} if row is None else finishing(aim, row)
    return Draft(aim.blank(**fields, needs_reason=True), [row] if row else [])


def _approving(aim: Aim, asked: Escalation) -> Draft:
    """Where several people must approve, all but the last of them only say so."""
    following = aim.facts.plan.followers.get(aim.step or "", ())
    goes_on = f"It goes on with {named(following)}." if following else ""
    if asked.people < 2:
        return Draft(aim.blank(notes=told(goes_on), reads=_after_item(aim)))
    place, more = len(asked.approvals) + 1, people.still_needed(asked) - 1
    button = f"Approve ({place} of {asked.people})"
    so_far = f"Approved so far: {people.told(asked.approvals, asked.people)}."
    if more > 0:
        wanted = "another person" if more == 1 else f"{more} other people"
        waits = f"It goes on when {wanted} approved it too."
        notes, reads = told(waits), seen_by_user(aim.facts)
    else:
        notes, reads = told(so_far, goes_on), _after_item(aim)
    return Draft(aim.blank(button=button, notes=notes, reads=reads))


def _resuming_lane(aim: Aim, asked: Escalation) -> Draft:
    """All that wait for the lane go on, not this run alone."""
    waiting = line(asked.step.lane) if asked.step is not None else None
    if waiting is None or not waiting.steps:
        return Draft(aim.blank(notes=told("Nothing waits for it now."), reads=_after_item(aim)))
    goes_on = f"{number(waiting.steps, 'step')} of {number(waiting.runs, 'run')} will go on"
    order = "a few at first, then more and more; those that somebody waits for come first."
    return Draft(aim.blank(notes=told(f"{goes_on}: {order}"), reads=_after_item(aim)))


def _raising_budget(aim: Aim, asked: Escalation) -> Draft:
    """By as much again; another sum is given on the budgets page."""
    budget = budgets.budget_of(asked.step.lane) if asked.step is not None else None
    if budget is None:
        return Draft(aim.blank(refused="Its budget is gone. Retry the step instead."))
    waiting = budgets.waiting(budget)
    was, to = dollars(budget.limit_microusd), dollars(budgets.suggested(budget))
    goes_on = f"{number(waiting.steps, 'step')} of {number(waiting.runs, 'run')} will go on."
    notes = told(f"The limit of {budget} goes from {was} to {to}.", goes_on)
    shell = aim.blank(notes=notes, reads=_after_item(aim), needs_reason=True)
    return Draft(replace(shell, permissions=(*shell.permissions, "aiops.raise_budget")))


def _about_webhook(aim: Aim, asked: Escalation) -> Draft:
    """The run itself is not moved by it."""
    names, waiting = webhook_question.stands(asked)
    whose = " and ".join(names) or "The webhook"
    messages = number(waiting, "message")
    if aim.verb == "send_again":
        notes = told(f"{whose} is active again; {messages} will go, in order.")
    else:
        notes = told(
            f"{whose} stays disabled; {messages} will not be sent.",
            "They can be replayed later, on the page of the webhook.",
        )
    return Draft(aim.blank(notes=notes, reads=seen_by_user(aim.facts)))


def _about_promises(aim: Aim) -> Draft:
    """The run itself is not moved by it."""
    follows = (
        "The mail goes out once more, as often as it takes until it is given up again."
        if aim.verb == "send_again"
        else "No mail is sent. Who was promised one hears of it in another way, or not at all."
    )
    return Draft(aim.blank(notes=told(follows), reads=seen_by_user(aim.facts)))


def _stopping(aim: Aim) -> Draft:
    """A cancellation as an answer; a rejection is one, unless the workflow goes on after it."""
    node = aim.facts.plan.by_name.get(aim.step or "")
    if aim.verb == "reject" and node is not None and node.on_reject == "continue":
        return Draft(aim.blank(reads=_after_item(aim), needs_reason=True))
    draft = cancelling(replace(aim, verb="cancel"))
    shell = aim.blank()
    like = replace(draft.plan, verb=shell.verb, title=shell.title, button=shell.button, refused="")
    return replace(draft, plan=like)


def _retrying(aim: Aim, is_priced: bool) -> Draft:
    row = aim.row()
    steps = [row] if row is not None else []
    again = outlook.again(aim.facts, steps, whole=False)
    found = aim.blank(
        again=again,
        kept=outlook.kept(aim.facts),
        reads=outlook.after_retry(aim.facts, steps),
    )
    careful = _answer_guarded(found)
    priced = with_cost(aim.facts, careful, steps, whole=False) if is_priced else careful
    return Draft(priced, steps)


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
