"""Flower behind the console's login: read only, and nothing of it reaches what it should not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import flower as package
import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings
from tornado.template import filter_whitespace

from aiops import flower_config
from aiops.admin import flower
from tests.admin_.doing import text

pytestmark = pytest.mark.django_db


class Upstream(BaseHTTPRequestHandler):
    """What stands in for Flower: it keeps what it was asked."""

    asked: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, dict(self.headers)))
        if "/task/gone" in self.path:
            self.send_error(404)
            return
        body = b"x" * (5 * 1024 * 1024) if "endless" in self.path else b"<h1>Workers</h1>"
        self.send_response(200)
        for name, value in {
            "Content-Type": "text/html",
            "ETag": '"1"',
            "Set-Cookie": "_xsrf=1; Path=/",
            "Access-Control-Allow-Origin": "*",
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def asked(settings: Settings) -> Iterator[list[tuple[str, str, dict[str, str]]]]:
    """A Flower of ours; what it was asked."""
    Upstream.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        settings.AIOPS_FLOWER_URL = f"http://127.0.0.1:{server.server_port}"
        yield Upstream.asked
        server.shutdown()
        thread.join()


Asked = list[tuple[str, str, dict[str, str]]]


def test_a_page_is_passed_on(as_: Callable[[str], Client], asked: Asked) -> None:
    response = as_("viewer").get("/flower/tasks?state=FAILURE&worker=io@a")

    assert (response.status_code, text(response)) == (200, "<h1>Workers</h1>")
    assert [one[:2] for one in asked] == [("GET", "/flower/tasks?state=FAILURE&worker=io%40a")]


def test_no_cookie_goes_in_and_none_comes_out(as_: Callable[[str], Client], asked: Asked) -> None:
    response = as_("viewer").get("/flower/")

    assert "Cookie" not in asked[0][2]
    assert "_xsrf" not in response.cookies
    assert "Access-Control-Allow-Origin" not in response


def test_no_script_of_a_task_runs_here_and_nobody_frames_it(
    as_: Callable[[str], Client], asked: Asked
) -> None:
    response = as_("viewer").get("/flower/")

    policy = response["Content-Security-Policy"]
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in script
    assert "frame-ancestors 'none'" in policy
    assert response["X-Frame-Options"] == "DENY"


def test_the_answer_that_is_known_already_is_asked_for_by_its_tag(
    as_: Callable[[str], Client], asked: Asked
) -> None:
    response = as_("viewer").get("/flower/static/js/flower.js", headers={"If-None-Match": '"1"'})

    assert asked[0][2]["If-None-Match"] == '"1"'
    assert response["ETag"] == '"1"'


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("page", ["", "tasks", "api/worker/shutdown/io@a", "api/task/apply/x"])
def test_nothing_that_changes_something_is_passed_on(
    as_: Callable[[str], Client], asked: Asked, method: str, page: str
) -> None:
    response = getattr(as_("admin"), method)(f"/flower/{page}")

    assert response.status_code == 405
    assert asked == []


@pytest.mark.parametrize(
    "page",
    ["api/workers", "api/tasks", "metrics", "login", "worker/../api/workers", "static/%2e%2e/x"],
)
def test_its_api_and_its_metrics_are_not_passed_on(
    as_: Callable[[str], Client], asked: Asked, page: str
) -> None:
    assert as_("admin").get(f"/flower/{page}").status_code == 404
    assert asked == []


def test_the_rows_of_its_table_are_asked_for_by_a_get(
    as_: Callable[[str], Client], asked: Asked
) -> None:
    response = as_("viewer").post("/flower/tasks/datatable", {"draw": "1", "start": "0"})

    assert response.status_code == 200
    assert [one[:2] for one in asked] == [("GET", "/flower/tasks/datatable?draw=1&start=0")]


def test_a_worker_with_a_strange_name_is_asked_for_as_it_is(
    as_: Callable[[str], Client], asked: Asked
) -> None:
    as_("viewer").get(reverse("flower_page", args=["worker/io@a?x=1"]))

    assert asked[0][1] == "/flower/worker/io@a%3Fx%3D1"


def test_a_stranger_is_asked_to_sign_in(client: Client, asked: Asked) -> None:
    response = client.get("/flower/tasks")

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("admin:login"))
    assert asked == []


def test_who_may_not_see_nodes_sees_no_flower(as_: Callable[[str], Client], asked: Asked) -> None:
    assert as_("nobody").get("/flower/").status_code == 403
    assert asked == []


def test_a_flower_that_is_away_is_told(as_: Callable[[str], Client], settings: Settings) -> None:
    settings.AIOPS_FLOWER_URL = "http://127.0.0.1:1"

    response = as_("viewer").get("/flower/")

    assert response.status_code == 503
    assert "Flower does not answer" in text(response)


def test_a_task_that_flower_has_forgotten_is_told(
    as_: Callable[[str], Client], asked: Asked
) -> None:
    response = as_("viewer").get("/flower/task/gone")

    assert response.status_code == 404
    assert "does not know this task any more" in text(response)


def test_an_answer_without_end_is_not_kept(as_: Callable[[str], Client], asked: Asked) -> None:
    assert as_("viewer").get("/flower/static/endless").status_code == 503


def test_the_tab_of_the_broker_leads_to_the_queues(as_: Callable[[str], Client]) -> None:
    response = as_("viewer").get("/flower/broker")

    assert response["Location"] == reverse("admin:aiops_node_changelist")


# What messages carry


class Task:
    def __init__(self, args: str, kwargs: str = "{}", result: str | None = "'ran'") -> None:
        self.args, self.kwargs, self.result = args, kwargs, result


RUN = "01a20497-0dc4-7127-8e92-f5b68c6e56ff"


@pytest.mark.parametrize(
    "args",
    [
        f"('{RUN}', ['{RUN}', '{RUN}'], 0, 'advance')",
        f"('{RUN}', ['{RUN}'], 12, '{RUN}')",
        f"['{RUN}', ['{RUN}'], 0, '']",
        f"('{RUN}', '{RUN}', 'classify')",
        f"('{RUN}',)",
    ],
)
def test_ids_are_shown(args: str) -> None:
    assert flower_config.format_task(Task(args)).args == args


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ("('support_reply', {'body': 'my name is Ann'})", "{}"),
        (f"('{RUN}', 'it is about Ann')", "{}"),
        (f"('{RUN}',)", "{'reason': 'Ann asked'}"),
        ("()", "{'input': {'body': 'Ann'}}"),
    ],
)
def test_what_other_programs_send_is_not_shown(args: str, kwargs: str) -> None:
    found = flower_config.format_task(Task(args, kwargs, "{'user': 'Ann'}"))

    assert "Ann" not in f"{found.args}{found.kwargs}{found.result}"


def test_the_one_script_in_a_page_of_flower_is_the_one_that_is_let_through() -> None:
    page = (Path(package.__file__).parent / "templates" / "workers.html").read_text()
    (written,) = [part.partition("</script>")[0] for part in page.split("<script")[1:]]
    script = filter_whitespace("single", written.partition(">")[2])

    assert flower._hash(script.replace("{{ autorefresh }}", "1")) in flower._POLICY
