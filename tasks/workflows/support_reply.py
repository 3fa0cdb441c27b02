"""Answer a support ticket: classify it, draft a reply, let a person approve it, send it once."""

from pydantic import BaseModel, Field

from aiops.flow import (
    Absent,
    Retry,
    StepContext,
    Unsure,
    approval,
    parallel,
    series,
    step,
    workflow,
)
from aiops.providers.port import complete, embed
from tasks.support import mail
from tasks.support.nearest import nearest
from tasks.support.policies import CATEGORIES, POLICIES, Passage
from tasks.support.wording import SYSTEM, conversation, readable


class Ticket(BaseModel):
    """A customer's message."""

    sender: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$", max_length=320)
    subject: str = Field(pattern=r"^[^\r\n]*$", max_length=200)
    body: str = Field(min_length=1, max_length=20_000)


class Triage(BaseModel):
    category: str
    #: Cosine, 1.0 at most: how near the message is to the category's description.
    closeness: float


class Draft(BaseModel):
    subject: str
    body: str
    #: The ids of the policies that the model was given.
    policies: list[str]
    model: str
    #: What the person who approves must know about this model's answers.
    caveat: str


class Receipt(BaseModel):
    message_id: str
    to: str


@step(pool="llm", timeout_s=60, says="Reading your message")
def classify(ticket: Ticket) -> Triage:
    """Choose the category whose description is nearest to the message."""
    query, *descriptions = embed([ticket.body, *CATEGORIES.values()])
    [best] = nearest(query, descriptions, count=1)
    return Triage(category=list(CATEGORIES)[best.index], closeness=best.closeness)


@step(pool="llm", timeout_s=60, says="Looking up our policies")
def policies(ticket: Ticket) -> list[Passage]:
    """Find the two policies nearest to the message."""
    query, *passages = embed([ticket.body, *(f"{known.title}. {known.text}" for known in POLICIES)])
    return [POLICIES[match.index] for match in nearest(query, passages, count=2)]


@step(pool="llm", timeout_s=120, retry=Retry(attempts=4), says="Drafting a reply")
def draft(ticket: Ticket, classify: Triage, policies: list[Passage]) -> Draft:
    answer = complete(
        conversation(ticket.body, classify.category, policies),
        system=SYSTEM,
        max_tokens=80,
        timeout_s=100,
        may_be_cut=True,  # a person reads it before it leaves
    )
    return Draft(
        subject=f"Re: {ticket.subject}",
        body=readable(answer.text),
        policies=[passage.id for passage in policies],
        model=answer.model,
        caveat=answer.caveat,
    )


def look_for_the_mail(ticket: Ticket, context: StepContext) -> Receipt | Absent | Unsure:
    """Ask the mail server's journal: it is called when `send` may or may not have happened."""
    message_id = mail.message_id(context.idempotency_key)
    match mail.times_delivered(message_id):
        case None:
            return Unsure()
        case 0:
            return Absent()
        case _:
            return Receipt(message_id=message_id, to=ticket.sender)


@step(
    pool="effects",
    effect="once",
    timeout_s=30,
    reconcile=look_for_the_mail,
    says="Sending the reply",
)
def send(ticket: Ticket, draft: Draft, context: StepContext) -> Receipt:
    # The same key for every attempt gives the same Message-ID, by which the mail can be found again.
    message_id = mail.message_id(context.idempotency_key)
    mail.deliver(
        mail.compose(message_id, to=ticket.sender, subject=draft.subject, body=draft.body),
        timeout_s=20,
    )
    return Receipt(message_id=message_id, to=ticket.sender)


support_reply = workflow(
    "support_reply",
    version=1,
    input=Ticket,
    flow=series(
        parallel(classify, policies),
        draft,
        approval("Send this reply?", shows=draft, due_h=4),
        send,
    ),
)
