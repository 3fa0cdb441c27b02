"""The callout: one sentence about what happened or is waited for, and the right button beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops.admin.page.amounts import count, from_now, money
from aiops.admin.page.reading import MOST_ALIKE
from aiops.admin.page.words import RUN
from aiops.execution.facts import STOPPED
from aiops.execution.offers import Offer
from aiops.models import RunState, StepState


@dataclass(frozen=True, slots=True)
class Callout:
    heading: str
    icon: str
    tone: str
    sentence: str
    #: What to do, or what happens by itself.
    advice: str
    offers: tuple[Offer, ...] = ()
    #: The question that is asked, if one is.
    escalation: str = ""
    #: How many other runs have failed the same way, in words.
    alike: str = ""


#: At most so many answers stand beside the question; its own page has them all.
MOST_OFFERS = 2

#: Of what a pause of a pool or a workflow holds.
_WHEN_IT_GOES_ON = "Nothing is lost: it goes on by itself when the pause ends."

#: What happens when nobody answers.
_NOBODY: dict[str, str] = {
    "wait": "it waits on",
    "approve": "it is approved",
    "reject": "it is rejected",
}


def callout(
    answers: Mapping[str, Any], offers: Sequence[Offer], *, alike: int = 0
) -> Callout | None:
    """What a person must know first about a run; None when there is nothing to say."""
    state, now = answers["state"], datetime.fromisoformat(answers["asked_at"])
    if state["paused_at"] and not state["is_ended"]:
        return _paused(answers, offers)
    if answers["person"]["total"] and not state["is_ended"]:
        return _asked(answers, offers, now)
    if state["held"]:
        held = _sentence(state["reason"])
        return Callout("On hold", "pause_circle", "violet", held, _WHEN_IT_GOES_ON, ())
    match state["key"]:
        case RunState.FAILED | RunState.ATTENTION:
            return _failed(answers, offers, alike)
        case RunState.RETRYING:
            return _plain(state, "It is retrying by itself", _tried_again(answers, now))
        case RunState.WAITING:
            return _plain(state, "Waiting on purpose", _waits(answers, now))
        case RunState.CANCELLING:
            told = "What runs is asked to stop, and made to after a while."
            now_offers = [o for o in offers if o.verb == "cancel_now"]
            return _plain(state, "It is being stopped", told, now_offers)
        case RunState.QUEUED if state["behind"]:
            return _plain(state, "Waiting on purpose", f"It begins after run {state['behind']}.")
        case _:
            return None


def _plain(
    state: Mapping[str, Any], heading: str, advice: str, offers: Sequence[Offer] = ()
) -> Callout:
    look = RUN[state["key"]]
    sentence = _sentence(state["reason"]) or look.word + "."
    return Callout(heading, look.icon, look.tone, sentence, advice, tuple(offers))


def _paused(answers: Mapping[str, Any], offers: Sequence[Offer]) -> Callout:
    return Callout(
        heading="Paused by a person",
        icon="pause",
        tone="violet",
        sentence="No further step begins until it is resumed.",
        advice=_sentence(answers["state"]["reason"]),
        offers=tuple(offer for offer in offers if offer.verb == "resume"),
    )


def _asked(answers: Mapping[str, Any], offers: Sequence[Offer], now: datetime) -> Callout:
    person, state = answers["person"], answers["state"]
    first = person["questions"][0]
    is_planned = first["kind"] == "approval"
    look = RUN[RunState.WAITING if is_planned else RunState.ATTENTION]
    verdict = "" if is_planned else _verdict_of(answers, first["step"])
    price = "" if is_planned else _price(answers["retry"])
    more = count(person["total"] - 1, "more question") + " waits." if person["total"] == 2 else ""
    if person["total"] > 2:
        more = count(person["total"] - 1, "more question") + " wait."
    return Callout(
        heading="Waiting on purpose" if is_planned else "Someone must decide",
        icon=look.icon,
        tone=look.tone,
        sentence=first["question"] or _sentence(state["reason"]),
        advice=" ".join(filter(None, (verdict, price, _who_and_when(first, now), more))),
        offers=_answers(offers, first["id"]),
        escalation=first["id"],
    )


def _answers(offers: Sequence[Offer], escalation: str) -> tuple[Offer, ...]:
    # Taking the question is for its own page, and cancelling the run stands above.
    found = [o for o in offers if o.escalation == escalation and o.verb not in ("claim", "cancel")]
    return tuple(found[:MOST_OFFERS])


def _who_and_when(asked: Mapping[str, Any], now: datetime) -> str:
    who = f"{asked['owner']} has it" if asked["owner"] else "Nobody has taken it"
    if not asked["due_at"]:
        return f"{who}."
    due = from_now(datetime.fromisoformat(asked["due_at"]), now)
    nobody = _NOBODY.get(asked["if_nobody"], "it waits on")
    return f"{who}, {'was due' if asked['is_overdue'] else 'due'} {due}; then {nobody}."


def _failed(answers: Mapping[str, Any], offers: Sequence[Offer], alike: int) -> Callout:
    stopped = [step for step in answers["retry"]["steps"] if step["state"] in STOPPED]
    worst = next(
        (s for s in stopped if s["verdict"] == answers["retry"]["verdict"]),
        next(iter(stopped), None),
    )
    look = RUN[answers["state"]["key"]]
    if worst is None:
        return _plain(answers["state"], "What went wrong", "")
    return Callout(
        heading="What went wrong",
        icon=look.icon,
        tone=look.tone,
        sentence=_what(worst, answers["state"]["reason"]),
        advice=" ".join(filter(None, (worst["verdict"]["sentence"], _price(answers["retry"])))),
        offers=_right(worst, offers),
        alike=_alike(alike),
    )


def _right(step: Mapping[str, Any], offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """The one or two things that are right for a step that stopped."""
    its = [o for o in offers if o.step == step["name"] and o.escalation is None]
    match step["verdict"]["key"]:
        case "check" | "unsafe":
            verbs: tuple[str, ...] = ("mark_done", "retry_step")
        case "fix" | "decide":
            found = [o for o in offers if o.verb == "escalate"]
            return tuple(found or [o for o in its if o.verb == "retry_step"])
        case _:
            verbs = ("retry_step",)
    return tuple(o for o in its if o.verb in verbs and not o.refused)


def _what(step: Mapping[str, Any], reason: str) -> str:
    error = step["error"] or {}
    message = str(error.get("message") or error.get("type") or reason)
    return f"{step['name']}: {next(iter(message.strip().splitlines()), '')[:300]}"


def _price(retry: Mapping[str, Any]) -> str:
    """What a retry would cost, and what it keeps; "" where a person must look first."""
    if not retry["is_possible"] or retry["verdict"]["key"] not in ("safe", "keyed", "decide"):
        return ""
    price = retry["price"]
    keeps = [count(price["keeps_steps"], "finished step")]
    keeps += [count(price["keeps_items"], "item")] if price["keeps_items"] else []
    known = price["cost_microusd"] is not None
    costs = f"It costs {money(price['cost_microusd'])}" if known else "What it costs is not known"
    return f"A retry keeps {' and '.join(keeps)}. {costs}."


def _alike(number: int) -> str:
    if not number:
        return ""
    many = f"{number}+" if number >= MOST_ALIKE else str(number)
    return f"{many} other {'run has' if number == 1 else 'runs have'} failed the same way."


def _tried_again(answers: Mapping[str, Any], now: datetime) -> str:
    waits = [w for w in answers["state"]["waits"] if w["state"] == StepState.RETRYING]
    told = [f"{wait['step']} is tried again {_when(wait['until'], now)}." for wait in waits[:3]]
    return " ".join(told)


def _waits(answers: Mapping[str, Any], now: datetime) -> str:
    waits = [w for w in answers["state"]["waits"] if w["state"] == StepState.WAITING]
    told = [
        f"{wait['step']} waits for {wait['waits_for'][:1].lower()}{wait['waits_for'][1:]}"
        + (f", {_when(wait['until'], now)} at the latest." if wait["until"] else ".")
        for wait in waits[:3]
    ]
    return " ".join(told)


def _when(moment: str | None, now: datetime) -> str:
    if moment is None:
        return "soon"
    at = datetime.fromisoformat(moment)
    return from_now(at, now) if at > now else "now"


def _verdict_of(answers: Mapping[str, Any], name: str) -> str:
    found = (s["verdict"]["sentence"] for s in answers["retry"]["steps"] if s["name"] == name)
    return next(found, "")


def _sentence(reason: str) -> str:
    """A reason of the record as a sentence."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}." if reason else ""
