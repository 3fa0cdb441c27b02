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
