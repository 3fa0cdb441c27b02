"""Mail: what a refusal and a silence mean, and that a Message-ID is counted outside."""

from __future__ import annotations

import smtplib
import socket
import threading
from pathlib import Path

import pytest

from aiops.flow.errors import Ambiguous, LaneStopped, PermanentInput, StepError, Transient
from tasks.demo.mail_sink import Journal, MailSink
from tasks.support.mail import compose, deliver, failure, message_id, times_delivered
from tests.providers.stub import free_port

MAIL = compose("<1@bank.example>", to="ada@customers.example", subject="Hi", body="Grüße\n")


@pytest.mark.parametrize(
    ("error", "wanted", "sent"),
    [
        (smtplib.SMTPRecipientsRefused({"a@b": (550, b"no such user")}), PermanentInput, "no"),
        (smtplib.SMTPRecipientsRefused({"a@b": (450, b"later")}), Transient, "no"),
        (smtplib.SMTPSenderRefused(550, b"not you", "us@b"), PermanentInput, "no"),
        (smtplib.SMTPDataError(451, b"busy"), Transient, "no"),
        (smtplib.SMTPServerDisconnected("closed"), Ambiguous, "maybe"),
        (TimeoutError("timed out"), Ambiguous, "maybe"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_refusal_sent_nothing_and_a_silence_may_have(
    error: Exception, wanted: type[StepError], sent: str
) -> None:
    named = failure(error)

    assert type(named) is wanted
    assert named.sent == sent


def test_a_server_that_closes_after_the_text_leaves_it_open_whether_the_mail_went_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=_swallow_one_mail, args=(listening,))
        server.start()
        monkeypatch.setenv("AIOPS_SMTP_URL", f"smtp://127.0.0.1:{listening.getsockname()[1]}")

        with pytest.raises(Ambiguous):
            deliver(MAIL, timeout_s=5)

        server.join()


def test_a_server_that_is_not_there_got_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_SMTP_URL", f"smtp://127.0.0.1:{free_port()}")

    with pytest.raises(Transient, match="AIOPS_SMTP_URL") as caught:
        deliver(MAIL, timeout_s=5)

    assert caught.value.sent == "no"


def test_a_refused_login_stops_the_lane(outside: MailSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_SMTP_URL", outside.smtp_url.replace("//", "//us:word@"))

    with pytest.raises(LaneStopped, match="refused the login"):
        deliver(MAIL, timeout_s=5)


def test_each_delivery_is_counted_by_its_message_id(outside: MailSink) -> None:
    deliver(MAIL, timeout_s=5)
    deliver(MAIL, timeout_s=5)

    assert times_delivered("<1@bank.example>") == 2
    assert times_delivered("<2@bank.example>") == 0


def test_the_journal_remembers_after_a_restart_and_skips_a_line_that_a_crash_cut(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mail.jsonl"
    before = Journal(path)
    before.record(MAIL.as_bytes(), ["ada@customers.example"])
    before.close()
    with path.open("a") as file:
        file.write('{"message_id": "<half')

    after = Journal(path)
    after.record(MAIL.as_bytes(), ["ada@customers.example"])
    count = after.count("<1@bank.example>")
    after.close()
    again = Journal(path)
    recount = again.count("<1@bank.example>")
    again.close()

    assert (count, recount) == (2, 2)


def test_a_subject_of_several_lines_cannot_become_a_header() -> None:
    message = compose("<1@b.example>", to="a@b.example", subject="one\r\nBcc: x@y", body="b")

    assert message["Subject"] == "one Bcc: x@y"
    assert message["Bcc"] is None


def test_an_address_that_cannot_be_a_header_is_a_permanent_input() -> None:
    with pytest.raises(PermanentInput, match="Correct it"):
        compose("<1@b.example>", to="a@b.example\nBcc: x@y", subject="s", body="b")


def test_one_key_gives_one_message_id_and_another_gives_another() -> None:
    assert message_id("run-1:send") == message_id("run-1:send")
    assert message_id("run-1:send") != message_id("run-2:send")


def _swallow_one_mail(listening: socket.socket) -> None:
    """Speak SMTP up to the end of the text, and hang up instead of saying 250."""
    connection, _ = listening.accept()
    with connection, connection.makefile("rb") as lines:
        connection.sendall(b"220 here\r\n")
        for line in lines:
            if line == b".\r\n":
                return
            if line.upper().startswith((b"EHLO", b"MAIL", b"RCPT")):
                connection.sendall(b"250 fine\r\n")
            elif line.upper().startswith(b"DATA"):
                connection.sendall(b"354 go on\r\n")
