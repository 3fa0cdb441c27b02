"""kill -9 of a worker around the one mail of the support workflow, which is real as its server is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.demo.mail_sink import Journal, MailSink
from tasks.support.mail import message_id
from tests.fault_server.control import FaultServer
from tests.faults.aftermath import nothing_is_lost
from tests.faults.record import eventually
from tests.faults.stack import Stack, sabotaged
from tests.providers.stub import free_port

pytestmark = pytest.mark.faults

POOLS = ("keeper", "control", "io", "llm")
TICKET = {"sender": "ada@customers.example", "subject": "Lost card", "body": "My card is lost."}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """What the mail server has taken."""
    pytest.importorskip("aiosmtpd", reason="the mail sink is part of the demo's requirements")
    kept = Journal(tmp_path / "mail.jsonl")
    yield kept
    kept.close()


@pytest.fixture
def sink(journal: Journal) -> Iterator[MailSink]:
    server = MailSink(journal, host="127.0.0.1", smtp_port=free_port(), http_port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def outside(sink: MailSink, fault_server: FaultServer) -> dict[str, str]:
    """The environment of workers whose models and mail server are the test's."""
    fault_server.reset()
    return {
        **{f"AIOPS_{alias}_URL": fault_server.url for alias in ("MODEL", "EMBED")},
        **{f"AIOPS_{alias}_NAME": "faulty" for alias in ("MODEL", "EMBED")},
        "AIOPS_SMTP_URL": sink.smtp_url,
        "AIOPS_MAIL_JOURNAL_URL": sink.journal_url,
    }


def held_at(stack: Stack, outside: dict[str, str], place: str) -> str:
    """An approved run whose worker stands still at this place."""
    stack.up(*POOLS, env=outside)
    stack.up("effects", env={**outside, **sabotaged("held_around_the_mail")})
    stack.world.hold(place)
    run = stack.caller.start("support_reply", **TICKET)
    eventually(lambda: stack.record.step(run, "approval")["state"] == "waiting", 30)
    stack.caller.approve(run)
    stack.world.arrived(place)
    return run


def mails(journal: Journal, run: str) -> int:
    return journal.count(message_id(f"{run}:send"))


@pytest.mark.parametrize(
    ("place", "outcomes"),
    [("mail.before", ["lost", "succeeded"]), ("mail.sent", ["lost", "reconciled"])],
)
def test_a_kill_around_the_sending_gives_exactly_one_mail(
    stack: Stack, outside: dict[str, str], journal: Journal, place: str, outcomes: list[str]
) -> None:
    """Kills the worker before the mail is handed over, and between that and the record."""
    run = held_at(stack, outside, place)

    stack.down("effects")
    stack.up("effects", env=outside)

    nothing_is_lost(stack, [run])
    assert stack.record.attempts(run, "send") == outcomes
    assert mails(journal, run) == 1


def test_a_kill_after_the_sending_asks_a_person_when_nobody_can_tell(
    stack: Stack, outside: dict[str, str], journal: Journal
) -> None:
    """Kills the worker between the sending and the record; the server's journal is out of reach."""
    run = held_at(stack, outside, "mail.sent")

    stack.down("effects")
    stack.up(
        "effects",
        env={**outside, "AIOPS_MAIL_JOURNAL_URL": f"http://127.0.0.1:{free_port()}"},
    )

    nothing_is_lost(stack, [run], ends={"attention"})
    [asked] = stack.record.rows("SELECT kind FROM aiops_escalation WHERE state = 'open'")
    assert asked["kind"] == "in_doubt"
    assert mails(journal, run) == 1
