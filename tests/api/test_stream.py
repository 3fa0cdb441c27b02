"""Streams of a real web process: what comes, when, for whom, and when it ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from aiops.access import keys, run_token
from aiops.execution.cancel import cancel
from aiops.models import ApiKey, Run, Scope, Step
from tests.api.web import Following, Web, eventually, following, serving
from tests.execution.engine import COMMITS, Engine

pytestmark = [COMMITS, pytest.mark.slow]


@pytest.fixture(scope="module")
def web(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, no_session_left: None
) -> Iterator[Web]:
    with serving(
        tmp_path_factory.mktemp("web"),
        AIOPS_STREAM_HEARTBEAT_S="0.5",
        AIOPS_STREAM_POLL_S="0.5",
    ) as found:
        yield found
        assert found.stop() == -signal.SIGTERM
        assert_clean(found.log)


def assert_clean(log: Path) -> None:
    """Nothing was left behind, and nothing went wrong."""
    said = log.read_text()
    for word in ("Traceback", "Task was destroyed", "never awaited", "ResourceWarning", "ERROR"):
        assert word not in said, said


@pytest.fixture
def run(engine: Engine) -> Run:
    return engine.start("line", input={"number": 1})


@pytest.fixture
def letter(engine: Engine) -> Run:
    """Its text may be read while it is written."""
    return engine.start("typed", input={"number": 1})


def key_of(
    *, tenant: str = "default", scopes: tuple[str, ...] = (Scope.READ,), streams: int = 100
) -> dict[str, str]:
    row, key = keys.make("tests", tenant=tenant, scopes=scopes)
    ApiKey.objects.filter(id=row.id).update(streams=streams, per_minute=10_000)
    return {"Authorization": f"Bearer {key}"}


def url(web: Web, run_id: UUID, token: str = "") -> str:
    return f"{web.url}/runs/{run_id}/stream" + (f"?token={token}" if token else "")


def works(run: Run, **fields: Any) -> None:
    """Let a worker be on the first step of a run."""
    soon = timezone.now() + timedelta(seconds=60)
    lease = {"state": "running", "reason": "lease", "lease_until": soon, "worker": "io@a/1"}
    lease["started_at"] = timezone.now()
    Step.objects.filter(run=run, name__in=("one", "type_out")).update(**{**lease, **fields})


def writes(run: Run, text: str) -> None:
    works(run, progress={"share": 0.5, "text": "Writing", "partial": text})


def finish(run: Run) -> None:
    cancel(run.id, actor="ann", reason="enough", now=True)


def test_the_state_is_there_at_once_and_its_changes_follow(web: Web, run: Run) -> None:
    with following(url(web, run.id), headers=key_of()) as stream:
        headers = stream.response.headers
        first = stream.next("status")
        changed_at = time.monotonic()
        works(run)
        second = stream.next("status")

    assert headers["Content-Type"] == "text/event-stream"
    assert headers["Cache-Control"] == "no-cache, no-transform"
    assert headers["X-Accel-Buffering"] == "no"
    assert (first.data["run_id"], first.data["state"]) == (str(run.id), "queued")
    assert second.data["state"] == "running"
    assert second.id != first.id
    assert time.monotonic() - changed_at < 2


def test_a_client_is_told_how_long_to_wait_before_it_comes_back(web: Web, run: Run) -> None:
    with following(url(web, run.id), headers=key_of()) as stream:
        finish(run)
        found = stream.rest()

    assert 2_000 <= found[0].retry_ms <= 5_000


def test_a_quiet_stream_says_that_it_is_there(web: Web, run: Run) -> None:
    with following(url(web, run.id), headers=key_of()) as stream:
        stream.next("status")

        assert [stream.comment(), stream.comment()] == ["heartbeat", "heartbeat"]


def test_a_stream_ends_with_its_run(web: Web, run: Run) -> None:
    with following(url(web, run.id), headers=key_of()) as stream:
        stream.next("status")
        finish(run)
        rest = [event for event in stream.rest() if event.name]

    assert [event.name for event in rest][-2:] == ["status", "end"]
    assert rest[-2].data["is_final"]
    assert rest[-1].data == {"state": "cancelled"}


def test_who_knows_the_end_need_not_come_back(web: Web, run: Run) -> None:
    headers = key_of()
    finish(run)
    with following(url(web, run.id), headers=headers) as stream:
        *_, end = stream.rest()

    with following(url(web, run.id), headers={**headers, "Last-Event-ID": end.id}) as again:
        assert again.response.status_code == 204


def test_who_comes_back_hears_only_what_is_new(web: Web, run: Run) -> None:
    headers = key_of()
    with following(url(web, run.id), headers=headers) as stream:
        first = stream.next("status")

    with following(url(web, run.id), headers={**headers, "Last-Event-ID": first.id}) as stream:
        comments = [stream.comment(), stream.comment()]
        works(run)
        second = stream.next()

    assert comments == ["heartbeat", "heartbeat"]
    assert (second.name, second.data["state"]) == ("status", "running")


def test_who_has_missed_something_hears_the_whole_at_once(web: Web, run: Run) -> None:
    headers = {**key_of(), "Last-Event-ID": "of an earlier time"}

    with following(url(web, run.id), headers=headers) as stream:
        assert stream.next().data["state"] == "queued"


def test_a_text_that_grows_comes_in_pieces(web: Web, letter: Run) -> None:
    writes(letter, "Dear")
    with following(url(web, letter.id), headers=key_of()) as stream:
        first = stream.next()
        writes(letter, "Dear Ann")
        second = stream.next()
        writes(letter, "Dear Änn, 🙂")
        third = stream.next()
        writes(letter, "Dear Änn, 🙂 thank you")
        fourth = stream.next()

    assert (first.name, first.data["partial"]) == ("status", "Dear")
    assert (second.name, second.data) == ("partial", {"at": 4, "text": " Ann"})
    assert (third.name, third.data) == ("partial", {"at": 0, "text": "Dear Änn, 🙂"})
    assert (fourth.name, fourth.data) == ("partial", {"at": 11, "text": " thank you"})
    assert fourth.id != third.id


def test_a_client_that_comes_back_in_the_middle_of_a_text_gets_all_of_it(
    web: Web, letter: Run
) -> None:
    headers = key_of()
    writes(letter, "Dear")
    with following(url(web, letter.id), headers=headers) as stream:
        first = stream.next()
    with following(url(web, letter.id), headers={**headers, "Last-Event-ID": first.id}) as stream:
        assert stream.comment() == "heartbeat"
        writes(letter, "Dear Ann")
        again = stream.next()

    assert (again.name, again.data["partial"]) == ("status", "Dear Ann")


def test_a_token_opens_its_run_by_the_address_and_no_other(web: Web, engine: Engine) -> None:
    one, other = (engine.start("line", input={"number": n}) for n in range(2))
    token = run_token.sign(one.id)

    with following(url(web, one.id, token)) as stream:
        assert stream.next().data["run_id"] == str(one.id)
    with following(url(web, other.id, token)) as refused:
        assert refused.response.status_code == 404
    with following(url(web, one.id), headers={"Authorization": f"Bearer {token}"}) as stream:
        assert stream.response.status_code == 200


def refusals(run: Run) -> dict[str, tuple[dict[str, str], str, int]]:
    """Who is not let in: headers, token, and what they are told."""
    late = run_token.sign(run.id, lasts=timedelta(seconds=-1))
    return {
        "nobody": ({}, "", 401),
        "a wrong key": ({"Authorization": "Bearer aio_x_y"}, "", 401),
        "a key in the address": ({}, key_of()["Authorization"].removeprefix("Bearer "), 401),
        "a token whose time is over": ({}, late, 401),
        "a forged token": ({}, run_token.sign(run.id) + "x", 401),
        "a token that only cancels": ({}, run_token.sign(run.id, allows=["cancel"]), 403),
        "a key of another scope": (key_of(scopes=(Scope.SEND_EVENTS,)), "", 403),
        "another tenant": (key_of(tenant="acme"), "", 404),
    }


def test_who_may_not_see_a_run_gets_no_stream(web: Web, run: Run) -> None:
    for who, (headers, token, status) in refusals(run).items():
        with following(url(web, run.id, token), headers=headers) as refused:
            assert refused.response.status_code == status, who
            assert "status" not in refused.response.json() or status > 400


def test_a_run_that_is_not_there_has_no_stream(web: Web) -> None:
    with following(url(web, uuid4()), headers=key_of()) as refused:
        assert refused.response.status_code == 404
        assert refused.response.headers["Content-Type"] == "application/problem+json"


def test_a_key_has_so_many_streams_and_those_that_end_count_no_more(web: Web, run: Run) -> None:
    headers = key_of(streams=2)
    with following(url(web, run.id), headers=headers) as one:
        with following(url(web, run.id), headers=headers) as two:
            one.next(), two.next()
            with following(url(web, run.id), headers=headers) as refused:
                problem = refused.response

        def is_let_in() -> bool:
            with following(url(web, run.id), headers=headers) as three:
                return three.response.status_code == 200

        eventually(is_let_in)

    assert (problem.status_code, problem.headers["Retry-After"]) == (429, "30")
    assert problem.json()["code"] == "too-many-streams"


def test_a_token_is_good_for_a_few_streams(web: Web, run: Run) -> None:
    token = run_token.sign(run.id)
    streams = [following(url(web, run.id, token)) for _ in range(6)]
    opened: list[Following] = [stream.__enter__() for stream in streams]
    found = [stream.response.status_code for stream in opened]
    for stream in streams:
        stream.__exit__(None, None, None)

    assert found == [200] * 5 + [429]


def test_a_run_that_is_deleted_ends_its_stream(web: Web, run: Run) -> None:
    with following(url(web, run.id), headers=key_of()) as stream:
        stream.next("status")
        Step.objects.filter(run=run).delete()
        run.delete()
        *_, end = stream.rest()

    assert (end.name, end.data) == ("end", {"state": "gone"})


def test_the_example_of_the_document_follows_a_run_to_its_end(web: Web, letter: Run) -> None:
    text = Path("docs/streams.md").read_text()
    code = text.split("<!-- python: begin -->")[1].split("```")[1].removeprefix("python")
    example: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {}
    exec(code, example)  # noqa: S102  # our own document's
    key = key_of()["Authorization"].removeprefix("Bearer ")
    steps: list[Callable[[], object]] = [
        lambda: writes(letter, "Dear"),
        lambda: writes(letter, "Dear Ann"),
        lambda: finish(letter),
        lambda: None,
    ]

    seen = []
    for view, step in zip(example["follow"](url(web, letter.id), key), steps, strict=True):
        seen.append((view["state"], view["partial"]))
        step()

    assert seen == [
        ("queued", ""),
        ("running", "Dear"),
        ("running", "Dear Ann"),
        ("cancelled", ""),
    ]
