"""A worker that stands still before a mail is handed over, and after the server has taken it."""

from __future__ import annotations

from email.message import EmailMessage

from tasks.support import mail
from tests.faults.outside import gate

_deliver = mail.deliver


def _stand_still(message: EmailMessage, *, timeout_s: float) -> None:
    gate("mail.before", str(message["Message-ID"]))
    _deliver(message, timeout_s=timeout_s)
    gate("mail.sent", str(message["Message-ID"]))


mail.deliver = _stand_still
