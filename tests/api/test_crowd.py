"""A web process answers so many requests of the API at once; whoever comes then is told to come back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from aiops.api.crowd import Crowd, is_counted


def scope(path: str = "/api/v1/runs", **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        **more,
    }


async def asked(app: Any, about: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the body that an application answers; its body is never read."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("nobody reads the body of who is turned away")

    async def send(message: Any) -> None:
        sent.append(message)

    await app(about, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:])


class Slow:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.begun = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        await self.may_end.wait()
        if scope["path"].endswith("/broken"):
            raise RuntimeError("broken")
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def busy(crowd: Crowd, *paths: str) -> list[asyncio.Task[Any]]:
    """Requests that are in flight."""
    tasks = [asyncio.ensure_future(asked(crowd, scope(path))) for path in paths]
    await asyncio.sleep(0)
    return tasks


def played(test: Callable[[Slow, Crowd], Coroutine[Any, Any, None]], most: int = 2) -> None:
    async def play() -> None:
        app = Slow()
        await test(app, Crowd(app, most=most))

    asyncio.run(play())


def test_above_the_bound_the_answer_is_429_at_once() -> None:
    async def test(app: Slow, crowd: Crowd) -> None:
        tasks = await busy(crowd, "/api/v1/runs", "/api/v1/runs")

        status, headers, body = await asked(crowd, scope())

        told = json.loads(body)
        assert (status, headers["retry-after"]) == (429, "1")
        assert headers["content-type"] == "application/problem+json"
        assert int(headers["content-length"]) == len(body)
        assert (told["code"], told["status"]) == ("crowded", 429)
        assert app.begun == 2
        app.may_end.set()
        assert [(await task)[0] for task in tasks] == [202, 202]

    played(test)


def test_a_place_is_free_again_when_a_request_ends_or_breaks() -> None:
    async def test(app: Slow, crowd: Crowd) -> None:
        tasks = await busy(crowd, "/api/v1/runs", "/api/v1/broken")
        app.may_end.set()
        await asyncio.gather(*tasks, return_exceptions=True)

        assert crowd.in_flight == 0
        assert (await asked(crowd, scope()))[0] == 202

    played(test)


def test_a_place_is_free_again_when_the_caller_goes_away() -> None:
    async def test(app: Slow, crowd: Crowd) -> None:
        [task] = await busy(crowd, "/api/v1/runs")

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert crowd.in_flight == 0

    played(test, most=1)


def test_streams_and_pages_of_people_do_not_count() -> None:
    async def test(app: Slow, crowd: Crowd) -> None:
        paths = [*["/api/v1/runs/1/stream"] * 5, *["/admin/"] * 5, "/s/token/"]
        tasks = await busy(crowd, *paths)

        assert (app.begun, crowd.in_flight) == (11, 0)
        app.may_end.set()
        await asyncio.gather(*tasks)

    played(test, most=1)


@pytest.mark.parametrize(
    ("about", "is_so"),
    [
        (scope(), True),
        (scope("/api/v1/runs/1/stream/"), False),
        (scope("/api/v1/streams"), True),
        (scope("/below/api/v1/runs", root_path="/below"), True),
        (scope("/api/v2/runs"), False),
        ({"type": "lifespan"}, False),
        ({"type": "websocket", "path": "/api/v1/runs"}, False),
    ],
)
def test_what_is_counted(about: dict[str, Any], is_so: bool) -> None:
    assert is_counted(about) is is_so


def test_a_page_of_an_allowed_origin_may_read_it(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example.com"]

    async def headers(origin: bytes) -> dict[str, str]:
        found = scope()
        found["headers"] = [*found["headers"], (b"origin", origin)]
        return (await asked(Crowd(get_asgi_application(), most=0), found))[1]

    shop = asyncio.run(headers(b"https://shop.example.com"))
    other = asyncio.run(headers(b"https://elsewhere.example.com"))

    assert shop["access-control-allow-origin"] == "https://shop.example.com"
    assert "Retry-After" in shop["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other


def test_the_web_process_has_the_bound_around_it(settings: Settings) -> None:
    from aiops.asgi import application

    assert isinstance(application, Crowd)
    assert application.most == settings.AIOPS_API_IN_FLIGHT


@pytest.mark.django_db
def test_who_is_turned_away_costs_no_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        status, _, _ = asyncio.run(asked(Crowd(get_asgi_application(), most=0), scope()))

    assert (status, len(queries)) == (429, 0)


def test_a_crowd_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def test(app: Slow, crowd: Crowd) -> None:
        for _ in range(100):
            await asked(crowd, scope())

    played(test, most=0)

    assert [record.getMessage() for record in caplog.records] == [
        "api.crowded turned_away=1 most=0"
    ]
