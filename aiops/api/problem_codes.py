"""Every code a problem may have, and what it means: the one list, from which its page is made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of problem, as the page explains it to who writes a client."""

    status: int
    title: str
    #: What has happened, and what to do about it.
    meaning: str
    remedy: str
    #: Whether the same request may succeed later.
    is_passing: bool = False


CODES: dict[str, Code] = {
    "bad-request": Code(
        400,
        "The request cannot be read",
        "It is no request of this API: a header, the address or the body breaks HTTP's rules.",
        "Correct the request. The same one is refused again.",
    ),
    "broken-json": Code(
        400,
        "The body is not JSON",
        "The body is no JSON in UTF-8, or it holds what no JSON can: NaN, Infinity, a NUL or half "
        "a surrogate pair.",
        "Send what a JSON library writes. `detail` tells the place.",
    ),
    "key-missing": Code(
        401,
        "No key was shown",
        "The request has no `Authorization` header of the scheme Bearer.",
        "Send `Authorization: Bearer aio_...`. An operator of this system makes keys.",
    ),
    "key-refused": Code(
        401,
        "The key opens nothing",
        "The key, or the token of a run, is unknown, has expired or was revoked.",
        "Ask for another one. `detail` says when the key ended, if it was one of this system.",
    ),
    "scope-missing": Code(
        403,
        "The key does not allow this",
        "The key is good, but was made without the scope that this needs.",
        "Ask for a key with that scope. A key gets its scopes when it is made.",
    ),
    "other-tenant": Code(
        403,
        "The key is another tenant's",
        "The request names a tenant that the key does not serve.",
        "Leave `tenant` out, or use a key of that tenant.",
    ),
    "not-found": Code(
        404,
        "There is nothing here",
        "There is no such address, or nothing of that id for this key. What belongs to another "
        "tenant looks the same.",
        "Check the address, the id, and which tenant the key is for.",
    ),
    "wrong-method": Code(
        405,
        "The method is not for this address",
        "The address exists, but not for this method.",
        "Use one of the methods in the `Allow` header.",
    ),
    "too-large": Code(
        413,
        "The body is too large",
        "The body has more bytes than this system takes.",
        "Send less: put the document somewhere else, and send its address.",
    ),
    "wrong-media-type": Code(
        415,
        "The body is of another type",
        "The body is not said to be JSON.",
        "Send `Content-Type: application/json`.",
    ),
    "wrong-values": Code(
        422,
        "Some values are wrong",
        "The body is JSON, but a field is missing, unknown or of another type.",
        "Correct what `errors` lists: each names a field, and says what is wrong with it.",
    ),
    "not-started": Code(
        422,
        "The run was not started",
        "The workflow is unknown, or the input is not what it takes.",
        "Correct what `detail` says. Nothing was started.",
    ),
    "reason-missing": Code(
        422,
        "A reason is needed",
        "What is asked for is not done without one.",
        "Say why, in `reason` or `note`: it is kept with the run.",
    ),
    "keys-differ": Code(
        422,
        "Two keys were given",
        "`key` and the header `Idempotency-Key` name the same thing, and differ.",
        "Send one of them.",
    ),
    "two-aims": Code(
        422,
        "Two steps were named",
        "`step` retries one step, `from_step` everything from a step on.",
        "Send one of them.",
    ),
    "result-unfit": Code(
        422,
        "It is not a result of this step",
        "What was given is not what the step returns.",
        "Correct what `detail` says. Nothing was changed.",
    ),
    "no-answer": Code(
        422,
        "This is no answer to the question",
        "Each question names what may be answered, and to whom.",
        "Give one of the answers that the question lists.",
    ),
    "event-invalid": Code(
        422,
        "The event was not taken",
        "It is no CloudEvent 1.0, or an attribute of it cannot be kept.",
        "Correct what `detail` names. Nothing was kept of it.",
    ),
    "idempotency-key-reused": Code(
        422,
        "This name belongs to another request",
        "The header `Idempotency-Key` was sent before with another address or body.",
        "Give each request a name of its own.",
    ),
    "key-taken": Code(
        409,
        "The key has a run already",
        "`if_exists` says that this is to be refused, or the input is another one.",
        "Use the run that `detail` names, another key, or another `if_exists`.",
    ),
    "answered": Code(
        409,
        "It is not open any more",
        "Somebody has answered the question, or its cause is gone.",
        "Look at the events of its run: they say who did that.",
    ),
    "moved-on": Code(
        409,
        "The run has moved on since you looked",
        "`version` is that of a plan which would be another one now.",
        "Look at `plan`, then send its `version`. Nothing was changed.",
    ),
    "look-first": Code(
        409,
        "It cannot be done without a look",
        "The verdict says that a repetition may do something twice. A program may not wave that through.",
        "Do one of `instead`, or let a person decide in the console.",
    ),
    "not-possible": Code(
        409,
        "It cannot be done now",
        "The run or the step does not stand where this makes sense.",
        "`detail` says why. Nothing was changed.",
    ),
    "not-ended": Code(
        409,
        "The run has not ended",
        "There is a result at the end only.",
        "Ask for its status until `is_final` is true, or listen to its stream.",
        is_passing=True,
    ),
    "no-result": Code(
        409,
        "The run has no result",
        "It failed, or was cancelled.",
        "The five answers say why, and what can be done.",
    ),
    "result-gone": Code(
        410,
        "The result is not there any more",
        "Its file was removed.",
        "Start the run anew when you still need it.",
    ),
    "too-many-events": Code(
        422,
        "Too many events at once",
        "A batch holds more events than are taken at once. None was taken.",
        "Send them in several requests.",
    ),
    "too-many-streams": Code(
        429,
        "Too many streams are open",
        "The key, the token or this process has as many streams as it may have.",
        "Close one, or ask for the status now and then instead.",
        is_passing=True,
    ),
    "too-many-requests": Code(
        429,
        "Too many requests",
        "The key, or the token of a run, has used up its requests of the last minute.",
        "Wait for as long as `Retry-After` says. `RateLimit` tells what is left on every answer.",
        is_passing=True,
    ),
    "too-many-failures": Code(
        429,
        "Too many wrong keys",
        "Too many requests from this address showed a key that opens nothing.",
        "Correct the key. A good key is let in meanwhile.",
        is_passing=True,
    ),
    "crowded": Code(
        429,
        "Too much at once",
        "This process answers as many requests as it can. Nothing was done with this one.",
        "Send it again after `Retry-After`, with a little chance in the wait.",
        is_passing=True,
    ),
    "unexpected": Code(
        500,
        "An error of ours",
        "A bug: the request was not the cause. It may or may not have been done.",
        "Tell an operator the `id`: the log has it. A start with a `key` may be sent again.",
    ),
    "database-away": Code(
        503,
        "The database does not answer",
        "An outage, or a restart. What was accepted before is safe. This request may or may not "
        "have been done.",
        "Send it again after `Retry-After`: a start with its `key`, a verb with its "
        "`Idempotency-Key`.",
        is_passing=True,
    ),
}

#: What answers that no code of ours has written mean, by their status.
BY_STATUS: dict[int, str] = {
    400: "bad-request",
    401: "key-refused",
    404: "not-found",
    405: "wrong-method",
    413: "too-large",
    415: "wrong-media-type",
    422: "wrong-values",
    429: "too-many-requests",
    500: "unexpected",
    503: "database-away",
}
