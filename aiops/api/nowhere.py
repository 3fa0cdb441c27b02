"""Every address under /api/v1/ that nothing else answers."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from aiops.api.problems import not_found

router = Router()


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@router.api_operation(_METHODS, "/{path:rest}", auth=None, include_in_schema=False)
def nothing(request: HttpRequest, rest: str) -> None:
    """Say so in the form of every other problem; Django would answer with a page."""
    raise not_found("No operation has this address: look at /api/v1/openapi.json.")


@router.api_operation(_METHODS, "", auth=None, include_in_schema=False)
def root(request: HttpRequest) -> None:
    """The same of the address that all others begin with."""
    nothing(request, "")
