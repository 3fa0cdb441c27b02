"""Sending: at least once, in order per run, until it is taken or given up."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from django.utils import timezone
from pytest_django.fixtures import Settings
from standardwebhooks.webhooks import Webhook

from aiops.execution import posting
from aiops.execution.answer import answer
from aiops.execution.plans import plan
from aiops.models import Escalation, Event, Run, WebhookDelivery, WebhookEndpoint, webhook_moves
from aiops.webhooks import backoff, configure, deliver
from tests.execution.engine import COMMITS, Engine, question
from tests.providers.stub import free_port
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import fresh, kinds_of, let_time_pass, listening, send, waiting

pytestmark = COMMITS


def only() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


def started(engine: Engine) -> Run:
    return engine.start("line", input={"number": 1}, title="Refund", key="k-1")


# What a receiver gets


def test_a_message_is_a_cloud_event_with_a_signature_that_verifies(
    engine: Engine, receiver: Receiver, settings: Settings
) -> None:
    settings.AIOPS_BASE_URL = "https://ops.example.org"
    _, secret = listening(receiver.url)
    run = started(engine)

    assert send() == 1

    [got] = receiver.got
    assert Webhook(secret).verify(got.body, got.headers) == got.event
    event = from_http_event(HTTPMessage(got.headers, got.body.encode()), JSONFormat())
    assert (event.get_id(), event.get_type()) == (got.id, "aiops.run.accepted")
    assert event.get_source() == "https://ops.example.org/"
    assert event.get_subject() == str(run.id)
    assert event.get_extension("tenant") == "default"
    assert event.get_extension("workflow") == "line"
    data = got.event["data"]
    assert (data["run_id"], data["key"], data["title"]) == (str(run.id), "k-1", "Refund")
    assert data["status"]["state"] == "queued"
    assert "result" not in data


def test_sequences_sort_as_texts(engine: Engine, receiver: Receiver) -> None:
    listening(receiver.url)
    engine.run("line", input={"number": 1})

    send()

    sequences = [got.event["sequence"] for got in receiver.got]
    assert sequences == sorted(sequences)
    assert len(set(sequences)) == len(sequences) > 1


@pytest.mark.parametrize("gives_result", [True, False])
def test_only_an_endpoint_that_is_meant_to_gets_the_result(
    engine: Engine, receiver: Receiver, gives_result: bool
) -> None:
    listening(receiver.url, gives_result=gives_result, kinds=["run.succeeded"])
    engine.run("line", input={"number": 1})

    send()

    [got] = receiver.got
    assert ("result" in got.event["data"]) is gives_result


def test_a_result_that_is_too_large_is_left_where_it_is(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiops.webhooks.envelope.MOST_BYTES", 10)
    listening(receiver.url, gives_result=True, kinds=["run.succeeded"])
    run = engine.run("line", input={"number": 1})

    send()

    data = receiver.got[0].event["data"]
    assert "result" not in data
    assert f"/api/v1/runs/{run.id}/result" in data["result_omitted"]


def test_a_question_is_told_of_without_its_text(engine: Engine, receiver: Receiver) -> None:
    listening(receiver.url, kinds=["escalation.opened", "escalation.answered"])
    run = engine.run("letter")
    asked = question(run)
    answer(asked.id, "approve", actor="ann", note="of Ada")

    send()

    opened, answered = [got.event["data"]["escalation"] for got in receiver.got]
    assert opened == {"id": str(asked.id), "kind": "approval", "severity": "normal"}
    assert answered == {"id": str(asked.id), "kind": "approval", "answer": "approve"}
    assert "Ada" not in receiver.got[1].body
    assert "ann" not in json.dumps(answered)


# Once it is taken, never again; before that, again and again


def test_what_is_taken_is_not_sent_again(engine: Engine, receiver: Receiver) -> None:
    listening(receiver.url)
    started(engine)

    assert (send(), send()) == (1, 0)

    assert (only().state, only().status, only().tries) == ("sent", 204, 1)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (500, "it answered 500"),
        (302, "redirects are not followed"),
        ("reset", "ReadError"),
        ("nothing", "RemoteProtocolError"),
    ],
)
def test_what_is_not_taken_comes_again_with_the_same_id(
    engine: Engine, receiver: Receiver, fault: str | int, error: str
) -> None:
    receiver.answers = [fault]
    listening(receiver.url)
    started(engine)

    first = send()
    assert error in only().error
    let_time_pass()

    assert (first, send()) == (0, 1)
    assert len({got.id for got in receiver.got}) == 1
    assert len(receiver.got) == 2
    assert [one["status"] for one in only().attempts][-1] == 204


@pytest.mark.parametrize("fault", ["drip", "hang"])
def test_a_receiver_that_is_slow_without_end_is_left(
    engine: Engine, receiver: Receiver, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting.post, "__kwdefaults__", {"whole_s": 0.5})
    receiver.answers = [fault]
    listening(receiver.url)
    started(engine)

    assert send() == 0

    assert only().error.startswith("ReadTimeout")
    assert only().attempts[0]["took_ms"] < 5_000


def test_a_receiver_that_is_not_there_is_tried_again(engine: Engine, receiver: Receiver) -> None:
    listening(f"http://127.0.0.1:{free_port()}/")
    started(engine)

    send()

    assert only().state == "waiting"
    assert only().error.startswith("ConnectError")


def test_a_surprise_on_the_way_to_a_receiver_keeps_nobody_else(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening(receiver.url)
    first, second = started(engine), engine.start("line", input={"number": 2})
    real = deliver._post

    def post(url: str, text: str, headers: dict[str, str]) -> posting.Answer:
        if str(first.id) in text:
            raise RuntimeError("nobody has thought of it")
        return real(url, text, headers)

    monkeypatch.setattr(deliver, "_post", post)

    assert send() == 1
    states = dict(WebhookDelivery.objects.values_list("run", "state"))
    assert states == {first.id: "waiting", second.id: "sent"}
    failed = WebhookDelivery.objects.get(run=first)
    assert failed.error == "it could not be sent: RuntimeError"


def test_waits_grow_and_are_spread(engine: Engine, receiver: Receiver) -> None:
    receiver.answers = [500] * 3
    listening(receiver.url)
    started(engine)

    waits = []
    for _ in range(3):
        send()
        waits.append((only().next_at - timezone.now()).total_seconds())
        let_time_pass()

    assert waits == [pytest.approx(wait_s, rel=0.25) for wait_s in backoff.WAITS_S[:3]]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("90", 90), ("999999999999", backoff.MOST_ASKED_S), ("soon", 0), ("-5", 0), ("", 0)],
)
def test_a_receiver_says_how_long_to_wait(said: str, seconds: float) -> None:
    assert backoff.asked(said, timezone.now()) == seconds


def test_a_receiver_may_say_until_when_to_wait() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    said = format_datetime(now + timedelta(minutes=2), usegmt=True)

    assert backoff.asked(said, now) == 120


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_receiver_is_left_alone_for_as_long_as_it_asks(
    engine: Engine, receiver: Receiver, status: int
) -> None:
    receiver.answers = [status]
    receiver.headers = {"Retry-After": "600"}
    endpoint, _ = listening(receiver.url)
    for _ in range(20):
        engine.start("line", input={"number": 1})

    send()
    came = len(receiver.got)
    send()

    assert len(receiver.got) == came <= backoff.AT_ONCE
    held = fresh(endpoint).next_at
    assert held is not None
    assert (held - timezone.now()).total_seconds() == pytest.approx(600, abs=10)


def test_an_endpoint_that_fails_again_and_again_is_tried_with_one_message(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.choose = lambda number: 500
    endpoint, _ = listening(receiver.url)
    for _ in range(20):
        engine.start("line", input={"number": 1})
    send()
    assert fresh(endpoint).failures >= backoff.AWAY_AFTER
    before = len(receiver.got)
    let_time_pass()

    send()

    assert len(receiver.got) == before + 1


def test_all_that_waits_goes_when_it_is_back(engine: Engine, receiver: Receiver) -> None:
    receiver.choose = lambda number: 500
    endpoint, _ = listening(receiver.url)
    for _ in range(20):
        engine.start("line", input={"number": 1})
    send()
    assert fresh(endpoint).failures >= backoff.AWAY_AFTER
    receiver.choose = lambda number: 204
    WebhookEndpoint.objects.update(next_at=None)

    send()

    assert WebhookDelivery.objects.filter(state="sent").count() == 20
    assert (fresh(endpoint).failures, fresh(endpoint).failing_since) == (0, None)


# In order


def test_messages_of_one_run_come_in_order_whatever_fails(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.choose = lambda number: 500 if number % 3 else 204
    listening(receiver.url)
    runs = [engine.run("line", input={"number": number}) for number in range(3)]

    while waiting():
        send()
        let_time_pass()

    for run in runs:
        ids = [
            str(one.message_id) for one in WebhookDelivery.objects.filter(run=run).order_by("id")
        ]
        first = list(dict.fromkeys(got.id for got in receiver.got if got.id in ids))
        taken = [got.id for got in receiver.taken() if got.id in ids]
        assert (first, taken) == (ids, ids)


def test_what_is_behind_waits_while_the_first_of_its_run_waits(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.answers = [500]
    listening(receiver.url)
    engine.run("line", input={"number": 1})
    send()
    other = engine.start("line", input={"number": 2})

    send()

    assert waiting() == ["run.accepted", "run.succeeded"]
    assert len(receiver.got) == 2
    assert WebhookDelivery.objects.get(run=other).state == "sent"


def test_different_runs_go_at_the_same_time_up_to_a_bound(
    engine: Engine, receiver: Receiver
) -> None:
    together = threading.Barrier(backoff.AT_ONCE, timeout=10)

    def choose(number: int) -> int:
        together.wait()
        return 204

    receiver.choose = choose
    listening(receiver.url)
    for _ in range(3 * backoff.AT_ONCE):
        engine.start("line", input={"number": 1})

    assert send() == 3 * backoff.AT_ONCE
    assert receiver.most_at_once == backoff.AT_ONCE


# Each once at a time


def test_a_message_to_a_worker_is_good_for_once(engine: Engine, receiver: Receiver) -> None:
    endpoint, _ = listening(receiver.url)
    started(engine)
    turn = webhook_moves.give_turn(endpoint.id, held_until=timezone.now() + timedelta(seconds=9))

    results = [deliver.deliver(endpoint.id, turn) for _ in range(2)]

    assert results == [1, 0]
    assert len(receiver.got) == 1


def test_two_workers_never_send_the_same_message_at_the_same_time(
    engine: Engine, receiver: Receiver
) -> None:
    endpoint, _ = listening(receiver.url)
    started(engine)
    lease = timedelta(seconds=60)

    first = webhook_moves.claim(endpoint.id, 9, lease=lease)
    second = webhook_moves.claim(endpoint.id, 9, lease=lease)

    assert (len(first), len(second)) == (1, 0)


def test_a_claim_whose_worker_is_gone_is_taken_over_and_its_late_answer_refused(
    engine: Engine, receiver: Receiver
) -> None:
    endpoint, _ = listening(receiver.url)
    started(engine)
    [late] = webhook_moves.claim(endpoint.id, 1, lease=timedelta(seconds=60))
    let_time_pass()
    [again] = webhook_moves.claim(endpoint.id, 1, lease=timedelta(seconds=60))

    results = (webhook_moves.put_off(late, timezone.now()), webhook_moves.sent(again))

    assert results == (False, True)
    assert only().state == "sent"


def test_an_endpoint_that_is_paused_in_the_middle_gets_no_more(
    engine: Engine, receiver: Receiver
) -> None:
    endpoint, _ = listening(receiver.url)
    stopped = threading.Event()
    for _ in range(30):
        engine.start("line", input={"number": 1})

    def choose(number: int) -> int:
        stopped.set()
        return 204

    receiver.choose = choose
    webhook_moves.pause(endpoint, actor="ann", reason="a move")

    assert send() == 0
    assert not stopped.is_set()
    configure.resume(fresh(endpoint), actor="ann", reason="moved")
    assert send() == 30


# The end of patience


def failing_for(endpoint: WebhookEndpoint, days: float) -> None:
    since = timezone.now() - timedelta(days=days)
    WebhookEndpoint.objects.filter(id=endpoint.id).update(failing_since=since)
    WebhookDelivery.objects.update(trying_since=since)


def test_an_endpoint_that_takes_nothing_for_three_days_is_disabled_and_asked_about(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.answers = [500]
    endpoint, _ = listening(receiver.url)
    run = started(engine)
    failing_for(endpoint, days=3.1)

    send()

    found = fresh(endpoint)
    assert (found.state, only().state) == ("disabled", "waiting")
    asked = question(run)
    assert (asked.kind, asked.answers) == ("webhook", ["send_again", "let_it_be"])
    assert found.question == asked
    assert "1 message waits" in asked.question
    assert "secret-path" not in asked.question


def test_gone_disables_at_once(engine: Engine, receiver: Receiver) -> None:
    receiver.answers = [410]
    endpoint, _ = listening(receiver.url)
    run = started(engine)

    send()

    assert fresh(endpoint).state == "disabled"
    assert "wants no more" in question(run).question


def test_there_is_one_question_about_an_endpoint_however_many_runs_it_misses(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.choose = lambda number: 410
    listening(receiver.url)
    for number in range(5):
        engine.start("line", input={"number": number})

    send()

    assert Escalation.objects.count() == 1


def test_two_endpoints_that_miss_one_run_are_both_asked_about(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.choose = lambda number: 410
    first, _ = listening(receiver.url)
    second, _ = listening(receiver.url, name="ledger")
    started(engine)
    send(first)
    send(second)
    [asked] = Escalation.objects.all()

    answer(asked.id, "send_again", actor="bob", note="mended")

    assert [fresh(one).state for one in (first, second)] == ["active", "active"]


def test_the_end_of_the_run_leaves_the_question_open(engine: Engine, receiver: Receiver) -> None:
    receiver.answers = [410]
    listening(receiver.url)
    run = started(engine)
    send()

    engine.work()

    assert Run.objects.get(id=run.id).state == "succeeded"
    assert question(run).state == "open"


def test_send_again_lets_everything_go_in_order(engine: Engine, receiver: Receiver) -> None:
    receiver.answers = [410]
    endpoint, _ = listening(receiver.url)
    run = started(engine)
    send()
    engine.work()

    answer(question(run).id, "send_again", actor="bob", note="mended")
    send()

    assert fresh(endpoint).state == "active"
    assert [got.event["type"] for got in receiver.taken()] == [
        "aiops.run.accepted",
        "aiops.run.succeeded",
    ]


def test_let_it_be_gives_up_what_waits_and_keeps_it_for_a_replay(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.answers = [410]
    endpoint, _ = listening(receiver.url)
    run = started(engine)
    send()

    answer(question(run).id, "let_it_be", actor="bob", note="they are gone")

    assert (fresh(endpoint).state, only().state) == ("disabled", "failed")
    assert Event.objects.filter(kind="escalation.answered", actor="bob").exists()


def test_an_answer_says_what_it_brings_before_it_is_given(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.answers = [410]
    listening(receiver.url)
    run = started(engine)
    send()
    asked = question(run)

    again = plan(run.id, "send_again", escalation=asked.id)
    let_be = plan(run.id, "let_it_be", escalation=asked.id)

    assert again.notes == ("shop is active again; 1 message will go, in order.",)
    assert "shop stays disabled; 1 message will not be sent." in let_be.notes


def test_resuming_by_hand_closes_the_question(engine: Engine, receiver: Receiver) -> None:
    receiver.answers = [410]
    endpoint, _ = listening(receiver.url)
    started(engine)
    send()

    configure.resume(fresh(endpoint), actor="bob", reason="mended")

    assert Escalation.objects.get().state == "closed"
    assert send() == 1


def test_one_message_that_is_never_taken_does_not_disable_an_endpoint_that_takes_others(
    engine: Engine, receiver: Receiver
) -> None:
    endpoint, _ = listening(receiver.url)
    poison = started(engine)
    receiver.answers = [500]
    send()
    WebhookDelivery.objects.update(trying_since=timezone.now() - timedelta(days=4))
    WebhookEndpoint.objects.update(failing_since=None, failures=0)
    engine.work()
    let_time_pass()
    receiver.answers = [500]

    send()

    assert fresh(endpoint).state == "active"
    rows = WebhookDelivery.objects.filter(run=poison).order_by("id")
    assert [one.state for one in rows] == ["failed", "sent"]
    answer(question(poison).id, "send_again", actor="bob", note="mended")
    assert send() == 1
    assert receiver.got[-1].id == str(rows[0].message_id)


# Tests, replays


def test_a_test_is_sent_once_and_changes_nothing_of_the_endpoint(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.answers = [500]
    endpoint, secret = listening(receiver.url)
    configure.test(endpoint, actor="ann")

    send()

    [got] = receiver.got
    assert Webhook(secret).verify(got.body, got.headers)["type"] == "aiops.webhook.test"
    assert (only().state, fresh(endpoint).failing_since) == ("failed", None)


def test_a_replay_has_the_same_id_and_keeps_what_was_sent(
    engine: Engine, receiver: Receiver
) -> None:
    listening(receiver.url)
    engine.run("line", input={"number": 1})
    send()
    sent = list(WebhookDelivery.objects.all())

    assert configure.replay(sent, actor="ann", reason="they lost it") == 2
    send()

    ids = [got.id for got in receiver.got]
    assert ids[:2] == ids[2:]
    assert WebhookDelivery.objects.filter(state="sent").count() == 4


def test_what_failed_is_replayed_once(engine: Engine, receiver: Receiver) -> None:
    endpoint, _ = listening(receiver.url)
    started(engine)
    WebhookDelivery.objects.update(state="failed")
    since = timezone.now() - timedelta(hours=1)

    first = configure.failed_since(endpoint, since)
    configure.replay(first, actor="ann", reason="mended")

    assert len(first) == 1
    assert configure.failed_since(endpoint, since) == []
    assert configure.failed_since(endpoint, timezone.now()) == []


def test_the_beginning_of_an_answer_is_kept_without_keys(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.answers = [500]
    receiver.says = b"\x00no\x1b[31m: sk-" + b"aB3" * 14 + b" of bob@example.org" + b"x" * 900
    listening(receiver.url)
    started(engine)

    send()

    kept = only().excerpt
    assert kept.startswith("no")
    assert "sk-aB3" not in kept
    assert "bob@example.org" not in kept
    assert len(kept) <= 500


def test_an_answer_without_end_is_not_read(engine: Engine, receiver: Receiver) -> None:
    receiver.says = b"x" * 30_000_000
    receiver.answers = [200]
    listening(receiver.url)
    started(engine)

    assert send() == 1
    assert len(only().excerpt) == 500


def test_kinds_of_runs_are_told_once_each(engine: Engine, receiver: Receiver) -> None:
    listening(receiver.url, kinds=["run.succeeded", "run.partial"])

    run = engine.run("line", input={"number": 1})

    assert kinds_of(run) == ["run.succeeded"]
