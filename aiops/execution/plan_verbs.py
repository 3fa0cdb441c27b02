"""The plans of verbs: each verb's own rule, pure over the facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from aiops.execution import judge, offers, outlook
from aiops.execution.facts import RunFacts, StepRow
from aiops.execution.planned import (
    Aim,
    Draft,
    closed,
    finished,
    guarded,
    live,
    named,
    number,
    overriding,
    told,
    unknown,
    with_cost,
)
from aiops.execution.user_parts import seen_by_user
from aiops.models import StepState

NOTHING_FAILED = "No step of it has failed."


def draft_of(aim: Aim) -> Draft:
    """Each verb's own rule."""
    rules: dict[str, Callable[[Aim], Draft]] = {
        "retry": _retry,
        "retry_step": _retry,
        "retry_from": _retry_from,
        "skip": _finish,
        "supply": _finish,
        "mark_done": _finish,
        "cancel": cancelling,
        "cancel_now": cancelling,
        "pause": _pause,
        "resume": _pause,
        "replay": _replay,
        "escalate": _escalate,
    }
    return rules[aim.verb](aim)


def _retry(aim: Aim) -> Draft:
    facts = aim.facts
    steps = [s for s in outlook.stuck(facts) if aim.verb == "retry" or s.name == aim.step]
    again = outlook.again(facts, steps, whole=False)
    found = aim.blank(
        title="Retry the failed steps?" if aim.verb == "retry" else f"Retry {aim.step}?",
        again=again,
        kept=outlook.kept(facts),
        reads=outlook.after_retry(facts, steps),
        refused=_retry_refused(aim, steps),
    )
    return Draft(with_cost(facts, guarded(found), steps, whole=False), steps)


def _retry_refused(aim: Aim, steps: Sequence[StepRow]) -> str:
    facts = aim.facts
    if aim.step is not None and (why := unknown(facts, aim.step)):
        return why
    if why := closed(facts):
        return why
    if not steps:
        return f"{aim.step} has not failed: nothing to retry." if aim.step else NOTHING_FAILED
    if doubtful := [step.name for step in steps if step.in_doubt]:
        return f"{named(doubtful)} may have gone out: answer its question first."
    sure = [s.name for s in steps if judge.of_step(facts, s).key == "unsafe"]
    return f"{named(sure)} did go out: mark it as done instead." if sure else ""


def _retry_from(aim: Aim) -> Draft:
    facts, name = aim.facts, aim.step or ""
    if why := unknown(facts, name):
        return Draft(aim.blank(refused=why))
    steps = outlook.from_here(facts, name)
    twice = outlook.twice(facts, steps)
    found = aim.blank(
        title=f"Retry from {name} on?",
        button=f"Retry from here ({number(len(steps), 'step')})",
        again=outlook.again(facts, steps, whole=True),
        kept=outlook.kept(facts, steps),
        reads=outlook.after_retry_from(facts, steps),
        refused=closed(facts)
        or live(facts, steps)
        or ("" if steps else f"{name} has not begun: nothing to run again."),
        **overriding(aim, twice),
    )
    return Draft(with_cost(facts, found, steps, whole=True), steps)


def _finish(aim: Aim) -> Draft:
    """Skip a step, or give its result by hand."""
    facts, name, row = aim.facts, aim.step or "", aim.row()
    if row is None:
        return Draft(aim.blank(refused=unknown(facts, name)))
    found = aim.blank(**finishing(aim, row), needs_reason=True)
    return Draft(found, [row])


def finishing(aim: Aim, row: StepRow) -> dict[str, object]:
    facts, name = aim.facts, row.name
    users, is_skip = outlook.users_of(facts, name), aim.verb == "skip"
    refused = closed(facts) or live(facts, [row]) or finished(row)
    if not is_skip and row.kind == "map":
        refused = f"{name} has a result for each item: retry it, or skip it instead."
    state = StepState.SKIPPED if is_skip else StepState.SUCCEEDED
    fields: dict[str, object] = {
        "title": _FINISHING[aim.verb].format(name=name),
        "kept": outlook.kept(facts),
        "reads": outlook.after_done(facts, row, state),
        "refused": refused,
    }
    if is_skip:
        goes_without = f"{named(users)} will go on without it." if users else ""
        return {**fields, "notes": told(goes_without)}
    wanted = f"The result is used by {named(users)}." if users else ""
    return {**fields, "wants": "result", "notes": told("Nothing is sent again.", wanted)}


