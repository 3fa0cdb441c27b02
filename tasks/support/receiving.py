"""python -m tasks.support.receiving < mail.eml: a customer's mail starts a run, and only its first copy does."""

from __future__ import annotations

import hashlib
import os
import sys
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

from aiops.flow.errors import PermanentInput
from tasks.support.redaction import redacted

if TYPE_CHECKING:
    from aiops.models import Run
    from tasks.workflows.support_reply import Mail

SUBJECT_CHARS = 200
BODY_CHARS = 20_000
KEY_CHARS = 200


def receive(raw: bytes, **options: Any) -> Run:
    """Start the run of a mail as it came over the wire; a mail that came before has its run already."""
    return start(read(raw), **options)


def start(mail: Mail, **options: Any) -> Run:
    """Start the run of a mail. Its Message-ID is the key: mail servers deliver at least once."""
    from aiops.execution.start import start_run

    given = {"title": redacted(mail.subject), "started_by": "mail", **options}
    return start_run("support_reply", mail, key=key_of(mail), **given)


def key_of(mail: Mail) -> str:
    """The Message-ID; of a mail without one, what tells it from others."""
    if mail.message_id and len(mail.message_id) <= KEY_CHARS:
        return mail.message_id
    return hashlib.sha256(mail.model_dump_json().encode()).hexdigest()


def read(raw: bytes) -> Mail:
    """Take out of a mail what the workflow needs; raises PermanentInput for one without a text."""
    from tasks.workflows.support_reply import Mail

    message = message_from_bytes(raw, _class=EmailMessage, policy=default)
    part = message.get_body(preferencelist=("plain", "html"))
    text = str(part.get_content()).strip() if part is not None else ""
    if not text:
        raise PermanentInput("The mail has no text to answer: a person must look at it.")
    return Mail(
        sender=parseaddr(str(message.get("Reply-To") or message.get("From", "")))[1],
        subject=" ".join(str(message.get("Subject", "")).split())[:SUBJECT_CHARS],
        body=text[:BODY_CHARS],
        message_id=" ".join(str(message.get("Message-ID", "")).split()),
    )


def main() -> int:
    """Take one mail from standard input, as a mail server's pipe gives it, and print its run's id."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")
    django.setup()
    run = receive(sys.stdin.buffer.read())
    sys.stdout.write(f"{run.id}{'' if run.is_new else ' (it came before)'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
