"""Errors of providers' own SDKs (openai, anthropic, google-genai) by what they look like, none imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiops.flow.errors import (
    Ambiguous,
    BadOutput,
    LaneStopped,
    PermanentInput,
    RateLimited,
    StepError,
    TimedOut,
    Transient,
)
from aiops.providers.said import reset_s

_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "gaierror"})
_TIMEOUTS = frozenset({"APITimeoutError", "TimeoutException", "TimeoutError"})
_TRANSPORT = frozenset({"APIConnectionError", "TransportError", "ConnectionError"})
_NO_ANSWER = frozenset({"JSONDecodeError", "APIResponseValidationError"})
_QUOTA = ("insufficient_quota", "billing", "credit", "spend_limit", "spend limit", "quota_exceeded")
_CONTEXT = (
    "context_length",
    "context length",
    "context window",
    "too many tokens",
    "prompt is too long",
)
_FILTER = ("content_filter", "content_policy", "safety")


def classify(error: BaseException, model: str) -> StepError | None:
    """The class of an SDK's error; None for what is no answer of a provider, such as a bug."""
    if isinstance(error, StepError):
        return error
    status = _status(error)
    if status is not None:
        return _by_status(status, error, model)
    names = {kind.__name__ for one in _chain(error) for kind in type(one).__mro__}
    if names & _NEVER_SENT:
        return Transient(f"No connection to {model!r}.", code="unreachable")
    if names & _TIMEOUTS:
        return TimedOut(
            f"No answer from {model!r} in time. It may have run, and been billed.", code="timeout"
        )
    if names & _TRANSPORT:
        return Ambiguous(
            f"The connection to {model!r} broke after the request was sent. It may have been billed.",
            code="dropped",
        )
    if names & _NO_ANSWER:
        return BadOutput(
            f"What answered for {model!r} is no answer of a provider. Check the base URL.",
            kind="gateway",
            sent="maybe",
        )
    return None


def _by_status(status: int, error: BaseException, model: str) -> StepError:
    """Read an HTTP status, and where one has several meanings, the provider's code and words."""
    code, words = _code(error), f"{_code(error)} {error}".lower()
    about = f"The provider of {model!r} answered {status}" + (f" ({code})" if code else "")
    match status:
        case 402:
            return _stopped(about, "quota", code or "402")
        case 429 if any(phrase in words for phrase in _QUOTA):
            return _stopped(about, "quota", code or "429")
        case 429:
            return RateLimited(f"{about}: too fast.", after_s=_after_s(error), code=code or "429")
        case 401 | 403:
            return _stopped(about, "auth", code or str(status))
        case 404:
            return _stopped(about, "config", code or "404")
        case 503 | 529:
            return Transient(f"{about}: overloaded.", code="overloaded")
        case 408 | 502 | 504:
            return Ambiguous(f"{about}. It may have run, and been billed.", code=str(status))
        case _ if status >= 500:
            return Transient(f"{about}.", code=str(status), sent="maybe")
    if any(phrase in words for phrase in _CONTEXT):
        return PermanentInput(f"{about}: the prompt is too long.", code="context_length")
    if any(phrase in words for phrase in _FILTER):
        return PermanentInput(
            f"{about}: refused by its filter.", code="content_filter", sent="maybe"
        )
    return PermanentInput(f"{about}. The same input will fail again.", code=code or str(status))


def _stopped(about: str, kind: Any, code: str) -> LaneStopped:
    return LaneStopped(f"{about}. Mend it, then retry.", kind=kind, code=code)


def _status(error: BaseException) -> int | None:
    """The HTTP status: `status_code` of openai and anthropic, `code` of google-genai."""
    for name in ("status_code", "code"):
        found = getattr(error, name, None)
        if isinstance(found, int) and 400 <= found < 600:
            return found
    return None


def _code(error: BaseException) -> str:
    """The provider's own code; its message may hold the prompt, and is not kept."""
    for name in ("code", "type", "status"):
        found = getattr(error, name, None)
        if isinstance(found, str) and found and found.replace("_", "").isalnum():
            return found[:100]
    return ""


def _after_s(error: BaseException) -> float | None:
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", None) or {}
    for name, per_s in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        told = headers.get(name, "")
        if told.replace(".", "", 1).isdigit():
            return float(told) / per_s
    return reset_s(headers)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from."""
    found: BaseException | None = error
    for _ in range(10):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__
