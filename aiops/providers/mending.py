"""What a repair asks: the question again, with what was wrong with the last answer to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import F

from aiops.flow.caller import Caller
from aiops.models.attempt import Attempt
from aiops.models.model_call import CallOutcome, ModelCall, PaidAnswer
from aiops.providers import memo
from aiops.providers.exchange import Message, Question

#: An answer that was cut is asked for with so many times the tokens.
MORE_TOKENS = 2
#: A longer answer is not shown to the model again.
MAX_CHARS = 20_000

_GIVEN = (CallOutcome.ANSWERED, CallOutcome.REUSED)


@dataclass(frozen=True, slots=True)
class Refused:
    """The last answer of an attempt, which could not be used."""

    #: Of what was asked, and the number of answers to the same before it in its attempt.
    prompt_hash: str
    turn: int
    #: What was wrong with it: the kind, the code and the words of the error, and what shows it.
    kind: str
    code: str
    message: str
    evidence: Sequence[str] = ()
    #: The answer itself, where it was kept.
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Mended:
    """A question as it is to be asked now."""

    question: Question
    #: What was wrong with the last answer to it; "" when nothing was.
    kind: str = ""

    def calls_for_more(self, *, is_last: bool) -> bool:
        """Whether this is the last try before a person is asked: one for a stronger model."""
        return self.kind == "check" or (self.kind == "schema" and is_last)


def mend(question: Question, who: Caller) -> Mended:
    """Tell the question what was wrong with its answers in earlier attempts of the step."""
    failed = _failed(who)
    if not failed:
        return Mended(question)
    calls = _calls(who, [number for number, _ in failed])
    refused = [one for number, error in failed if (one := _refused(number, error, calls))]
    own = Counter(call["prompt_hash"] for call in calls if call["attempt"] == who.attempt)
    return mended(question, refused, own)


def mended(question: Question, refused: Sequence[Refused], own: Mapping[str, int]) -> Mended:
    """The same without the record. Pure; `refused` oldest first, `own` answers of this attempt by prompt."""
    kind = ""
    for one in refused:
        said = memo.said_hash(question)
        # Of equal questions only the one that was tripped over is changed: the others are paid for.
        if one.prompt_hash == said and own.get(said, 0) == one.turn:
            question, kind = _again(question, one), one.kind
    return Mended(question, kind)


def _again(question: Question, one: Refused) -> Question:
    if one.kind == "truncated":
        more = MORE_TOKENS if one.code == "length" else 1
        return replace(question, max_tokens=question.max_tokens * more)
    *before, last = question.conversation
    note = _note(one)
    if not one.answer or len(one.answer) > MAX_CHARS:
        told = Message(role="user", content=f"{last['content']}\n\n{note}")
        return replace(question, conversation=[*before, told])
    shown = Message(role="assistant", content=one.answer)
    told = Message(role="user", content=note)
    return replace(question, conversation=[*before, last, shown, told])


def _note(one: Refused) -> str:
    evidence = "".join(f"\n- {shown}" for shown in one.evidence[:10])
    return (
        f"Your last answer to this cannot be used: {one.message}{evidence}\n"
        "Answer again, as a whole, and put that right."
    )


def _failed(who: Caller) -> list[tuple[int, Mapping[str, Any]]]:
    """The attempts that ended in a bad answer since a person last had the step done anew, oldest first."""
    rows = Attempt.objects.filter(
        step=who.step_id,
        number__lt=who.attempt,
        epoch=F("step__epoch"),
        error__word="bad_output",
    )
    found = rows.order_by("number").values_list("number", "error")[:100]
    return [(number, error or {}) for number, error in found]


def _calls(who: Caller, attempts: Sequence[int]) -> list[dict[str, Any]]:
    """The answers of these attempts and of this one, in order."""
    found = ModelCall.objects.filter(
        step=who.step_id, attempt__in=[*attempts, who.attempt], kind="chat", outcome__in=_GIVEN
    )
    rows = found.order_by("id").values("id", "attempt", "prompt_hash", "memo_of")
    return [dict(row) for row in rows]


def _refused(
    number: int, error: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]
) -> Refused | None:
    made = [call for call in calls if call["attempt"] == number]
    if not made or error.get("kind") not in ("schema", "check", "truncated"):
        return None
    *before, last = made
    return Refused(
        prompt_hash=last["prompt_hash"],
        turn=sum(call["prompt_hash"] == last["prompt_hash"] for call in before),
        kind=error["kind"],
        code=error.get("code", ""),
        message=error.get("message", ""),
        evidence=[shown for check in error.get("checks", ()) for shown in check["evidence"]],
        answer=_answer(last["memo_of"] or last["id"]),
    )


def _answer(call: int) -> str:
    paid = PaidAnswer.objects.filter(call=call).first()
    return str(paid.answer.get("text", "")) if paid else ""
