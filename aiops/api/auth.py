"""Letting a request in: by the key of a program, or by the token of one run."""

from __future__ import annotations

from typing import NoReturn

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from aiops.access import keys, run_token
from aiops.access.caller import Caller
from aiops.api import limits
from aiops.api.problems import CHALLENGE, Problem, of

#: Where a request keeps what the answer's RateLimit headers tell.
STANDING = "aiops_standing"
#: A longer one is no key and no token.
MOST_CHARS = 2_000


class Bearer(HttpBearer):
    """`Authorization: Bearer aio_...`, so many times a minute."""

    def __call__(self, request: HttpRequest) -> Caller:
        token = self.shown(request)
        who = self.authenticate(request, token) if 0 < len(token) <= MOST_CHARS else None
        return admit(request, who, token)

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        return keys.recognise(token)

    def shown(self, request: HttpRequest) -> str:
        """The key or token of a request; "" for none."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


class BearerOrToken(Bearer):
    """The same, or the token of the run that is asked about."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        return keys.recognise(token) or run_token.read(token)


def admit(request: HttpRequest, who: Caller | None, token: str) -> Caller:
    """Let in whose key or token this is, so many times a minute; a Problem for everybody else."""
    if who is None:
        _refuse(request, token)
    standing = limits.take(who)
    setattr(request, STANDING, standing)
    if standing.is_over:
        raise of(
            "too-many-requests",
            f"The limit is {standing.limit:,} a minute. Wait {standing.reset_s} s.",
            wait_s=standing.reset_s,
        )
    return who


def caller(request: HttpRequest, *scopes: str) -> Caller:
    """Who asks; a Problem unless they may do one of these."""
    found: Caller = request.auth  # type: ignore[attr-defined]  # ninja puts it there
    if not any(found.may(scope) for scope in scopes):
        raise of(
            "scope-missing",
            f"It needs the scope {' or '.join(scopes)}. A key gets its scopes when it is made: "
            "make another one.",
        )
    return found


def _refuse(request: HttpRequest, token: str) -> NoReturn:
    """Say why nobody is let in. Who guesses is told to wait; a good key is not, wherever it is from."""
    if not token:
        raise _unknown("key-missing", "")
    standing = limits.take_failure(request.META.get("REMOTE_ADDR", ""))
    setattr(request, STANDING, standing)
    if standing.is_over:
        raise of("too-many-failures", wait_s=standing.reset_s)
    raise _unknown("key-refused", _ended(token))


def _unknown(code: str, detail: str) -> Problem:
    # RFC 6750: without a key only the scheme is told, with a wrong one what is wrong.
    error = ', error="invalid_token"' if code == "key-refused" else ""
    return of(code, detail, headers={"WWW-Authenticate": f"{CHALLENGE}{error}"})


def _ended(token: str) -> str:
    """When a key ended, for who holds it; "" for what is no key."""
    row = keys.find(token)
    if row is None or row.opens(timezone.now()):
        return ""
    if row.revoked_at is not None:
        return f"The key {row.prefix} was revoked on {row.revoked_at:%Y-%m-%d}: ask for another."
    instead = " It was replaced by another." if row.replaced_by_id else ""
    return f"The key {row.prefix} expired on {row.expires_at:%Y-%m-%d}.{instead} Ask for another."
