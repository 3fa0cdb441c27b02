"""Vendor errors become the classes of aiops.flow.errors here, and nowhere else. Heavy to import, as the session is."""

from __future__ import annotations

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


def translate(error: Exception, *, model: str) -> StepError:
    """Name the class that decides what happens next, with a sentence that says what to do."""
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
                f"The provider of {model!r} is overloaded: {_said(error)}.", code="overloaded"
            )
        case ModelRequestTimeout() | ModelConnectionError() | TimeoutError():
            return _transport(error, model)
        case ContentFilterError():
            return refused(model, str(error))
        case ModelRequestRejectedError() | ModelHTTPError():
            return _status(error, model)
        case ModelAPIError() if error.in_stream:
            return Ambiguous(f"The answer of {model!r} broke off: {_said(error)}.")
        case _:
            return _gateway(error, model)


def refused(model: str, reason: str) -> PermanentInput:
    """The provider's filter, or the model itself, would not answer this."""
    why = f": {reason}" if reason else ""
    return PermanentInput(
        f"The model {model!r} refused to answer{why}. Change the input, or let a person answer.",
        code="content_filter",
    )


def _rate_limited(error: ModelRateLimitError, model: str) -> RateLimited:
    return RateLimited(
        f"The provider of {model!r} limits the rate: {_said(error)}.",
        after_s=error.retry_after,
        code=_code(error),
    )


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
        return Transient(f"The provider of {model!r} failed ({status}): {said}.", code=str(status))
    return _gateway(error, model)


def _is_context_overflow(error: ModelAPIError) -> bool:
    told = f"{error.provider_error_type} {_said(error)}".lower()
    return any(phrase in told for phrase in _CONTEXT_PHRASES)


def _gateway(error: Exception, model: str) -> BadOutput:
    return BadOutput(
        f"What answered for {model!r} does not speak the OpenAI API: {_said(error)}. "
        "Check the base URL: a proxy's page, or the wrong path, looks like this.",
        kind="gateway",
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
    return words if len(words) <= 300 else words[:297] + "..."
