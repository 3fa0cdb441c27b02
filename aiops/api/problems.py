"""Problems (RFC 9457): what is wrong with a request, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from aiops.api.problem_codes import CODES

MEDIA_TYPE = "application/problem+json"
#: What a 401 asks for (RFC 6750).
CHALLENGE = 'Bearer realm="aiops"'


class Problem(Exception):
    """A request that was not done.

    `code` is a short word that never changes, of those in problem_codes; `title` says what it means,
    `detail` what is wrong with this request and what to do.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        *,
        wait_s: int = 0,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(f"{title}: {detail}")
        self.status, self.code, self.title, self.detail = status, code, title, detail
        #: After how many seconds to ask again; 0 when that would not help.
        self.wait_s = wait_s
        self.headers = dict(headers or {})
        self.more = more


def of(code: str, detail: str = "", *, wait_s: int = 0, **more: Any) -> Problem:
    """A problem of a known code, with the status and the title that the code has."""
    known = CODES[code]
    return Problem(known.status, code, known.title, detail or known.remedy, wait_s=wait_s, **more)


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The response that tells a problem."""
    response = JsonResponse(
        body(problem, request.path), status=problem.status, content_type=MEDIA_TYPE
    )
    for name, value in problem.headers.items():
        response[name] = value
    if problem.wait_s:
        response["Retry-After"] = str(problem.wait_s)
    return response


def body(problem: Problem, path: str) -> dict[str, Any]:
    """What a response tells of a problem."""
    return {"instance": path, **told(problem)}


def told(problem: Problem) -> dict[str, Any]:
    """A problem as data, wherever it came up."""
    return {
        "type": f"{PAGE}#{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        **problem.more,
    }


#: Where each code is explained.
PAGE = "/api/v1/problems"


def not_found(what: str) -> Problem:
    """For what is not there, and for what is another tenant's: the two look alike."""
    return of("not-found", what)
