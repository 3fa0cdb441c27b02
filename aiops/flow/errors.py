"""What a step raises: the class is the decision, and its docstring says what happens next."""

from __future__ import annotations

import re
import socket
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha1
from typing import Any, ClassVar, Literal

from aiops.flow.checks import Finding
from aiops.struck_out import struck

#: Did the request leave us? It decides whether an effect may be repeated.
Sent = Literal["no", "maybe", "yes"]

BadOutputKind = Literal["gateway", "truncated", "schema", "check"]
LaneStoppedKind = Literal["auth", "quota", "config"]

MESSAGE_CHARS = 2_000
#: What a step waits for in line is a lane, or "budget:" and the number of a budget.
BUDGET_LINE = "budget:"
TRACEBACK_BYTES = 8_192


class StepError(Exception):
    """A failure that says what it means. Raise one of the classes below, not this one."""

    #: The word kept in records. What is not a StepError is a "bug".
    word: ClassVar[str] = "bug"
    default_sent: ClassVar[Sent] = "maybe"

    def __init__(self, message: str = "", *, code: str = "", sent: Sent | None = None) -> None:
        super().__init__(message)
        self.message = message
        #: The provider's own code, such as "503" or "rate_limit_exceeded".
        self.code = code
        self.sent: Sent = sent or self.default_sent
        #: The lane (provider, model and credential) that it is about; "" when it is about none.
        self.lane = ""


class Transient(StepError):
    """Nothing happened, and it may work in a moment: it is tried again with backoff."""

    word = "transient"
    default_sent: ClassVar[Sent] = "no"


class RateLimited(StepError):
    """Too fast: the step is parked until the reset, and no attempt is used up."""

    word = "rate_limited"
    default_sent: ClassVar[Sent] = "no"

    def __init__(
        self,
        message: str = "",
        *,
        until: datetime | None = None,
        after_s: float | None = None,
        code: str = "",
        sent: Sent | None = None,
    ) -> None:
        super().__init__(message, code=code, sent=sent)
        self.until = until
        self.after_s = after_s


class LaneHeld(RateLimited):
    """Its lane lets nothing through now, and nothing was sent: the step waits in line for it."""

    word = "lane_held"


class Ambiguous(StepError):
    """It left us and no answer came: what only reads is tried again; an effect is looked for."""

    word = "ambiguous"
    default_sent: ClassVar[Sent] = "maybe"


class TimedOut(Ambiguous):
    """The step's own time was over before the answer came: handled as Ambiguous."""


class BadOutput(StepError):
    """An answer came and cannot be used: it is asked for again with the problem named (repair)."""

    word = "bad_output"
    default_sent: ClassVar[Sent] = "yes"

    def __init__(
        self,
        message: str = "",
        *,
        kind: BadOutputKind = "schema",
        code: str = "",
        sent: Sent | None = None,
    ) -> None:
        super().__init__(message, code=code, sent=sent)
        self.kind: BadOutputKind = kind
        #: What the checks found, for kind="check".
        self.findings: Sequence[Finding] = ()


class PermanentInput(StepError):
    """This input will never work: the step fails at once. Change the input or the code."""

    word = "permanent_input"
    default_sent: ClassVar[Sent] = "no"


class LaneStopped(StepError):
    """The provider refuses us (credential, quota, address): the lane stops until it is mended."""

    word = "lane_stopped"
    default_sent: ClassVar[Sent] = "no"

    def __init__(
        self,
        message: str = "",
        *,
        kind: LaneStoppedKind = "auth",
        code: str = "",
        sent: Sent | None = None,
    ) -> None:
        super().__init__(message, code=code, sent=sent)
        self.kind: LaneStoppedKind = kind


class BudgetSpent(StepError):
    """Our own spending limit is reached: its owner raises it, or cancels."""

    word = "budget_spent"
    default_sent: ClassVar[Sent] = "no"

    def __init__(
        self,
        message: str = "",
        *,
        until: datetime | None = None,
        budget: int | None = None,
        code: str = "",
        sent: Sent | None = None,
    ) -> None:
        super().__init__(message, code=code, sent=sent)
        #: When there is room again without anybody's help; None: when somebody raises it.
        self.until = until
        #: With a budget of the record, the step waits in line for it.
        self.lane = "" if budget is None else f"{BUDGET_LINE}{budget}"


class NeedsHuman(StepError):
    """Only a person can answer this: the step waits for the answer to `question`."""

    word = "needs_human"
    default_sent: ClassVar[Sent] = "no"

    def __init__(self, question: str, *, code: str = "", sent: Sent | None = None) -> None:
        super().__init__(question, code=code, sent=sent)
        self.question = question


class Cancelled(StepError):
    """Somebody asked the run to stop, and the step noticed: it ends without a retry."""

    word = "cancelled"
    default_sent: ClassVar[Sent] = "maybe"


