"""A request that names itself is done once: the second time it is answered, and nothing happens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel

from aiops.access.caller import Caller
from aiops.api.problems import Problem
from aiops.models import ApiRequest

T = TypeVar("T", bound=BaseModel)

#: Tells that an answer is that of an earlier request.
REPLAYED = "Idempotency-Replayed"

#: For the document of the operations that use this.
HEADERS = {
    REPLAYED: {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "The request was done before: this is its answer.",
    }
}


def once(
    request: HttpRequest,
    response: HttpResponse,
    who: Caller,
    key: str | None,
    act: Callable[[], T],
) -> T | dict[str, Any]:
    """Do it, or give the answer of the request of this name, all in one transaction.

    What was refused leaves nothing behind, and may be tried again under the same name.
    """
    with transaction.atomic():
        if key is None:
            return act()
        whose = who.key_id or who.run_id
        assert whose is not None, "a caller shows a key or a token"  # noqa: S101
        named = ApiRequest.objects.filter(whose=whose, key=key)
        earlier = _claimed(whose, key, _digest(request))
        if earlier is not None:
            response[REPLAYED] = "true"
            return earlier
        done = act()
        named.update(answer=done.model_dump(mode="json"))
        return done


def _claimed(whose: UUID, key: str, digest: str) -> dict[str, Any] | None:
    """The answer of an earlier request; None when the name is this request's now."""
    mine = ApiRequest(whose=whose, key=key, digest=digest)
    # Waits for a transaction that has just written the same name.
    ApiRequest.objects.bulk_create([mine], ignore_conflicts=True)
    row = ApiRequest.objects.get(whose=whose, key=key)
    if row.digest != digest:
        raise Problem(
            422,
            "idempotency-key-reused",
            "This name belongs to another request",
            "The header Idempotency-Key was sent with another address or body before: "
            "give each request a name of its own.",
        )
    answer: dict[str, Any] | None = row.answer
    return answer


def _digest(request: HttpRequest) -> str:
    said = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    return hashlib.sha256(said).hexdigest()