_FINISHING: dict[str, str] = {
    "skip": "Skip {name}?",
    "supply": "Give the result of {name} by hand?",
    "mark_done": "Mark {name} as done?",
    "it_happened": "It went out: mark {name} as done?",
}


def cancelling(aim: Aim) -> Draft:
    facts, is_now = aim.facts, aim.verb == "cancel_now"
    is_stopping = facts.run.cancel_requested_at is not None and not is_now
    taken_back = outlook.undoable(facts)
    found = aim.blank(
        title="Stop its running steps at once?" if is_now else "Cancel this run?",
        stopped=outlook.open_steps(facts),
        kept=tuple(name for name in outlook.kept(facts) if name not in taken_back),
        gone_out=outlook.gone_out(facts),
        notes=told(
            f"Taken back afterwards: {named(taken_back)}." if taken_back else "",
            "" if is_now else "A running step is asked to stop, and made to after a while.",
            "It cannot be retried afterwards, only replayed as a new run.",
        ),
        reads=outlook.after_cancel(facts, now=is_now),
        needs_reason=True,
        refused=offers.cancel_refused(facts.run.state, is_stopping=is_stopping),
    )
    # A pure step that ends meanwhile is no reason to come late with a cancellation.
    effects = [step for step in facts.steps if step.effect != "pure"]
    return Draft(found, effects)


def _pause(aim: Aim) -> Draft:
    facts, is_paused = aim.facts, aim.verb == "pause"
    refused = closed(facts) or ("It has failed: retry it." if facts.run.is_ended else "")
    if not refused and (facts.run.paused_at is not None) is is_paused:
        refused = "It is paused already: resume it." if is_paused else "It is not paused."
    found = aim.blank(
        title="Pause this run?" if is_paused else "Go on with this run?",
        notes=told("What runs now, finishes; no further step starts." if is_paused else ""),
        reads=outlook.after_pause(facts, is_paused=is_paused),
        refused=refused,
    )
    return Draft(found, columns=("finished_at", "cancel_requested_at", "paused_at"))


def _replay(aim: Aim) -> Draft:
    facts = aim.facts
    if aim.step is not None and (why := unknown(facts, aim.step)):
        return Draft(aim.blank(refused=why))
    begin = {aim.step, *facts.plan.after(aim.step)} if aim.step else set(facts.plan.by_name)
    rerun = [step for step in facts.steps if step.name in begin]
    kept = outlook.kept(facts, rerun)
    missing = sorted(facts.plan.before(aim.step) - set(kept)) if aim.step else []
    found = aim.blank(
        title="Run this again as a new run?",
        kept=kept if aim.step else (),
        notes=told("This run stays as it is.", _going_on_too(facts)),
        reads=outlook.after_replay(facts, kept if aim.step else ()),
        wants="input" if aim.step is None else "",
        refused=f"{named(missing)} has not finished: replay from there." if missing else "",
        **overriding(aim, outlook.twice(facts, rerun)),
    )
    effects = [step for step in rerun if step.effect == "once"]
    return Draft(found, effects, columns=())


def _going_on_too(facts: RunFacts) -> str:
    if facts.run.is_ended:
        return ""
    return "It goes on by itself beside the new one: cancel it first if you do not want both."


def _escalate(aim: Aim) -> Draft:
    facts = aim.facts
    asked = {row["step_id"] for row in facts.questions}
    open_ = [s for s in outlook.stuck(facts) if s.state == StepState.FAILED and s.id not in asked]
    name = aim.step or (open_[0].name if open_ else None)
    steps = [step for step in open_ if step.name == name and step.name in facts.plan.by_name]
    refused = closed(facts)
    if not refused and not steps:
        refused = "Nothing has failed that nobody is asked about: take the open question instead."
    found = replace(aim, step=name).blank(
        title=f"Ask a person about {name}?",
        notes=told("The run stays as it is until somebody answers."),
        reads=seen_by_user(facts),
        needs_reason=True,
        wants="person",
        refused=refused,
    )
    return Draft(found, steps)
