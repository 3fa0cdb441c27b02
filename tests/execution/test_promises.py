"""Promises: made with the start or not at all, kept once, or put before a person."""

from __future__ import annotations

import email
from collections.abc import Iterator
from datetime import timedelta
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.execution import outbox
from aiops.execution.answer import answer
from aiops.execution.cancel import cancel
from aiops.execution.dispatch import BrokerAway
from aiops.execution.promises import CannotPromise, promise
from aiops.execution.resume import retry
from aiops.execution.user_view import user_view
from aiops.flow import PermanentInput
from aiops.models import Escalation, Promise, Run
from aiops.upkeep import promised
from tests.execution.engine import COMMITS, Engine, fresh, meanwhile, question, told
from tests.flows.script import Script
from tests.providers.stub import free_port

ADA = "ada@example.org"
CLOSE = "You can close this page. We will e-mail you when it is done."


class MailServer:
    """A mail server outside: it refuses as often as the test says, and keeps what it took."""

    def __init__(self) -> None:
        self.refuses = 0
        self.taken: list[Message] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuses:
            self.refuses -= 1
            return "451 Not now"
        self.taken.append(email.message_from_bytes(envelope.content))
        return "250 Taken"


@pytest.fixture
def mails(settings: Settings) -> Iterator[MailServer]:
    server = MailServer()
    controller = Controller(server, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.AIOPS_CAN_MAIL = True
    settings.AIOPS_BASE_URL = "https://runs.example.org"
    yield server
    controller.stop()


def started(engine: Engine, **given: Any) -> Run:
    """A run with a promise, made as a front door makes it: in the transaction of the start."""
    with transaction.atomic():
        run = engine.start("line", input={"number": 1}, title="Order A1", **given)
        promise(run.id, email=ADA)
    return run


def send_due() -> int:
    """What a message of the keeper would bring to a worker."""
    due = Promise.objects.filter(
        state="waiting", next_at__lte=timezone.now(), run__finished_at__isnull=False
    )
    return promised.keep(list(due.order_by("id").values_list("id", "tries")))


def let_time_pass() -> None:
    Promise.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def only() -> Promise:
    return Promise.objects.get()


def text(mail: Message) -> str:
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


# Made


@COMMITS
def test_a_promise_is_made_with_the_start_or_not_at_all(engine: Engine, mails: MailServer) -> None:
    with transaction.atomic():
        started(engine)
        transaction.set_rollback(True)

    assert not Promise.objects.exists()
    assert not Run.objects.exists()


@COMMITS
def test_without_a_mail_server_nothing_is_promised(engine: Engine) -> None:
    with pytest.raises(CannotPromise, match="EMAIL_HOST"):
        started(engine)

    assert not Run.objects.exists()


@COMMITS
@pytest.mark.parametrize("address", ["", "ada", "a@b\nBcc: c@d.org", f"{'a' * 60}@{'b' * 250}.org"])
def test_an_address_that_is_none_is_refused(
    engine: Engine, mails: MailServer, address: str
) -> None:
    run = engine.start("line")

    with pytest.raises(CannotPromise, match="correct it"):
        promise(run.id, email=address)


@COMMITS
def test_who_asks_twice_is_promised_one_mail(engine: Engine, mails: MailServer) -> None:
    run = started(engine)

    assert promise(run.id, email=ADA) is False
    assert Promise.objects.count() == 1


@COMMITS
def test_only_who_was_promised_a_mail_reads_of_one(engine: Engine, mails: MailServer) -> None:
    plain = engine.start("line")
    owed = started(engine)

    assert user_view(plain.id)["promise"] == ""
    assert user_view(owed.id)["promise"] == CLOSE


# Kept


@COMMITS
def test_one_mail_tells_that_it_is_done_and_where_to_look(
    engine: Engine, mails: MailServer
) -> None:
    run = started(engine)
    before = send_due()
    engine.work()

    sent = [send_due(), send_due()]

    assert (before, sent) == (0, [1, 0])
    [mail] = mails.taken
    assert (mail["To"], mail["Subject"]) == (ADA, "Done: Order A1")
    assert "Your result is ready." in text(mail)
    assert "https://runs.example.org/s/" in text(mail)
    assert (only().state, only().told) == ("kept", "succeeded")
    assert user_view(run.id)["promise"] == ""


@COMMITS
def test_a_mail_speaks_the_language_that_was_asked_for(engine: Engine, mails: MailServer) -> None:
    run = engine.start("line")
    promise(run.id, email=ADA, language="de-AT")
    engine.work()

    send_due()

    assert mails.taken[0]["Subject"].startswith("Fertig")


@COMMITS
def test_a_failure_is_told_honestly_and_without_its_reason(
    engine: Engine, mails: MailServer, script: Script
) -> None:
    script.tell("two", PermanentInput("the disk of db7 is full"))
    run = started(engine)
    engine.work()
    assert fresh(run).state == "failed"

    send_due()

    [mail] = mails.taken
    assert mail["Subject"] == "We could not finish this: Order A1"
    assert "db7" not in text(mail)


@COMMITS
def test_a_run_that_is_brought_back_owes_a_mail_again(
    engine: Engine, mails: MailServer, script: Script
) -> None:
    script.tell("two", PermanentInput("no"))
    run = started(engine)
    engine.work()
    send_due()
    retry(run.id, actor="ann", reason="mended")
    reads = user_view(run.id)["promise"]
    engine.work()

    send_due()

    assert reads == CLOSE
    subjects = [mail["Subject"].split(":")[0] for mail in mails.taken]
    assert subjects == ["We could not finish this", "Done"]
    assert len({mail["Message-ID"] for mail in mails.taken}) == 2


@COMMITS
def test_who_stopped_it_gets_no_mail_about_it(engine: Engine, mails: MailServer) -> None:
    run = started(engine)
    cancel(run.id, actor="the user", reason="enough")

    send_due()

    assert mails.taken == []
    assert only().state == "dropped"


@COMMITS
def test_who_did_not_stop_it_is_told(engine: Engine, mails: MailServer) -> None:
    run = started(engine)
    cancel(run.id, actor="ann", reason="enough")

    send_due()

    assert [mail["Subject"] for mail in mails.taken] == ["Cancelled: Order A1"]


@COMMITS
def test_a_second_sending_after_a_crash_is_recognised_by_its_id(
    engine: Engine, mails: MailServer
) -> None:
    started(engine)
    engine.work()
    send_due()
    # The mail went out, and the process died before it wrote so down.
    Promise.objects.update(state="waiting", kept_at=None, told="")
    let_time_pass()

    send_due()

    first, second = mails.taken
    assert first["Message-ID"] == second["Message-ID"]


@COMMITS
def test_messages_that_come_twice_send_one_mail(engine: Engine, mails: MailServer) -> None:
    started(engine)
    engine.work()
    named = list(Promise.objects.values_list("id", "tries"))

    assert [promised.keep(named), promised.keep(named)] == [1, 0]
    assert len(mails.taken) == 1


@COMMITS
def test_a_broker_that_is_away_leaves_every_promise_due(
    engine: Engine, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionError

    started(engine)
    engine.work()
    monkeypatch.setattr("aiops.celery.app.send_task", away)

    with pytest.raises((BrokerAway, ConnectionError)):
        promised.hand_out()

    assert send_due() == 1


# Tried again, and given up


@COMMITS
def test_a_mail_server_that_is_away_is_asked_again_later(engine: Engine, mails: MailServer) -> None:
    started(engine)
    engine.work()
    mails.refuses = 2
    waits = []
    for _ in range(2):
        send_due()
        waits.append((only().next_at - timezone.now()).total_seconds())
        let_time_pass()

    send_due()

    assert waits == [pytest.approx(wait_s, abs=5) for wait_s in outbox.BACKOFF_S[:2]]
    assert (only().state, len(mails.taken)) == ("kept", 1)


def given_up(engine: Engine, mails: MailServer) -> Run:
    run = started(engine)
    engine.work()
    mails.refuses = len(outbox.BACKOFF_S) + 1
    for _ in range(mails.refuses):
        send_due()
        let_time_pass()
    assert only().state == "broken"
    return run


@COMMITS
def test_a_promise_that_cannot_be_kept_is_put_before_a_person(
    engine: Engine, mails: MailServer
) -> None:
    run = given_up(engine, mails)

    asked = question(run)

    assert (asked.kind, asked.answers) == ("promise", ["send_again", "let_it_be"])
    assert asked.shows["address"] == ADA
    assert len(told(run, "promise.broken")) == 1
    assert ADA not in asked.question


@COMMITS
def test_a_person_lets_it_be_sent_again(engine: Engine, mails: MailServer) -> None:
    run = given_up(engine, mails)

    answer(question(run).id, "send_again", actor="ann")
    send_due()

    assert (only().state, len(mails.taken)) == ("kept", 1)
    assert not Escalation.objects.filter(state="open").exists()


@COMMITS
def test_a_person_lets_it_be(engine: Engine, mails: MailServer) -> None:
    run = given_up(engine, mails)

    answer(question(run).id, "let_it_be", actor="ann", note="called them")
    let_time_pass()
    send_due()

    assert (only().state, mails.taken) == ("dropped", [])


@COMMITS
def test_a_mail_server_that_was_taken_away_is_a_question_at_once(
    engine: Engine, mails: MailServer, settings: Settings
) -> None:
    run = started(engine)
    engine.work()
    settings.AIOPS_CAN_MAIL = False

    send_due()

    assert (only().state, question(run).kind) == ("broken", "promise")


@COMMITS
def test_nothing_is_sent_while_the_run_goes_on(
    engine: Engine, mails: MailServer, script: Script
) -> None:
    script.tell("two", meanwhile(send_due, then=2))
    started(engine)

    engine.work()

    assert mails.taken == []
