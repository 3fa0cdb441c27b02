"""What a person can do about a run now: the verbs, the right one first, and why one is greyed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from aiops.execution.facts import STOPPED
from aiops.execution.undo import undone
from aiops.models import RunState, StepState
from aiops.models.step import DONE

Tone = Literal["primary", "plain", "danger"]
Can = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Offer:
    """One button. With `escalation`, the verb is an answer to that question (or claims it)."""

    verb: str
    label: str
    step: str | None
    escalation: str | None
    tone: Tone
    #: Why it is greyed; "" when it can be pressed.
    refused: str = ""


#: The permission that each verb takes.
PERMISSIONS: dict[str, str] = {
    **dict.fromkeys(("retry", "retry_step", "retry_from"), "aiops.retry_run"),
    **dict.fromkeys(("pause", "resume", "replay", "escalate", "claim"), "aiops.retry_run"),
    **dict.fromkeys(("cancel", "cancel_now"), "aiops.cancel_run"),
    **dict.fromkeys(("skip", "supply", "mark_done"), "aiops.skip_step"),
}

#: The permission that answering takes, whatever the answer: the question says what is allowed.
DECIDE = "aiops.decide_escalation"

#: What the permissions allow, in the words of a refusal.
_NEEDS: dict[str, str] = {
    "aiops.retry_run": "retry, pause or escalate runs",
    "aiops.cancel_run": "cancel runs",
    "aiops.skip_step": "skip steps or give their results by hand",
    "aiops.decide_escalation": "answer questions",
    "aiops.override_safety": "retry what may have gone out",
    "aiops.view_payload": "see inputs, prompts and results",
}

LABELS: dict[str, str] = {
    "retry": "Retry failed",
    "retry_step": "Retry",
    "retry_from": "Retry from here",
    "skip": "Skip",
    "supply": "Give a result",
    "mark_done": "Mark as done",
    "cancel": "Cancel run",
    "cancel_now": "Stop at once",
    "pause": "Pause",
    "resume": "Resume",
    "replay": "Replay as a new run",
    "escalate": "Escalate",
    "claim": "Take it",
}

#: The same words, where they answer a question.
ANSWER_LABELS: dict[str, str] = {
    "approve": "Approve",
    "reject": "Reject",
    "it_happened": "It went out: mark as done",
    "it_did_not": "It did not: retry",
    "retry": "Retry now",
    "supply": "Give a result",
    "skip": "Skip the step",
    "resume_lane": "Resume the lane",
    "raise_budget": "Raise the budget",
    "send_again": "Send again",
    "let_it_be": "Let it be",
    "cancel": "Cancel run",
}

#: The word "retry" is only promised where it is known to be harmless.
HARMLESS = frozenset({"safe", "keyed"})


def offers(answers: Mapping[str, Any], user_can: Can) -> list[Offer]:
    """What to show for these five answers: of the whole run, of its steps and of its questions.

    At most one is "primary": the first of those that can be pressed and that are right.
    """
    found = [*_answering(answers), *_of_run(answers), *_of_steps(answers)]
    judged = [_unless_refused(offer, user_can) for offer in found]
    return list(_one_primary(judged))


def permission(verb: str, *, answers_a_question: bool) -> str:
    """The permission that a verb takes."""
    return DECIDE if answers_a_question and verb != "claim" else PERMISSIONS[verb]


def missing(name: str) -> str:
    """How the lack of a permission is told."""
    return f"You are not allowed to {_NEEDS[name]}. Ask an admin of this console."


def _answering(answers: Mapping[str, Any]) -> Iterator[Offer]:
    for asked in answers["person"]["questions"]:
        for choice in asked["answers"]:
            yield Offer(
                verb=choice,
                label=ANSWER_LABELS[choice],
                step=asked["step"] or None,
                escalation=asked["id"],
                tone=_answer_tone(choice),
            )
        yield Offer("claim", LABELS["claim"], asked["step"] or None, asked["id"], "plain")


def _answer_tone(choice: str) -> Tone:
    if choice in ("approve", "retry", "resume_lane", "raise_budget"):
        return "primary"
    return "danger" if choice in ("reject", "cancel") else "plain"


def _of_run(answers: Mapping[str, Any]) -> Iterator[Offer]:
    state, steps = answers["state"], answers["retry"]["steps"]
    can_go_on = answers["retry"]["is_possible"]
    if can_go_on and any(step["state"] in STOPPED for step in steps):
        is_right = answers["retry"]["verdict"]["key"] in HARMLESS
        yield _run("retry", "primary" if is_right else "plain", _retry_refused(answers))
    is_stopping = state["cancel_requested_at"] is not None
    if state["paused_at"] and not state["is_ended"] and not is_stopping:
        yield _run("resume", "primary")
    if can_go_on and any(_can_escalate(answers, step) for step in steps):
        yield _run("escalate", "plain")
    if state["is_ended"]:
        yield _run("replay", "plain")
    elif not state["paused_at"] and not is_stopping:
        yield _run("pause", "plain")
    if is_stopping and not state["is_ended"]:
        yield _run("cancel_now", "danger")
    yield _run("cancel", "danger", cancel_refused(state["key"], is_stopping=is_stopping))


def _run(verb: str, tone: Tone, refused: str = "") -> Offer:
    return Offer(verb, LABELS[verb], None, None, tone, refused)


def cancel_refused(state: str, *, is_stopping: bool) -> str:
    """Why a run cannot be cancelled; "" when it can. A failed run is given up by it."""
    if state in (RunState.SUCCEEDED, RunState.PARTIAL):
        return "It has finished: there is nothing left to cancel."
    if state == RunState.CANCELLED:
        return "It is cancelled already."
    return "It is being cancelled already." if is_stopping else ""


def _retry_refused(answers: Mapping[str, Any]) -> str:
    """Why not everything that failed can be retried together."""
    stuck = [step for step in answers["retry"]["steps"] if step["state"] in STOPPED]
    asked = _in_doubt(answers)
    return next((why for step in stuck if (why := step_refused(step, asked))), "")


def step_refused(step: Mapping[str, Any], in_doubt: set[str]) -> str:
    """Why a step that failed is not to be retried; "" when it is."""
    if step["name"] in in_doubt:
        return f"{step['name']} may have gone out: answer its question first."
    if step["verdict"]["key"] == "unsafe":
        return f"{step['name']} did go out: mark it as done instead."
    return ""


def _in_doubt(answers: Mapping[str, Any]) -> set[str]:
    """Steps of the plan about which somebody is asked whether they happened."""
    questions = answers["person"]["questions"]
    return {q["step"] for q in questions if q["kind"] == "in_doubt" and q["item"] is None}


def _can_escalate(answers: Mapping[str, Any], step: Mapping[str, Any]) -> bool:
    asked = {q["step"] for q in answers["person"]["questions"] if q["item"] is None}
    is_plain = undone(step["name"]) is None
    return step["state"] == StepState.FAILED and step["name"] not in asked and is_plain


def _of_steps(answers: Mapping[str, Any]) -> Iterator[Offer]:
    if answers["state"]["cancel_requested_at"] is not None or _has_succeeded(answers):
        return
    for step in answers["succeeded"]["steps"]:
        if undone(step["name"]) is None:
            yield _step("retry_from", step["name"])
    asked = _in_doubt(answers)
    for step in answers["retry"]["steps"]:
        if undone(step["name"]) is None and step["state"] not in DONE:
            yield from _of_step(step, asked)


def _has_succeeded(answers: Mapping[str, Any]) -> bool:
    ended_well = (RunState.SUCCEEDED, RunState.PARTIAL, RunState.CANCELLED)
    return answers["state"]["key"] in ended_well


def _of_step(step: Mapping[str, Any], in_doubt: set[str]) -> Iterator[Offer]:
    """A step that is not done: what is right for its verdict comes first."""
    name, verdict = step["name"], step["verdict"]["key"]
    if step["state"] not in STOPPED:
        return
    if verdict in ("check", "unsafe"):
        yield _step("mark_done", name)
    yield _step(
        "retry_step",
        name,
        tone="primary" if verdict in HARMLESS else "plain",
        refused=step_refused(step, in_doubt),
    )
    if verdict not in ("check", "unsafe"):
        yield _step("supply", name)
        yield _step("skip", name)


def _step(verb: str, name: str, *, tone: Tone = "plain", refused: str = "") -> Offer:
    return Offer(verb, LABELS[verb], name, None, tone, refused)


def _unless_refused(offer: Offer, user_can: Can) -> Offer:
    needed = permission(offer.verb, answers_a_question=offer.escalation is not None)
    if offer.refused or user_can(needed):
        return offer
    return replace(offer, refused=missing(needed))


def _one_primary(found: list[Offer]) -> Iterator[Offer]:
    """Leave one solid button: the first that can be pressed."""
    first = next((o for o in found if o.tone == "primary" and not o.refused), None)
    for offer in found:
        is_second = offer.tone == "primary" and offer is not first
        yield replace(offer, tone="plain") if is_second else offer
