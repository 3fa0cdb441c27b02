"""Vendor errors become the classes of aiops.flow.errors here, and nowhere else. Heavy to import, as the session is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from openai import OpenAIError
from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelUnavailableError,
    UnexpectedModelBehavior,
)

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
from aiops.providers.exchange import RawAnswer
from aiops.providers.said import reset_s, without

#: What a model call may raise. The last four are how the clients trip over an answer that is not what
#: it should be (`200 {}`, no choices, a web page), so around a call they mean: a bad answer.
VENDOR_ERRORS = (
    AgentRunError,
    OpenAIError,
    TimeoutError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
)

#: A gateway gave up waiting: the request may have run, and been billed.
_AMBIGUOUS_STATUSES = frozenset({408, 502, 504})
_PERMANENT_STATUSES = frozenset({400, 409, 413, 415, 422})
_CONTEXT_PHRASES = ("context size", "context length", "exceed_context_size")
_FILTER_CODES = frozenset({"content_policy_violation", "content_filter", "moderation_blocked"})


def translate(error: Exception, *, model: str, private: Sequence[str] = ()) -> StepError:
    """Name the class that decides what happens next, with a sentence that says what to do.

    `private` is what was sent: a provider that repeats it does not get it into our records. Raise the
    result `from None`, since the vendor's error may hold the prompt or the answer too; a note says
    where it came from.
    """
    found = _classified(error, model)
    found.message = without(found.message, private)
    found.args = (found.message,)
    found.add_note(_origin(error))
    return found


def _classified(error: Exception, model: str) -> StepError:
    match error:
        case ModelRateLimitError():
            return _rate_limited(error, model)
        case ModelQuotaExceededError():
            return LaneStopped(
                f"The account behind {model!r} has no quota or credit left: {_said(error)}. "
                "Top it up, or raise the limit, and resume the lane.",
                kind="quota",
                code=_code(error),
            )
        case ModelAuthenticationError():
            return LaneStopped(
                f"The provider of {model!r} refused the key: {_said(error)}. "
                "Set a key that may use this model, and resume the lane.",
                kind="auth",
                code=_code(error),
            )
        case ModelNotFoundError():
            return LaneStopped(
                f"Nothing called {model!r} answers at this address: {_said(error)}. "
                "Check the base URL and the model's name, and resume the lane.",
                kind="config",
                code=_code(error),
            )
        case ModelUnavailableError():
            return Transient(
                f"The provider of {model!r} is overloaded: {_said(error)}.",
                code="overloaded",
                sent="maybe" if error.in_stream else "no",
            )
        case ModelRequestTimeout() | ModelConnectionError() | TimeoutError():
            return _transport(error, model)
        case ContentFilterError():
            return refused(model, "")
        case ModelHTTPError() if _is_filtered(error):
            return refused(model, _said(error))
        case ModelRequestRejectedError() | ModelHTTPError():
            return _status(error, model)
        case ModelAPIError() if error.in_stream:
            return Ambiguous(f"The answer of {model!r} broke off: {_said(error)}.")
        case _:
            return _gateway(error, model)


def refused(model: str, reason: str, *, spent: RawAnswer | None = None) -> PermanentInput:
    """The provider's filter, or the model itself, would not answer this; `spent`: what that used."""
    why = f": {reason}" if reason else ""
    found = PermanentInput(
        f"The model {model!r} refused to answer{why}. Change the input, or let a person answer.",
        code="content_filter",
        sent="maybe",
    )
    found.__dict__["spent"] = spent
    return found


def spent_on(error: BaseException | None) -> RawAnswer | None:
    """What a failed call used all the same, where its provider said so."""
    return getattr(error, "spent", None)


def _rate_limited(error: ModelRateLimitError, model: str) -> RateLimited:
    return RateLimited(
        f"The provider of {model!r} limits the rate: {_said(error)}.",
        after_s=_reset_s(error),
        code=_code(error),
        sent="maybe" if error.in_stream else "no",
    )


