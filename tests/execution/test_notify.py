"""Notifications: written with what happened, sent until they are taken, and never twice once they are."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings
from standardwebhooks.webhooks import Webhook

from aiops.celery import app
from aiops.execution import deliver, hand_over, notify, outbox
from aiops.execution.answer import answer
from aiops.execution.cancel import cancel
from aiops.execution.dispatch import BrokerAway
from aiops.flow import NeedsHuman
from aiops.models import Escalation, Notification
from tasks.demo.mail_sink import Journal, MailSink
from tests.execution.engine import COMMITS, Engine, question, told
from tests.execution.orders import begun, stop_at
from tests.flows.script import Script
from tests.providers.stub import free_port

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Receiver(ThreadingHTTPServer):
    """A program outside: it answers what the test says, 204 afterwards, and keeps what it took."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.taken: list[tuple[dict[str, str], str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/a-secret-path"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.taken.append(({k.lower(): v for k, v in self.headers.items()}, body))
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", self.server.url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    settings.AIOPS_NOTIFY = {"approver": [server.url]}
    settings.AIOPS_NOTIFY_SECRET = SECRET
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def send_due() -> int:
    """What a message of the keeper would bring to a worker."""
    due = Notification.objects.filter(state="waiting", next_at__lte=timezone.now())
    return deliver.deliver(list(due.order_by("id").values_list("id", "tries")))


def let_time_pass() -> None:
    Notification.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def only() -> Notification:
    return Notification.objects.get()


# Who is told


@pytest.mark.parametrize(
    ("told", "group", "addresses"),
    [
        ({}, "a", []),
        ({"a": ["x@y.org"]}, "b", []),
        ({"a": ["x@y.org", "https://y.org"]}, "a", ["x@y.org", "https://y.org"]),
        ({"a": ["x@y.org"], "*": ["x@y.org", "z@y.org"]}, "a", ["x@y.org", "z@y.org"]),
        ({"*": ["z@y.org"]}, "", ["z@y.org"]),
    ],
)
def test_a_group_is_told_at_its_addresses_each_once(
    told: dict[str, list[str]], group: str, addresses: list[str]
) -> None:
    assert [address for _, address in notify.addresses(told, group)] == addresses


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"a": ["bob"]}, "neither a URL nor an e-mail address"),
        ({"a": ["https://y.org"]}, "AIOPS_NOTIFY_SECRET is empty"),
        ({"a": ["x@y.org"]}, "set EMAIL_HOST"),
    ],
)
def test_settings_that_would_tell_nobody_are_named(
    told: dict[str, list[str]], problem: str
) -> None:
    assert problem in " ".join(notify.wrong(told, secret="", can_mail=False))


def test_settings_that_are_right_have_nothing_wrong() -> None:
    told = {"a": ["x@y.org", "https://y.org"]}

    assert notify.wrong(told, secret=SECRET, can_mail=True) == []


@COMMITS
def test_a_notification_is_written_with_the_question_or_not_at_all(
    engine: Engine, receiver: Receiver
) -> None:
    with transaction.atomic():
        engine.start("memo")
        within = (Escalation.objects.count(), only().about)
        transaction.set_rollback(True)

    assert within == (1, "opened")
    assert not Escalation.objects.exists()
    assert not Notification.objects.exists()


@pytest.mark.django_db
def test_the_owner_of_a_question_is_told_by_mail(settings: Settings) -> None:
    settings.AIOPS_CAN_MAIL = True
    User.objects.create_user("bob", email="bob@example.org")
    run = begun()
    stop_at(run, "notify")

    hand_over.ask_about(run.id, "notify", actor="ann", reason="look", owner="bob")

    assert (only().channel, only().address) == ("email", "bob@example.org")


@COMMITS
def test_programs_are_told_when_it_is_over_and_people_are_not(
    engine: Engine, receiver: Receiver, settings: Settings
) -> None:
    settings.AIOPS_NOTIFY = {"approver": [receiver.url, "x@y.org"]}
    settings.AIOPS_CAN_MAIL = True
    first, second = engine.run("letter"), engine.run("letter")

    answer(question(first).id, "approve", actor="ann")
    cancel(second.id, reason="no", actor="ann")

    rows = Notification.objects.order_by("id").values_list("about", "channel")
    assert list(rows) == [
        *[("opened", "webhook"), ("opened", "email")] * 2,
        ("answered", "webhook"),
        ("closed", "webhook"),
    ]


# Sending to programs


@COMMITS
def test_a_receiver_verifies_the_signature_and_sees_no_content(
    engine: Engine, script: Script, receiver: Receiver
) -> None:
    script.tell("fetch", NeedsHuman("is 4929-1234 the card of Ada?"))
    run = engine.run("retried", title="Refund for Ada", input={"label": "4929-1234"})

    assert send_due() == 1

    ((headers, body),) = receiver.taken
    assert Webhook(SECRET).verify(body, headers) == json.loads(body)
    sent = json.loads(body)
    assert sent["type"] == "escalation.opened"
    assert sent["data"]["headline"] == "The step asks (fetch, retried)"
    assert sent["data"]["url"].endswith(f"/admin/aiops/escalation/{question(run).id}/change/")
    assert "4929" not in body
    assert "Ada" not in body


