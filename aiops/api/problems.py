"""Problems (RFC 9457): what is wrong with a request, and what to do about it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that was not done.

    `code` is a short word that never changes; `title` says what it means, `detail` what is wrong
    with this request and what to do.
    """

    def __init__(
        self, status: int, code: str, title: str, detail: str = "", *, wait_s: int = 0, **more: Any
    ) -> None:
        super().__init__(f"{title}: {detail}")
        self.status, self.code, self.title, self.detail = status, code, title, detail
        #: After how many seconds to ask again; 0 when that would not help.
        self.wait_s = wait_s
        self.more = more


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The response that tells a problem."""
    body = {
        "type": f"{PAGE}#{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path,
        "code": problem.code,
        **problem.more,
    }
    response = JsonResponse(body, status=problem.status, content_type=MEDIA_TYPE)
    if problem.wait_s:
        response["Retry-After"] = str(problem.wait_s)
    return response


#: Where each code is explained.
PAGE = "/api/v1/problems"


def not_found(what: str) -> Problem:
    """For what is not there, and for what is another tenant's: the two look alike."""
    return Problem(404, "not-found", "There is nothing here", what)
