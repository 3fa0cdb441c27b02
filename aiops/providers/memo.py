"""The memo of paid calls: a step that is run again does not pay for what it already got."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aiops.models.attempt import Attempt, Outcome
from aiops.models.model_call import CallOutcome, ModelCall, PaidAnswer, Purpose
from aiops.providers.calling import Call, Raw
from aiops.providers.exchange import Question, RawAnswer, RawVectors

#: A longer answer is not kept: asking again costs less than the room.
MAX_BYTES = 1_000_000

#: An attempt that ended so may have tripped over its last answer: that one is asked for anew.
_TRIPPED = frozenset({"bad_output", "bug", "permanent_input", "needs_human"})


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier attempt of the same step."""

    number: int
    outcome: str
    word: str


@dataclass(frozen=True, slots=True)
class Found:
    """An answer that was paid for."""

    raw: Raw
    call: int


def fingerprint(asked: Call) -> str:
    """Name everything that decides the answer: model, prompt, settings, schema of the output, tenant."""
    question = asked.question
    parts: dict[str, Any] = {
        "tenant": asked.caller.tenant,
        "at": [asked.address.base_url, asked.address.model, asked.kind],
        "texts": list(asked.texts),
    }
    if question is not None:
        schema = question.output.model_json_schema() if question.output else None
        parts["question"] = [
            question.system,
            [dict(turn) for turn in question.conversation],
            schema,
            question.max_tokens,
            question.temperature,
        ]
    return digest(parts)


def prompt_hash(asked: Call) -> str:
    """Name what was said to the model, whichever it was."""
    return digest([list(asked.texts)]) if asked.question is None else said_hash(asked.question)


def said_hash(question: Question) -> str:
    return digest([question.system, *question.conversation])


def digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def past(asked: Call) -> list[Past]:
    """The earlier attempts of this step, the newest first; those before its last success do not count."""
    if asked.caller.attempt <= 1:
        return []
    rows = (
        Attempt.objects.filter(step=asked.caller.step_id, number__lt=asked.caller.attempt)
        .order_by("-number")
        .values_list("number", "outcome", "error__word")[:100]
    )
    found = []
    for number, outcome, word in rows:
        if outcome in (Outcome.SUCCEEDED, Outcome.RECONCILED):
            break  # a person wants it done anew
        found.append(Past(number, outcome, word or ""))
    return found


def find(asked: Call, print_: str, before: Sequence[Past]) -> Found | None:
    """The answer to the same question in an earlier attempt: to the n-th of equal ones the n-th answer."""
    if not before:
        return None
    who = asked.caller
    since = before[-1].number
    calls = list(
        ModelCall.objects.filter(step=who.step_id, attempt__gte=since, attempt__lte=who.attempt)
        .order_by("id")
        .values("id", "attempt", "fingerprint", "outcome", "memo_of")
    )
    chosen = choose(calls, print_, who.attempt, before)
    paid = PaidAnswer.objects.filter(call=chosen).first() if chosen else None
    return Found(read(paid.answer), paid.call_id) if paid else None


_GIVEN = (CallOutcome.ANSWERED, CallOutcome.REUSED)


def choose(
    calls: Sequence[Mapping[str, Any]], print_: str, attempt: int, before: Sequence[Past]
) -> int | None:
    """The call whose answer may be used again, by its id. Pure; `calls` in order, `before` newest first."""
    turn = sum(c["attempt"] == attempt and c["fingerprint"] == print_ for c in calls)
    for one in before:
        made = [c for c in calls if c["attempt"] == one.number]
        equal = [c for c in made if c["fingerprint"] == print_ and c["outcome"] in _GIVEN]
        if len(equal) <= turn:
            continue
        if one.word in _TRIPPED and equal[turn] is made[-1]:
            # Not in an older attempt either: there it led here.
            return None
        found: int = equal[turn]["memo_of"] or equal[turn]["id"]
        return found
    return None


def purpose(before: Sequence[Past], *, has_spent: bool) -> str:
    """Why a call is made, by how the attempt before ended. Pure."""
    last = next((one for one in before if one.outcome != Outcome.PARKED), None)
    if last is None or not has_spent:
        return Purpose.FIRST
    if last.word == "bad_output":
        return Purpose.REPAIR
    if last.outcome == Outcome.LOST or last.word in ("ambiguous", "lost"):
        return Purpose.LOST
    return Purpose.RETRY


def has_spent(asked: Call) -> bool:
    """Whether an earlier attempt of this step has been, or may have been, billed."""
    spent = ModelCall.objects.filter(step=asked.caller.step_id, attempt__lt=asked.caller.attempt)
    return spent.exclude(cost_microusd=0).exclude(outcome=CallOutcome.REUSED).exists()


def keep(call: ModelCall, raw: Raw) -> None:
    """Keep an answer until its step has ended."""
    told = written(raw)
    if told is not None:
        PaidAnswer.objects.create(call_id=call.id, step_id=call.step_id, answer=told)


def written(raw: Raw) -> dict[str, Any] | None:
    """An answer as JSON; None for one that is too long, or that PostgreSQL cannot hold."""
    told = {"kind": type(raw).__name__, **asdict(raw)}
    text = json.dumps(told, ensure_ascii=False)
    try:
        is_kept = len(text.encode()) <= MAX_BYTES and "\\u0000" not in text
    except UnicodeEncodeError:  # half a surrogate pair
        return None
    return told if is_kept else None


def read(told: Mapping[str, Any]) -> Raw:
    fields = {name: value for name, value in told.items() if name != "kind"}
    return RawVectors(**fields) if told["kind"] == "RawVectors" else RawAnswer(**fields)
