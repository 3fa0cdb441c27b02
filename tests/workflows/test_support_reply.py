"""The README's workflow: from a ticket to one mail, with a person in between."""

from __future__ import annotations

import json

import pytest

from aiops.flow import Absent, NeedsHuman, StepContext, Transient, Unsure
from aiops.flow.inline import run_inline
from tasks.demo.mail_sink import MailSink
from tasks.support import mail
from tasks.support.policies import CATEGORIES, POLICIES
from tasks.workflows.support_reply import (
    Draft,
    Mail,
    Receipt,
    Ticket,
    confirm,
    look_for_the_mail,
    send,
    support_reply,
)
from tests.providers.stub import Reply, Request, Stub, chat, error, free_port, vectors

TICKET = Ticket(sender="ada@customers.example", subject="Lost card", body="My card is lost.")
SAID = "Your card is frozen in the app. A replacement arrives within five working days."
DRAFT = Draft(subject="Re: Lost card", body="It is frozen.", policies=[], model="m", caveat="")


def near(*wanted: str) -> list[list[float]]:
    """One vector for the ticket, then one for each known text: those that are wanted lie near it."""
    known = list(CATEGORIES) if wanted[0] in CATEGORIES else [p.id for p in POLICIES]
    rows = [[1.0, -0.1 * wanted.index(name)] if name in wanted else [0.0, 1.0] for name in known]
    return [[1.0, 0.0], *rows]


def scripted(request: Request) -> Reply:
    if request.path.endswith("/embeddings"):
        asks_for_categories = request.body["input"][1] == next(iter(CATEGORIES.values()))
        wanted = ("lost_or_stolen",) if asks_for_categories else ("lost-cards", "declined-cards")
        return vectors(*near(*wanted))
    return chat(f"{SAID} And if")


def test_a_ticket_is_classified_drafted_approved_and_answered_once(
    model: Stub, outside: MailSink
) -> None:
    model.script = scripted

    ended = run_inline(support_reply, TICKET)

    assert ended.succeeded, ended.error
    assert ended.results["classify"]["category"] == "lost_or_stolen"
    assert [passage["id"] for passage in ended.results["policies"]] == [
        "lost-cards",
        "declined-cards",
    ]
    assert ended.results["draft"]["body"] == SAID
    assert [cited["policy"] for cited in ended.results["draft"]["citations"]] == ["lost-cards"]
    assert [found["passed"] for found in ended.results["checks"]] == [True, True, True]
    assert ended.results["account"]["since"] == 2019
    assert mail.times_delivered(ended.output["message_id"]) == 1


def test_the_model_is_asked_with_the_policies_that_were_found(
    model: Stub, outside: MailSink
) -> None:
    model.script = scripted

    run_inline(support_reply, TICKET)

    asked = model.requests[-1].body["messages"][-1]["content"]
    assert POLICIES[0].text in asked
    assert "Customer (lost or stolen): My card is lost." in asked


def test_no_model_sees_private_data_and_the_answer_goes_to_the_sender(
    model: Stub, outside: MailSink
) -> None:
    model.script = scripted
    secret = {
        "e-mail": "ada.private@home.example",
        "iban": "DE89 3704 0044 0532 0130 00",
        "card": "4111 1111 1111 1111",
        "phone": "+49 170 1234567",
    }
    body = "My card is lost. " + " and ".join(secret.values())

    ended = run_inline(support_reply, Mail(**{**TICKET.model_dump(), "body": body}))

    assert ended.output["to"] == TICKET.sender
    assert ended.results["ticket"]["removed"] == list(secret)
    seen = json.dumps([request.body for request in model.requests])
    assert [told for told in (*secret.values(), TICKET.sender) if told in seen] == []


def test_a_reply_that_fails_its_checks_is_written_once_more(model: Stub, outside: MailSink) -> None:
    said = iter(["As an AI I cannot help.", SAID])

    def stumbling(request: Request) -> Reply:
        is_chat = request.path.endswith("/completions")
        return chat(next(said)) if is_chat else scripted(request)

    model.script = stumbling

    ended = run_inline(support_reply, TICKET)

    assert ended.succeeded, ended.error
    assert ended.results["draft"]["body"] == SAID
    assert "as an ai" in model.requests[-1].body["messages"][0]["content"]


def test_a_reply_that_fails_its_checks_twice_is_left_to_a_person(model: Stub) -> None:
    model.script = lambda request: (
        chat("As an AI I cannot help.")
        if request.path.endswith("/completions")
        else scripted(request)
    )

    ended = run_inline(support_reply, TICKET)

    assert ended.stopped_at == "checks"
    assert ended.error is not None
    assert ended.error.word == "needs_human"
    assert "approval" not in ended.results


def test_a_mail_that_the_journal_does_not_have_is_looked_for_again(outside: MailSink) -> None:
    with pytest.raises(Transient, match="does not have"):
        confirm(Receipt(message_id="<nobody-sent-this@bank.example>", to=TICKET.sender))


def test_a_mail_that_went_out_twice_is_told_to_a_person(outside: MailSink) -> None:
    context = StepContext.sample("send")
    sent = send(TICKET, DRAFT, context)
    send(TICKET, DRAFT, context)

    with pytest.raises(NeedsHuman, match="2 times"):
        confirm(sent)


def test_a_rejected_draft_sends_nothing(model: Stub, outside: MailSink) -> None:
    model.script = scripted

    ended = run_inline(support_reply, TICKET, approve=False)

    assert ended.stopped_at == "approval"
    assert "send" not in ended.results


def test_a_provider_that_refuses_us_stops_before_anybody_is_asked(model: Stub) -> None:
    model.answer(error(429, "insufficient_quota"))

    ended = run_inline(support_reply, TICKET)

    assert ended.stopped_at == "classify"
    assert ended.error is not None
    assert ended.error.word == "lane_stopped"


def test_every_attempt_of_one_send_carries_the_same_message_id(outside: MailSink) -> None:
    first = StepContext.sample("send", idempotency_key="run-1:send", attempt=1)
    second = StepContext.sample("send", idempotency_key="run-1:send", attempt=2)

    assert send(TICKET, DRAFT, first) == send(TICKET, DRAFT, second)


def test_reconcile_finds_the_mail_that_went_out(outside: MailSink) -> None:
    context = StepContext.sample("send")
    sent = send(TICKET, DRAFT, context)

    assert look_for_the_mail(TICKET, context) == sent


def test_reconcile_says_absent_when_no_mail_went_out(outside: MailSink) -> None:
    assert isinstance(look_for_the_mail(TICKET, StepContext.sample("send")), Absent)


def test_reconcile_does_not_guess_when_the_journal_is_out_of_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIOPS_MAIL_JOURNAL_URL", f"http://127.0.0.1:{free_port()}")

    assert isinstance(look_for_the_mail(TICKET, StepContext.sample("send")), Unsure)


def test_the_receipt_names_the_mail_and_the_customer(outside: MailSink) -> None:
    receipt = send(TICKET, DRAFT, StepContext.sample("send"))

    assert receipt == Receipt(message_id=mail.message_id("sample-run:send"), to=TICKET.sender)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": "no address"},
        {"sender": "a@b.example\nBcc: all@b.example"},
        {"subject": "one\r\nBcc: all@b.example"},
        {"body": ""},
    ],
)
def test_a_ticket_that_could_not_be_answered_by_mail_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Ticket.model_validate({**TICKET.model_dump(), **wrong})
