"""Every address under /api/v1/ that nothing else answers."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from aiops.api.problems import Problem, not_found

router = Router()


@router.api_operation(
    ["GET", "POST", "PUT", "PATCH", "DELETE"], "/{path:rest}", auth=None, include_in_schema=False
)
def nothing(request: HttpRequest, rest: str) -> Problem:
    """Say so in the form of every other problem; Django would answer with a page."""
    raise not_found("No operation has this address: look at /api/v1/openapi.json.")
