"""Mail: one message out over SMTP, and the question whether it went out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import smtplib
import urllib.error
import urllib.request
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import SplitResult, quote, unquote, urlsplit

from aiops.flow.errors import Ambiguous, LaneStopped, PermanentInput, StepError, Transient

SMTP_URL = "smtp://127.0.0.1:8712"
JOURNAL_URL = "http://127.0.0.1:8713"
SENDER = "support@bank.example"

#: The journal is a look-up on the same network: what takes longer will not come.
JOURNAL_TIMEOUT_S = 5.0


def message_id(key: str) -> str:
    """Return the Message-ID for an idempotency key: the same key, the same mail."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@bank.example>"


def compose(
    message_id: str, *, to: str, subject: str, body: str, answers: str = ""
) -> EmailMessage:
    """Build the mail, an answer to the one of that Message-ID.

    Raises PermanentInput for a text that cannot be a header.
    """
    message = EmailMessage()
    try:
        message["Message-ID"] = message_id
        message["From"] = SENDER
        message["To"] = to
        message["Subject"] = " ".join(subject.split())
        message["Date"] = formatdate(usegmt=True)
        if answers:
            message["In-Reply-To"] = message["References"] = answers
    except ValueError as error:
        raise PermanentInput(
            f"No mail can be addressed to {to!r}: {error}. Correct it in the ticket."
        ) from error
    message.set_content(body)
    return message


def deliver(message: EmailMessage, *, timeout_s: float) -> None:
    """Hand the mail to the server in AIOPS_SMTP_URL. Returning means: accepted."""
    server = urlsplit(os.environ.get("AIOPS_SMTP_URL") or SMTP_URL)
    connection = _connect(server, timeout_s)
    try:
        connection.send_message(message)
    except (smtplib.SMTPException, OSError) as error:
        raise failure(error) from error
    finally:
        # What happens to the connection afterwards says nothing about the mail.
        with contextlib.suppress(smtplib.SMTPException, OSError):
            connection.quit()
        connection.close()


def times_delivered(message_id: str) -> int | None:
    """Ask the journal outside how often this mail went out; None when it cannot tell."""
    base = os.environ.get("AIOPS_MAIL_JOURNAL_URL") or JOURNAL_URL
    url = f"{base.rstrip('/')}/messages/{quote(message_id, safe='')}"
    try:
        # The address is the operator's own setting.
        with urllib.request.urlopen(url, timeout=JOURNAL_TIMEOUT_S) as answer:  # noqa: S310
            return int(json.load(answer)["count"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def failure(error: Exception) -> StepError:
    """Tell a refusal, which sent nothing, from a silence, after which it may have gone out."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(error.recipients.values()))
            return _refusal(code, said)
        case smtplib.SMTPResponseException():  # sender or data refused
            return _refusal(error.smtp_code, error.smtp_error)
        case smtplib.SMTPNotSupportedError():
            return PermanentInput(f"The mail server cannot take this mail: {error}.")
        case _:
            return Ambiguous(
                f"The mail server went silent: {_words(error)}. The mail may have gone out."
            )


def _connect(server: SplitResult, timeout_s: float) -> smtplib.SMTP:
    kind = smtplib.SMTP_SSL if server.scheme == "smtps" else smtplib.SMTP
    where = f"{server.hostname}:{server.port or 25}"
    try:
        connection = kind(server.hostname or "", server.port or 25, timeout=timeout_s)
        _log_in(connection, server, where)
    except (smtplib.SMTPException, OSError) as error:
        raise Transient(
            f"No connection to the mail server at {where}: {_words(error)}. "
            "Check that it runs, and AIOPS_SMTP_URL.",
            code="unreachable",
        ) from error
    return connection


def _log_in(connection: smtplib.SMTP, server: SplitResult, where: str) -> None:
    if not server.username:
        return
    try:
        connection.login(unquote(server.username), unquote(server.password or ""))
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as error:
        connection.close()
        raise LaneStopped(
            f"The mail server at {where} refused the login: {_words(error)}. "
            "Correct AIOPS_SMTP_URL, and resume the lane.",
            kind="auth",
        ) from error


def _refusal(code: int, said: bytes | str) -> StepError:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    told = f"The mail server refused the mail ({code}): {' '.join(words.split())}"
    if 400 <= code < 500:
        return Transient(f"{told}.", code=str(code))
    return PermanentInput(f"{told}. Check the address of the customer.", code=str(code))


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