class CodeGone(StepError):
    """The step's code is not there any more: put it back, or cancel the run; nothing was lost."""

    word = "code_gone"
    default_sent: ClassVar[Sent] = "no"


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """A failure as plain data, safe to keep as JSON and to show to people."""

    word: str
    #: The exception's class, such as "TimedOut" or "KeyError".
    type: str
    message: str
    code: str = ""
    sent: Sent = "maybe"
    traceback: str = ""
    #: The instant a rate limit ends, where the provider said so; or a budget is a new day's.
    until: datetime | None = None
    #: The seconds a rate limit lasts, where the provider said that instead.
    after_s: float | None = None
    #: The kind of a bad output or of a stopped lane.
    kind: str = ""
    #: What a person is asked, for "needs_human".
    question: str = ""
    fingerprint: str = ""
    #: The lane that a parked step waits for.
    lane: str = ""
    #: What each check found: {"check", "passed", "told", "score", "evidence"}.
    checks: Sequence[Mapping[str, Any]] = ()

    def to_json(self) -> dict[str, Any]:
        entry = asdict(self)
        if not self.checks:
            del entry["checks"]
        entry["until"] = self.until.isoformat() if self.until else None
        return entry

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ErrorRecord:
        until = data.get("until")
        return cls(**{**data, "until": datetime.fromisoformat(until) if until else None})


def describe(error: BaseException, step: str = "") -> ErrorRecord:
    """Turn any exception into plain data; `step` goes into the fingerprint."""
    error = _only_leaf(error)
    word, sent = _meaning(error)
    # Records, events and the console tell of it: what it quotes of keys and passwords stays out.
    message = struck(storable(str(error))[: 2 * MESSAGE_CHARS])[:MESSAGE_CHARS]
    code = storable(str(getattr(error, "code", ""))) if isinstance(error, StepError) else ""
    return ErrorRecord(
        word=word,
        type=type(error).__name__,
        message=message,
        code=code,
        sent=sent,
        traceback=_trimmed(struck(_ends(storable("".join(traceback.format_exception(error)))))),
        until=error.until if isinstance(error, RateLimited | BudgetSpent) else None,
        after_s=error.after_s if isinstance(error, RateLimited) else None,
        kind=error.kind if isinstance(error, BadOutput | LaneStopped) else "",
        question=struck(storable(error.question)) if isinstance(error, NeedsHuman) else "",
        # A bug's message often is its data; its class is what bugs of one cause share.
        fingerprint=fingerprint(step, word, code or _bug_class(error, word), message),
        lane=storable(error.lane) if isinstance(error, StepError) else "",
        checks=_findings(error) if isinstance(error, BadOutput) else (),
    )


def _findings(error: BadOutput) -> tuple[dict[str, Any], ...]:
    return tuple(
        {**asdict(one), "evidence": [storable(shown) for shown in one.evidence]}
        for one in error.findings
    )


def fingerprint(step: str, word: str, code: str, message: str) -> str:
    """Name the cause: failures that differ only in numbers, ids or names get the same 16 digits."""
    parts = "\x1f".join((step, word, code, normalised(message)))
    return sha1(parts.encode(), usedforsecurity=False).hexdigest()[:16]


def normalised(message: str) -> str:
    """Replace what differs from one failure to the next by placeholders."""
    text = message[:MESSAGE_CHARS]
    for pattern, placeholder in _PLACEHOLDERS:
        text = pattern.sub(placeholder, text)
    return " ".join(text.split())


#: In this order: an e-mail or a path holds digits, and a quoted text may hold anything.
_PLACEHOLDERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<!\w)'[^'\n]*'(?!\w)"), "<text>"),
    (re.compile(r'"[^"\n]*"|`[^`\n]*`'), "<text>"),
    (re.compile(r"\b\w{2,10}://[^\s,;)]+"), "<url>"),
    (re.compile(r"\b[\w.+-]{1,64}@[\w.-]{1,255}\w"), "<email>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"(?<![\w<])(?:[A-Za-z]:)?(?:[\\/][\w.@~+-]+)+[\\/]?"), "<path>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b|\b(?=[a-fA-F]*\d)[0-9a-fA-F]{8,}\b"), "<id>"),
    (re.compile(r"\b(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[\w-]{6,}\b"), "<id>"),
    (re.compile(r"[-+]?\d+(?:[.,:]\d+)*(?:[eE][-+]?\d+)?"), "<n>"),
)


def _meaning(error: BaseException) -> tuple[str, Sent]:
    """The word for an exception, and whether its request left us."""
    match error:
        case StepError():
            return error.word, error.sent
        case ConnectionRefusedError() | socket.gaierror():
            return Transient.word, "no"
        case ConnectionError():
            # Reset or closed: it broke after the connection stood, so something may have gone out.
            return Transient.word, "maybe"
        case TimeoutError():
            return Ambiguous.word, "maybe"
        case _:
            return "bug", "maybe"


def _only_leaf(error: BaseException) -> BaseException:
    """An `asyncio.TaskGroup` wraps the one thing that went wrong: take it out."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _bug_class(error: BaseException, word: str) -> str:
    return type(error).__name__ if word == "bug" else ""


def storable(text: str) -> str:
    """PostgreSQL keeps neither NUL nor half a surrogate pair."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def _ends(text: str) -> str:
    """What is near the ends, of which `_trimmed` keeps less: no secret is cut where it shows."""
    most = 8 * TRACEBACK_BYTES
    return text if len(text) <= 2 * most else f"{text[:most]}\n{text[-most:]}"


def _trimmed(text: str) -> str:
    """Keep the first lines (where it was called) and the end (what went wrong)."""
    raw = text.encode()
    if len(raw) <= TRACEBACK_BYTES:
        return text
    head, gap = raw[:1_024], b"\n... (shortened) ...\n"
    tail = raw[len(head) + len(gap) - TRACEBACK_BYTES :]
    return (head + gap + tail).decode(errors="ignore")
