"""An API in which everything goes wrong, at the address of the real one."""

from __future__ import annotations

from typing import Any, Literal

from django.core.exceptions import BadRequest, PermissionDenied
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError

from aiops.api import handling

api = NinjaAPI(version="1", urls_namespace="api-faulty")
handling.install(api)

SECRET = "the customer's own words"


class Item(Schema):
    count: int


class Order(Schema):
    name: str
    size: Literal["s", "m"] = "s"
    items: list[Item] = []


@api.post("/orders")
def order(request: HttpRequest, body: Order, page: int = 1) -> dict[str, Any]:
    return body.dict()


@api.get("/bug")
def bug(request: HttpRequest) -> None:
    raise RuntimeError(SECRET)


@api.get("/slow")
async def bug_while_waiting(request: HttpRequest) -> None:
    raise RuntimeError(SECRET)


@api.get("/database")
def database_away(request: HttpRequest) -> None:
    # A server that is not there, by Django's own way of asking.
    nobody = {**connection.settings_dict, "HOST": "127.0.0.1", "PORT": "1"}
    DatabaseWrapper(nobody, "away").cursor()


@api.get("/value")
def value_too_long(request: HttpRequest) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::integer", [10**12])


@api.get("/gone")
def gone(request: HttpRequest) -> None:
    raise Http404(SECRET)


@api.get("/stranger")
def stranger(request: HttpRequest) -> None:
    raise AuthenticationError


@api.get("/denied")
def denied(request: HttpRequest) -> None:
    raise PermissionDenied(SECRET)


@api.get("/strange")
def strange(request: HttpRequest) -> None:
    raise BadRequest(SECRET)


@api.get("/teapot")
def teapot(request: HttpRequest) -> None:
    raise HttpError(418, "I am a teapot")


def outside(request: HttpRequest) -> HttpResponse:
    """A view that is no operation, with a bug."""
    raise RuntimeError(SECRET)


urlpatterns = [path("api/v1/outside", outside), path("api/v1/", api.urls)]