def _reset_s(error: ModelRateLimitError) -> float | None:
    """Seconds until it may be tried again: as told, else when the limit that is used up is reset."""
    if error.retry_after is not None or not isinstance(error, ModelHTTPError):
        return error.retry_after
    return reset_s(error.headers or {})


def _transport(error: Exception, model: str) -> StepError:
    """Tell a request that was never sent from one that may have run."""
    if isinstance(error, ModelConnectionError) and error.phase in ("pool", "connect"):
        return Transient(
            f"No connection to {model!r}: {_said(error)}. Check that its server runs and the address is right.",
            code="unreachable",
        )
    if isinstance(error, ModelRequestTimeout | TimeoutError):
        return TimedOut(
            f"No answer from {model!r} within the call's timeout_s. It may have run, and been billed.",
            code="timeout",
        )
    return Ambiguous(
        f"The connection to {model!r} broke after the request was sent: {_said(error)}. "
        "It may have run, and been billed.",
        code="dropped",
    )


def _status(error: ModelRequestRejectedError | ModelHTTPError, model: str) -> StepError:
    status = error.status_code if isinstance(error, ModelHTTPError) else 400
    said = _said(error)
    if isinstance(error, ModelContextWindowExceededError) or _is_context_overflow(error):
        return PermanentInput(
            f"The prompt is too long for {model!r}: {said}. Shorten it, or use a model with more context.",
            code="context_length",
        )
    if status in _AMBIGUOUS_STATUSES:
        return Ambiguous(
            f"A gateway before {model!r} answered {status}: {said}. The call may have run, and been billed.",
            code=str(status),
        )
    if status in _PERMANENT_STATUSES:
        return PermanentInput(
            f"The provider of {model!r} refused the request ({status}): {said}. The same input will fail again.",
            code=_code(error),
        )
    if status >= 500:
        # It may have been the last thing that failed, after the answer.
        return Transient(
            f"The provider of {model!r} failed ({status}): {said}.", code=str(status), sent="maybe"
        )
    return _gateway(error, model)


def _is_context_overflow(error: ModelAPIError) -> bool:
    told = f"{error.provider_error_type} {_said(error)}".lower()
    return any(phrase in told for phrase in _CONTEXT_PHRASES)


def _is_filtered(error: ModelHTTPError) -> bool:
    return bool({error.provider_error_code, error.provider_error_type} & _FILTER_CODES)


def _gateway(error: Exception, model: str) -> BadOutput:
    return BadOutput(
        f"What answered for {model!r} does not speak the OpenAI API: {_said(error)}. "
        "Check the base URL: a proxy's page, or the wrong path, looks like this.",
        kind="gateway",
        # What stood behind it may have run.
        sent="maybe",
    )


def _code(error: ModelAPIError) -> str:
    status = str(error.status_code) if isinstance(error, ModelHTTPError) else ""
    return error.provider_error_code or error.provider_error_type or status


def _said(error: Exception) -> str:
    """Return the provider's own words, on one line and short: a body may be a whole web page."""
    body = error.body if isinstance(error, ModelAPIError) else None
    if isinstance(body, dict):
        inner = body.get("error", body)
        told = inner.get("message") if isinstance(inner, dict) else inner
    elif isinstance(error, UnexpectedModelBehavior | ModelAPIError):
        told = error.message
    else:
        told = str(error)
    words = " ".join(str(told or type(error).__name__).split()).rstrip(".")
    # A validation error shows what it was given: a part of the answer.
    words = _VALUES.sub("", words)
    return words if len(words) <= 300 else words[:297] + "..."


_VALUES = re.compile(r"\s*\[type=\w+, input_value=.*?input_type=\w+\]")


def _origin(error: Exception) -> str:
    """The vendor's class and the line it was raised at: enough to look there, and nothing of the content."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace else ""
    return f"Translated from {type(error).__name__}{where}."
