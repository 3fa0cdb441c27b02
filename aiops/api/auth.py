"""Letting a request in: by the key of a program, or by the token of one run."""

from __future__ import annotations

from django.http import HttpRequest
from ninja.security import HttpBearer

from aiops.access import keys, run_token
from aiops.access.caller import Caller
from aiops.api.problems import Problem


class Bearer(HttpBearer):
    """`Authorization: Bearer aio_...`."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        return keys.recognise(token)


class BearerOrToken(Bearer):
    """The same, or the token of the run that is asked about."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        return keys.recognise(token) or run_token.read(token)


def caller(request: HttpRequest, *scopes: str) -> Caller:
    """Who asks; a Problem unless they may do one of these."""
    found: Caller = request.auth  # type: ignore[attr-defined]  # ninja puts it there
    if not any(found.may(scope) for scope in scopes):
        raise Problem(
            403,
            "scope-missing",
            "The key does not allow this",
            f"It needs the scope {' or '.join(scopes)}. A key gets its scopes when it is made: "
            "make another one.",
        )
    return found
