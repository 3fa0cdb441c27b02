"""Events over HTTP: CloudEvents in three modes, and what their senders are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from django.test import Client

from aiops.models import Run, Signal
from tests.api.calling import program
from tests.execution.engine import Engine, fresh
from tests.execution.rules import rule

pytestmark = pytest.mark.django_db

#: For tests whose runs move on, which happens after a commit.
COMMITS = pytest.mark.django_db(transaction=True)

ONE, SEVERAL = "application/cloudevents+json", "application/cloudevents-batch+json"


def event(**changes: Any) -> dict[str, Any]:
    given = {
        "specversion": "1.0",
        "type": "order.paid",
        "source": "/shop",
        "id": "e1",
        "subject": "A1",
        "data": {"pence": 7},
        **changes,
    }
    return {name: value for name, value in given.items() if value is not ...}


def send(client: Client, body: Any, media: str = ONE, **headers: str) -> Any:
    raw = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post("/api/v1/events", data=raw, content_type=media, headers=headers)


@pytest.fixture
def shop(flows: None) -> Client:
    return program(scopes=["events"])


# What becomes of one


def test_an_event_starts_a_run_and_its_sender_is_told_which(shop: Client) -> None:
    rule()

    answer = send(shop, event())

    run = Run.objects.get()
    assert answer.status_code == 202
    told = answer.json()
    assert (told["outcome"], told["is_new"]) == ("started", True)
    assert told["run_ids"] == told["started"] == [str(run.id)]
    assert run.started_by.startswith("trigger:paid orders for api:tests (")


@COMMITS
def test_an_event_wakes_the_run_that_waits_for_its_subject(shop: Client, engine: Engine) -> None:
    run = engine.run("payment", input={"label": "A1"})

    told = send(shop, event()).json()
    engine.work()

    assert (told["outcome"], told["run_ids"]) == ("woke", [str(run.id)])
    assert fresh(run).state == "succeeded"


@COMMITS
def test_an_event_may_name_its_waiter_by_something_else_than_its_subject(
    shop: Client, engine: Engine
) -> None:
    engine.run("payment", input={"label": "B2"})

    assert send(shop, event(aiopsmatch="B2")).json()["outcome"] == "woke"


def test_an_event_that_nobody_waits_for_is_kept(shop: Client) -> None:
    told = send(shop, event()).json()

    assert (told["outcome"], told["run_ids"]) == ("kept", [])


def test_an_event_that_comes_again_is_told_what_became_of_the_first(shop: Client) -> None:
    rule()
    first = send(shop, event()).json()

    again = send(shop, event(data={"pence": 9}))

    assert again.status_code == 202
    told = again.json()
    assert (told["outcome"], told["is_new"], told["duplicates"]) == ("duplicate", False, 1)
    assert told["run_ids"] == first["run_ids"]


def test_an_event_that_could_not_start_its_run_is_taken_and_says_why(shop: Client) -> None:
    rule(input={"number": "=type"})

    answer = send(shop, event())

    assert answer.status_code == 202
    (error,) = answer.json()["errors"]
    assert (error["trigger"], "number" in error["message"]) == ("paid orders", True)


def test_what_the_sender_says_is_kept_also_what_we_do_not_know(shop: Client) -> None:
    send(shop, event(time="2026-11-22T10:00:00+02:00", traceparent="00-ab", retries=3, colour=None))

    kept = Signal.objects.get()
    assert kept.happened_at == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert kept.extensions == {"traceparent": "00-ab", "retries": 3}
    assert (kept.subject, kept.match, kept.payload) == ("A1", "A1", {"pence": 7})
    assert kept.actor.startswith("api:tests (")


# How it comes


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_what_the_reference_library_writes_is_understood(
    shop: Client, write: Callable[..., Any]
) -> None:
    attributes = {
        "id": "e-7",
        "source": "/shop/über",
        "type": "order.paid",
        "specversion": "1.0",
        "subject": "Ömer & Söhne",
        "datacontenttype": "application/json",
        "time": datetime(2026, 11, 22, 8, tzinfo=UTC),
    }
    message = write(CloudEvent(attributes=attributes, data={"pence": 7}), JSONFormat())
    headers = dict(message.headers)
    media = headers.pop("content-type", headers.pop("Content-Type", ""))

    answer = send(shop, message.body, media, **headers)

    assert answer.status_code == 202, answer.content
    kept = Signal.objects.get()
    assert (kept.source, kept.subject) == ("/shop/über", "Ömer & Söhne")
    assert kept.payload == {"pence": 7}
    assert kept.happened_at == attributes["time"]


def test_in_binary_mode_an_event_may_come_without_data(shop: Client) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}

    answer = send(shop, "", "application/octet-stream", **headers)

    assert answer.status_code == 202
    assert Signal.objects.get().payload == {}


def test_several_come_at_once_and_a_wrong_one_loses_none_of_the_others(shop: Client) -> None:
    batch = [event(id="a"), event(id="b", type=...), "nonsense", event(id="a"), event(id="c")]

    answer = send(shop, batch, SEVERAL)

    assert answer.status_code == 202
    told = answer.json()
    outcomes = [one["outcome"] for one in told]
    assert outcomes == ["kept", "refused", "refused", "duplicate", "kept"]
    assert (told[1]["place"], told[1]["id"]) == (1, "b")
    assert "type: it is missing; send what happened" in told[1]["problem"]["detail"]
    assert Signal.objects.count() == 2


def test_a_batch_of_nothing_that_can_be_taken_is_a_problem_of_its_sender(shop: Client) -> None:
    assert send(shop, [event(id=...)], SEVERAL).status_code == 422


@pytest.mark.parametrize(
    ("body", "media", "status", "told"),
    [
        (event(id=...), ONE, 422, "never use again"),
        (event(source=""), ONE, 422, "source"),
        (event(specversion="0.3"), ONE, 422, "'1.0'"),
        (event(time="yesterday"), ONE, 422, "time"),
        (event(subject="x" * 201), ONE, 422, "subject"),
        (event(data=..., data_base64="AA=="), ONE, 422, "send JSON, as data"),
        (event(Colour="red"), ONE, 422, "rename it"),
        (event(colour={"r": 1}), ONE, 422, "put anything else into data"),
        (event(aiopsmatch="x" * 201), ONE, 422, "shorten it"),
        (event(data={"a": "\x00"}), ONE, 422, "NUL"),
        (event(data="x" * 1_000_001), ONE, 422, "send its address"),
        ([event()], ONE, 422, "a JSON object"),
        (event(), SEVERAL, 422, "a JSON array"),
        ([event()] * 101, SEVERAL, 422, "several requests"),
        ("{", ONE, 400, "no JSON"),
        (b"\xff", ONE, 400, "UTF-8"),
        ('{"data": NaN}', ONE, 400, "NaN"),
        ("[" * 100_000, ONE, 400, "no JSON"),
        (event(), "application/json", 415, "application/cloudevents+json"),
        ("", "text/plain", 415, "application/cloudevents+json"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do_and_nothing_is_written(
    shop: Client, body: Any, media: str, status: int, told: str
) -> None:
    answer = send(shop, body, media)

    assert answer.status_code == status, answer.content[:300]
    assert answer["Content-Type"] == "application/problem+json"
    assert told in answer.json()["detail"]
    assert not Signal.objects.exists()


def test_data_of_another_kind_than_json_is_refused(shop: Client) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}

    answer = send(shop, "<a/>", "application/xml", **headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "wrong-media-type")


def test_a_request_that_is_too_large_says_so(shop: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}

    answer = send(shop, event(data="x" * 200))
    binary = send(shop, "x" * 200, "application/json", **headers)

    assert (binary.status_code, binary.json()["code"]) == (413, "too-large")
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


# Who may


def test_a_key_without_the_scope_sends_nothing(flows: None) -> None:
    answer = send(program(scopes=["start", "read"]), event())

    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
    assert not Signal.objects.exists()


def test_nobody_sends_anything_without_a_key(flows: None) -> None:
    assert send(Client(), event()).status_code == 401


@COMMITS
def test_an_event_is_the_tenants_whose_key_it_is(engine: Engine) -> None:
    rule(tenant="other")
    waiting = engine.run("payment", input={"label": "A1"})

    told = send(program(tenant="acme", scopes=["events"]), event()).json()

    assert (told["outcome"], fresh(waiting).state) == ("kept", "waiting")
    assert Signal.objects.get().tenant == "acme"


def test_a_key_of_one_tenant_names_no_other(flows: None) -> None:
    answer = send(program(tenant="acme", scopes=["events"]), event(aiopstenant="other"))

    assert (answer.status_code, answer.json()["code"]) == (403, "other-tenant")
    assert not Signal.objects.exists()


def test_a_key_of_every_tenant_may_name_one(flows: None) -> None:
    send(program(tenant="", scopes=["events"]), event(aiopstenant="acme"))

    assert Signal.objects.get().tenant == "acme"