@COMMITS
def test_a_receiver_that_fails_first_gets_it_later_with_the_same_id(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.answers = [500, 503]
    engine.run("letter")

    results = []
    for _ in range(4):
        results.append(send_due())
        let_time_pass()

    assert results == [0, 0, 1, 0]
    assert (only().state, only().tries, only().error) == ("sent", 3, "")
    assert len({headers["webhook-id"] for headers, _ in receiver.taken}) == 1


@COMMITS
def test_after_a_failure_it_waits_longer_and_longer(engine: Engine, receiver: Receiver) -> None:
    receiver.answers = [500] * 3
    engine.run("letter")

    waits = []
    for _ in range(3):
        send_due()
        waits.append((only().next_at - timezone.now()).total_seconds())
        let_time_pass()

    assert only().error == "it answered 500"
    assert waits == [pytest.approx(wait_s, abs=5) for wait_s in outbox.BACKOFF_S[:3]]


@COMMITS
def test_what_is_never_taken_is_given_up_with_an_event(engine: Engine, receiver: Receiver) -> None:
    receiver.answers = [500] * 20
    run = engine.run("letter")

    for _ in range(20):
        send_due()
        let_time_pass()

    assert only().state == "failed"
    assert len(receiver.taken) == len(outbox.BACKOFF_S) + 1
    (event,) = told(run, "notification.given_up")
    assert event.data["address"] == "http://127.0.0.1"  # a webhook's path may be a secret


@COMMITS
def test_a_receiver_that_wants_no_more_is_not_asked_again(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.answers = [410]
    engine.run("letter")

    send_due()

    assert (only().state, len(receiver.taken)) == ("failed", 1)


@COMMITS
def test_a_redirect_is_not_followed(engine: Engine, receiver: Receiver) -> None:
    receiver.answers = [307]
    engine.run("letter")

    send_due()

    assert len(receiver.taken) == 1
    assert "redirects are not followed" in only().error


@COMMITS
def test_a_receiver_that_is_not_there_is_tried_again(engine: Engine, settings: Settings) -> None:
    settings.AIOPS_NOTIFY = {"approver": [f"http://127.0.0.1:{free_port()}/"]}
    settings.AIOPS_NOTIFY_SECRET = SECRET
    engine.run("letter")

    send_due()

    assert only().state == "waiting"
    assert only().error.startswith("ConnectError")


@COMMITS
def test_a_message_that_comes_twice_sends_it_once(engine: Engine, receiver: Receiver) -> None:
    engine.run("letter")
    named = [(only().id, only().tries)]

    results = [deliver.deliver(named), deliver.deliver(named)]

    assert results == [1, 0]
    assert len(receiver.taken) == 1


@COMMITS
def test_a_question_that_was_answered_meanwhile_is_not_sent(
    engine: Engine, receiver: Receiver
) -> None:
    run = engine.run("letter")
    answer(question(run).id, "approve", actor="ann")

    send_due()

    states = dict(Notification.objects.values_list("about", "state"))
    assert states == {"opened": "dropped", "answered": "sent"}


# The keeper's part


@COMMITS
def test_the_keeper_hands_each_out_once_and_again_when_the_message_was_lost(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[Any] = []

    def send_task(name: str, args: list[Any], **_: Any) -> None:
        messages.append((name, args))

    monkeypatch.setattr(app, "send_task", send_task)
    engine.run("letter")

    results = [deliver.hand_out(), deliver.hand_out()]
    let_time_pass()
    results.append(deliver.hand_out())

    assert results == [1, 0, 1]
    assert messages == [("tasks.notify", [[(only().id, 0)]])] * 2


@COMMITS
def test_without_a_broker_everything_stays_due(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send_task(name: str, args: list[Any], **_: Any) -> None:
        raise ConnectionError("the broker is away")

    monkeypatch.setattr(app, "send_task", send_task)
    engine.run("letter")

    with pytest.raises(BrokerAway):
        deliver.hand_out()

    assert only().next_at <= timezone.now()


# Sending to people


@pytest.fixture
def sink(settings: Settings, tmp_path: Path) -> Iterator[MailSink]:
    pytest.importorskip("aiosmtpd", reason="the mail sink is part of the demo's requirements")
    sink = MailSink(
        Journal(tmp_path / "mail.jsonl"), host="127.0.0.1", smtp_port=free_port(), http_port=0
    )
    sink.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = int(sink.smtp_url.rpartition(":")[2])
    settings.AIOPS_CAN_MAIL = True
    settings.AIOPS_NOTIFY = {"approver": ["ann@example.org"]}
    yield sink
    sink.stop()


@COMMITS
def test_a_mail_arrives_with_the_id_that_tells_a_repetition(engine: Engine, sink: MailSink) -> None:
    run = engine.run("letter")

    assert send_due() == 1

    (mail,) = sink._journal.latest
    assert mail["to"] == "ann@example.org"
    assert mail["subject"] == "[Normal] A person is asked: Send it? (agree, letter)"
    assert mail["message_id"] == f"<{question(run).id}.{only().id}@127.0.0.1>"


@COMMITS
def test_a_mail_server_that_is_away_is_tried_again(engine: Engine, sink: MailSink) -> None:
    engine.run("letter")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.EMAIL_PORT", free_port())
        first = send_due()
    let_time_pass()

    second = send_due()

    assert (first, second) == (0, 1)
    assert (only().state, only().tries) == ("sent", 2)


@COMMITS
def test_without_a_mail_server_no_mail_is_written(engine: Engine, settings: Settings) -> None:
    settings.AIOPS_NOTIFY = {"approver": ["ann@example.org"]}

    engine.run("letter")

    assert not Notification.objects.exists()
