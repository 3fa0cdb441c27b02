"""Calling the API as another program does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.test import Client

from aiops.access import keys
from aiops.models import Scope


def key_of(*, tenant: str = "default", scopes: Iterable[str] = tuple(Scope.values)) -> str:
    """A key that was just made."""
    return keys.make("tests", tenant=tenant, scopes=scopes)[1]


def program(
    *, tenant: str = "default", scopes: Iterable[str] = tuple(Scope.values), **headers: Any
) -> Client:
    """An HTTP client that shows a key of its own."""
    key = key_of(tenant=tenant, scopes=scopes)
    return Client(headers={"Authorization": f"Bearer {key}", **headers})


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    """POST JSON to /api/v1<path>."""
    return client.post(
        f"/api/v1{path}", data=body, content_type="application/json", headers=headers
    )


def get(client: Client, path: str, **headers: str) -> Any:
    """GET /api/v1<path>."""
    return client.get(f"/api/v1{path}", headers=headers)


def holder(token: str) -> Client:
    """A browser that shows a token of a run."""
    return Client(headers={"Authorization": f"Bearer {token}"})
