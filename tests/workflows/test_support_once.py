"""One mail in, one approval of what was shown, one mail out; and runs of version 1 to their end."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from aiops.execution import resume
from aiops.execution.answer import answer
from aiops.execution.resume import NotPossible
from aiops.execution.start import KeyTaken, start_run
from aiops.flow import PermanentInput
from aiops.flow.plan import Plan
from aiops.models import Escalation, Run, Step
from tasks.support import receiving
from tasks.workflows.support_reply import support_reply
from tests.execution.engine import COMMITS, fresh, states, the_step
from tests.execution.threads import at_once
from tests.workflows.desk import MAIL, Desk

pytestmark = COMMITS

RAW = (
    b"From: Ada Klein <ada@customers.example>\r\nTo: support@bank.example\r\n"
    b"Subject: Lost =?utf-8?q?card_=E2=80=93?= help\r\nMessage-ID: <7@customers.example>\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nMy card is lost.\r\n"
)

#: The plan of version 1 as it was released: what is in flight keeps it.
VERSION_1: dict[str, Any] = {
    "format": 1,
    "workflow": "support_reply",
    "version": 1,
    "nodes": [
        {
            "name": "classify",
            "kind": "step",
            "takes": {"ticket": "input"},
            "says": "Reading your message",
            "code": "tasks.workflows.support_reply:classify",
            "pool": "llm",
        },
        {
            "name": "policies",
            "kind": "step",
            "takes": {"ticket": "input"},
            "says": "Looking up our policies",
            "code": "tasks.workflows.support_reply:policies",
            "pool": "llm",
        },
        {
            "name": "draft",
            "kind": "step",
            "needs": ["classify", "policies"],
            "takes": {"ticket": "input", "classify": "classify", "policies": "policies"},
            "says": "Drafting a reply",
            "code": "tasks.workflows.support_reply:draft",
            "pool": "llm",
            "timeout_s": 120.0,
            "retry": {"attempts": 4},
        },
        {
            "name": "approval",
            "kind": "approval",
            "needs": ["draft"],
            "question": "Send this reply?",
            "shows": ["draft"],
            "due_h": 4.0,
        },
        {
            "name": "send",
            "kind": "step",
            "needs": ["approval"],
            "takes": {"ticket": "input", "draft": "draft", "context": "context"},
            "says": "Sending the reply",
            "code": "tasks.workflows.support_reply:send",
            "pool": "effects",
            "effect": "once",
            "timeout_s": 30.0,
            "retry": {"attempts": 1},
            "has_reconcile": True,
        },
    ],
    "output": ["send"],
    "on_failure": "keep",
    "deadline_h": 0.0,
    "says": "",
}


def kept(run: Run, name: str) -> Any:
    """The result of a step, as the record has it."""
    return the_step(run, name).result


def version_1() -> Run:
    """A run that was started before version 2 came."""
    earlier = dataclasses.replace(support_reply, version=1, plan=Plan.from_json(VERSION_1))
    given = MAIL.model_dump(exclude={"message_id"})
    return start_run(earlier, given)


# Receiving


def test_a_mail_that_comes_twice_has_one_run(desk: Desk) -> None:
    first = receiving.receive(RAW)
    second = receiving.receive(RAW)

    assert (first.id, second.is_new) == (second.id, False)
    assert (first.key, first.title) == ("<7@customers.example>", "Lost card – help")
    assert Run.objects.count() == 1


def test_another_mail_under_the_same_message_id_is_refused(desk: Desk) -> None:
    receiving.receive(RAW)

    with pytest.raises(KeyTaken):
        receiving.receive(RAW.replace(b"lost", b"stolen"))


def test_a_mail_without_a_message_id_is_told_by_its_content(desk: Desk) -> None:
    bare = RAW.replace(b"Message-ID: <7@customers.example>\r\n", b"")

    assert receiving.receive(bare).is_new
    assert not receiving.receive(bare).is_new
    assert receiving.receive(bare.replace(b"lost", b"stolen")).is_new


def test_a_mail_without_a_text_is_left_to_a_person() -> None:
    with pytest.raises(PermanentInput, match="no text"):
        receiving.read(b"From: a@b.example\r\nSubject: hi\r\n\r\n")


# From the mail to the reply


def test_a_mail_is_answered_once_and_the_journal_confirms_it(desk: Desk) -> None:
    run = desk.receive()
    assert run.state == "waiting"

    run = desk.approve(run)

    assert run.state == "succeeded"
    assert set(states(run).values()) == {"succeeded"}
    assert desk.mails(run) == 1
    seen = " ".join(str(entry["prompt"]) for entry in desk.faults.journal())
    assert "[phone]" in seen
    assert "1234567" not in seen


# Approval


def test_a_double_click_on_approve_sends_once(desk: Desk) -> None:
    run = desk.receive()
    asked = desk.question(run)

    def click() -> Escalation:
        return answer(asked.id, "approve", actor="ann", shown_hash=asked.shown_hash)

    found = at_once([click, click])
    desk.engine.work(times=2)

    assert sorted(type(answered).__name__ for answered in found) == ["Escalation", "NotPossible"]
    assert fresh(run).state == "succeeded"
    assert desk.mails(run) == 1


def test_a_new_draft_voids_an_approval_that_is_asked_for(desk: Desk) -> None:
    run = desk.receive()
    seen = desk.question(run)
    desk.faults.always(f"says:{kept(run, 'policies')[0]['text']}")

    resume.retry_from(run.id, "draft", actor="ann", reason="too long")
    desk.engine.work()

    asked = desk.question(run)
    assert asked.shown_hash != seen.shown_hash
    for escalation, shown in ((seen, seen), (asked, seen)):
        with pytest.raises(NotPossible):
            answer(escalation.id, "approve", actor="ann", shown_hash=shown.shown_hash)
    assert desk.mails(run) == 0
    assert desk.approve(run).state == "succeeded"
    assert desk.mails(run) == 1


def test_a_new_draft_voids_an_approval_that_was_given(desk: Desk) -> None:
    run = desk.receive()
    asked = desk.question(run)
    answer(asked.id, "approve", actor="ann", shown_hash=asked.shown_hash)

    resume.retry_from(run.id, "draft", actor="ann", reason="I saw a mistake")
    desk.engine.work()

    assert fresh(run).state == "waiting"
    assert desk.mails(run) == 0
    assert desk.question(run).id != asked.id


def test_a_draft_cannot_be_exchanged_behind_an_approval(desk: Desk) -> None:
    run = desk.receive()
    other = {**kept(run, "draft"), "body": "Something else."}

    with pytest.raises(NotPossible):
        resume.supply(run.id, "draft", other, actor="ann")


# Version 1


def test_a_run_of_version_1_is_finished_by_the_code_of_version_2(desk: Desk) -> None:
    run = version_1()

    desk.engine.work()
    assert states(run)["approval"] == "waiting"
    run = desk.approve(run)

    assert (run.version.version, run.state) == (1, "succeeded")
    assert set(states(run)) == {"classify", "policies", "draft", "approval", "send"}
    assert desk.mails(run) == 1


def test_a_draft_of_version_1_that_was_approved_is_sent(desk: Desk) -> None:
    run = version_1()
    desk.engine.work()
    old = {name: told for name, told in kept(run, "draft").items() if name != "citations"}
    Step.objects.filter(run=run, name="draft").update(result=old)

    assert desk.approve(run).state == "succeeded"
    assert desk.mails(run) == 1
