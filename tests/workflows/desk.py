"""The support desk in this process: the engine, the fault server as its models, and the mail sink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiops.execution.answer import answer
from aiops.models import Escalation, Run
from tasks.support import mail as post
from tasks.support import receiving
from tasks.workflows.support_reply import Mail
from tests.execution.engine import Engine, fresh
from tests.fault_server.control import FaultServer

MAIL = Mail(
    sender="ada@customers.example",
    subject="Lost card",
    body="My card is lost. Call me: +49 170 1234567",
    message_id="<1@customers.example>",
)


@dataclass(frozen=True, slots=True)
class Desk:
    engine: Engine
    faults: FaultServer

    def receive(self, mail: Mail = MAIL, **options: Any) -> Run:
        """Take a mail, and work until nothing is left to do."""
        run = receiving.start(mail, **options)
        self.engine.work()
        return fresh(run)

    def question(self, run: Run) -> Escalation:
        return Escalation.objects.get(run=run, kind="approval", state="open")

    def approve(self, run: Run) -> Run:
        asked = self.question(run)
        answer(asked.id, "approve", actor="ann", shown_hash=asked.shown_hash)
        self.engine.work()
        return fresh(run)

    def mails(self, run: Run) -> int | None:
        """How often the reply is in the mail server's journal."""
        return post.times_delivered(post.message_id(f"{run.id}:send"))
