"""The OpenAPI document: what ninja says of each operation, and the problems that it may answer with."""

from __future__ import annotations

from http.client import responses
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.types import DictStrAny

from aiops.api.problems import MEDIA_TYPE
from aiops.api.schemas import ProblemTold

_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}

ABOUT = """Start runs, follow them, and decide about them.

Every request shows a key: `Authorization: Bearer aio_...`. What a key may do is said by its scopes,
and each operation names the scope that it takes. A key of one tenant reaches that tenant's runs;
whatever belongs to another looks as if it were not there.

What is wrong is told as a problem (RFC 9457): `code` never changes, `detail` says what to do.
"""


class Documented(NinjaAPI):
    """An API whose document names every problem."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: DictStrAny | None = None
    ) -> OpenAPISchema:
        found = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        schema = ProblemTold.model_json_schema(ref_template="#/components/schemas/{model}")
        found["components"]["schemas"]["Problem"] = schema
        for methods in found["paths"].values():
            for operation in methods.values():
                for status in _statuses(operation):
                    operation["responses"].setdefault(status, _told(status))
        return found


def problems(*statuses: int) -> dict[str, Any]:
    """What an operation may answer besides what all may; for its `openapi_extra`."""
    return {"responses": {status: _told(status) for status in statuses}}


def _statuses(operation: dict[str, Any]) -> list[int]:
    """What an operation of this shape may answer; its own problems it names itself."""
    places = {parameter["in"] for parameter in operation["parameters"]}
    found = [429]
    if operation.get("security"):
        found += [401, 403]
    if "path" in places:
        found += [404]
    if "requestBody" in operation:
        found += [413, 415]
    if places or "requestBody" in operation:
        found += [400, 422]
    return sorted(found)


def _told(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {"description": responses[status], "content": _PROBLEM}
    if status == 429:
        seconds = {"schema": {"type": "string"}, "description": "Seconds until it helps to ask."}
        told["headers"] = {"Retry-After": seconds}
    return told
