"""The faults by name: what the server does instead of, or on top of, a good answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

JSON = "application/json"
HTML = "text/html; charset=utf-8"
PAGE = "<!doctype html><title>Sign in</title><h1>Sign in to the network</h1>"

#: Stands for the prompt in a body.
ECHO = json.dumps({"error": {"message": "Cannot read: <<PROMPT>>", "code": "bad_request"}})

#: What is done to an answer on its way; see `sending.py`.
How = Literal["whole", "hang", "hang_up", "drop", "half", "drip", "stall", "slow"]


@dataclass(frozen=True, slots=True)
class Fault:
    """How one request is answered. The defaults are a good answer, sent whole."""

    name: str = "ok"
    status: int = 200
    #: The body instead of an answer; None: an answer is computed (and would be billed).
    body: str | None = None
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    how: How = "whole"
    #: The number after the colon: seconds of "slow:2", of "429:7", between the pieces of "drip:0.1".
    number: float = 0.0
    #: Changes to the computed answer: see `answers.py`.
    finish: str | None = "stop"
    text: str | None = None
    refusal: str = ""
    #: Inside a stream only: an error event after half of the pieces; the end without its last word.
    stream_error: dict[str, Any] | None = None

    @property
    def computes(self) -> bool:
        """Whether the answer exists, and so is billed, whatever becomes of it on the way."""
        return self.body is None and self.how not in ("hang", "hang_up")


class UnknownFault(Exception):
    """A script names a fault that there is not."""


def fault(told: str) -> Fault:
    """Read a name such as "529", "429:7", "slow:0.5" or "says:Some text"."""
    name, _, rest = told.partition(":")
    if name == "says":
        return Fault(told, text=rest)
    made = _ERRORS.get(name) or _BENT.get(name)
    if made is None:
        raise UnknownFault(f"no fault is called {told!r}; there are {', '.join(names())}")
    number = float(rest) if rest else made.number
    headers = {key: value.format(n=f"{number:g}") for key, value in made.headers.items()}
    return Fault(
        **{
            **{name: getattr(made, name) for name in made.__slots__},
            "name": told,
            "number": number,
            "headers": headers,
        }
    )


def names() -> list[str]:
    return ["says", *_ERRORS, *_BENT]


def _error(status: int, code: str, message: str, **more: Any) -> Fault:
    """An error in OpenAI's shape."""
    body = json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}})
    return Fault(code, status, body, **more)


_ERRORS: dict[str, Fault] = {
    "400": _error(400, "invalid_request_error", "Unknown parameter."),
    #: The provider repeats what it was sent.
    "echo": Fault("echo", 400, ECHO),
    "401": _error(401, "invalid_api_key", "Incorrect API key provided."),
    "402": _error(402, "insufficient_balance", "Payment is required."),
    "403": _error(403, "permission_denied", "This key may not use this model."),
    "404": _error(404, "model_not_found", "The model does not exist."),
    "404-page": Fault("404-page", 404, PAGE, HTML),
    "408": _error(408, "request_timeout", "The request timed out."),
    "409": _error(409, "conflict", "Another request changed this."),
    "413": _error(413, "request_too_large", "The request is too large."),
    "422": _error(422, "unprocessable_entity", "The schema is not supported."),
    "context-length": _error(400, "context_length_exceeded", "Too many tokens for this model."),
    "context-llama": _error(400, "exceed_context_size_error", "Too many tokens for this model."),
    "content-policy": _error(400, "content_policy_violation", "Rejected by the safety system."),
    "429": _error(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for requests.",
        headers={"Retry-After": "{n}"},
        number=7.0,
    ),
    "429-ms": _error(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for requests.",
        headers={"retry-after-ms": "{n}"},
        number=1500.0,
    ),
    "429-reset": _error(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for tokens.",
        headers={
            "x-ratelimit-remaining-requests": "12",
            "x-ratelimit-reset-requests": "1h2m",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "1m{n}s",
        },
        number=30.0,
    ),
    "429-bare": _error(429, "rate_limit_exceeded", "Rate limit reached for requests."),
    "429-day": _error(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for requests per day.",
        headers={"Retry-After": "{n}"},
        number=86_400.0,
    ),
    "429-quota": _error(429, "insufficient_quota", "You exceeded your current quota."),
    "429-spend": _error(429, "billing_hard_limit_reached", "Your spend limit is reached."),
    "400-spend": _error(400, "billing_hard_limit_reached", "Billing hard limit has been reached."),
    "500": _error(500, "server_error", "The server had an error."),
    "502": Fault("502", 502, PAGE, HTML),
    "503": _error(503, "service_unavailable", "Overloaded; try again."),
    "504": Fault("504", 504, PAGE, HTML),
    "529": _error(529, "overloaded_error", "Overloaded."),
    "html": Fault("html", 200, PAGE, HTML),
    "broken-json": Fault("broken-json", 200, '{"id": "chatcmpl-1", "choices": ['),
    "empty-object": Fault("empty-object", 200, "{}"),
    "empty-body": Fault("empty-body", 200, ""),
    "list": Fault("list", 200, "[]"),
    "no-choices": Fault(
        "no-choices", 200, json.dumps({"id": "x", "object": "chat.completion", "choices": []})
    ),
    "error-in-200": Fault(
        "error-in-200", 200, json.dumps({"error": {"message": "upstream failed", "code": "x"}})
    ),
    #: The request is read, nothing is ever answered.
    "hang": Fault("hang", how="hang"),
    #: The request is read and the connection closed: nothing was computed.
    "drop-before": Fault("drop-before", how="hang_up"),
}

#: An answer is computed, and so billed; then it is bent.
_BENT: dict[str, Fault] = {
    "ok": Fault(),
    "slow": Fault("slow", how="slow", number=1.0),
    "drip": Fault("drip", how="drip", number=0.1),
    "drop-after": Fault("drop-after", how="drop"),
    "half": Fault("half", how="half"),
    "stall": Fault("stall", how="stall"),
    "no-finish": Fault("no-finish", finish=None),
    "strange-finish": Fault("strange-finish", finish=""),
    "length": Fault("length", finish="length"),
    "content-filter": Fault("content-filter", finish="content_filter", text=""),
    "refusal": Fault("refusal", refusal="I cannot help with that."),
    "wrong-schema": Fault("wrong-schema", text='{"nothing": "that was asked for"}'),
    "not-json": Fault("not-json", text="Certainly! Here is the answer."),
    "stream-overloaded": Fault(
        "stream-overloaded",
        stream_error={"message": "Overloaded.", "type": "overloaded_error", "code": "529"},
    ),
    "stream-rate-limited": Fault(
        "stream-rate-limited",
        stream_error={
            "message": "Rate limit reached.",
            "type": "rate_limit_exceeded",
            "code": "rate_limit_exceeded",
        },
    ),
}
