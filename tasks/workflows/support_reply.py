"""Answer a support mail: redact it, draft a reply from the policies, let a person approve it, send it once."""

from pydantic import BaseModel, Field

from aiops.flow import (
    Absent,
    NeedsHuman,
    Retry,
    StepContext,
    Transient,
    Unsure,
    approval,
    parallel,
    series,
    step,
    workflow,
)
from aiops.providers.port import Message, complete, embed
from tasks.support import mail as post
from tasks.support.accounts import Account, account_of, told
from tasks.support.checking import Check, check, problems
from tasks.support.citing import Citation, cite
from tasks.support.nearest import nearest
from tasks.support.policies import CATEGORIES, POLICIES, Passage
from tasks.support.redaction import marks, redacted
from tasks.support.wording import SYSTEM, conversation, corrected, readable


class Mail(BaseModel):
    """A customer's message, as it came. `tasks/support/receiving.py` starts one run for each."""

    sender: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$", max_length=320)
    subject: str = Field(pattern=r"^[^\r\n]*$", max_length=200)
    body: str = Field(min_length=1, max_length=20_000)
    message_id: str = Field("", pattern=r"^[^\r\n]*$", max_length=998)


class Ticket(Mail):
    """The same without private data: nothing else of the message reaches a model."""

    removed: list[str] = []


class Triage(BaseModel):
    category: str
    #: Cosine, 1.0 at most: how near the message is to the category's description.
    closeness: float


class Draft(BaseModel):
    subject: str
    body: str
    #: The ids of the policies that the model was given.
    policies: list[str]
    #: The sentences of them that the reply leans on. Drafts of version 1 have none.
    citations: list[Citation] = []
    model: str
    #: What the person who approves must know about this model's answers.
    caveat: str


class Receipt(BaseModel):
    message_id: str
    to: str


class Confirmation(BaseModel):
    """The mail server's own journal has the mail, once."""

    message_id: str
    to: str


@step(says="Reading your message")
def ticket(mail: Mail) -> Ticket:
    """Redact the message: addresses, telephone, card and account numbers become marks."""
    subject, body = redacted(mail.subject), redacted(mail.body)
    return Ticket(
        sender=mail.sender,  # whom to answer; no prompt has it
        subject=subject[:200],
        body=body,
        message_id=mail.message_id,
        removed=marks(f"{subject} {body}"),
    )


# A parameter that a run of version 1 does not have is optional: its plan is kept, its code is this.


@step(pool="llm", timeout_s=60, says="Finding out what it is about")
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


@step(says="Looking at your account")
def account(ticket: Ticket) -> Account | None:
    """Look up what we know of who writes; None for a stranger."""
    return account_of(ticket.sender)


@step(pool="llm", timeout_s=120, retry=Retry(attempts=4), says="Drafting a reply")
def draft(
    ticket: Ticket, classify: Triage, policies: list[Passage], account: Account | None = None
) -> Draft:
    """Write a reply; one that fails its checks is written once more, with what was wrong."""
    facts = told(account) if account else ""

    def written(given: list[Passage], system: str) -> Draft:
        asked = conversation(ticket.body, classify.category, given, facts=facts)
        return _written(asked, system, ticket, policies)

    first = written(policies, SYSTEM)
    wrong = problems(_checked(first, ticket, policies))
    # Only the nearest policy this time: with less to read, a small model keeps to it.
    return written(policies[:1], corrected(wrong)) if wrong else first


def _written(asked: list[Message], system: str, ticket: Ticket, policies: list[Passage]) -> Draft:
    answer = complete(
        asked,
        system=system,
        max_tokens=80,
        timeout_s=50,
        may_be_cut=True,  # whole sentences are kept, and a person reads them before they leave
        template="support_reply/2",
    )
    body = readable(answer.text)
    return Draft(
        subject=f"Re: {ticket.subject}",
        body=body,
        policies=[passage.id for passage in policies],
        citations=cite(body, policies),
        model=answer.model,
        caveat=answer.caveat,
    )


def _checked(draft: Draft, ticket: Ticket, policies: list[Passage]) -> list[Check]:
    return check(draft.body, draft.citations, policies=policies, message=ticket.body)


@step(says="Checking the reply")
def checks(ticket: Ticket, policies: list[Passage], draft: Draft) -> list[Check]:
    """Let no reply pass that cites or quotes what is not there, or says what must not be said."""
    found = _checked(draft, ticket, policies)
    if wrong := problems(found):
        raise NeedsHuman(
            f"The draft fails its checks ({wrong}). Retry from “draft”, or cancel the run and "
            "answer the customer by hand."
        )
    return found


def look_for_the_mail(ticket: Ticket, context: StepContext) -> Receipt | Absent | Unsure:
    """Ask the mail server's journal: it is called when `send` may or may not have happened."""
    message_id = post.message_id(context.idempotency_key)
    match post.times_delivered(message_id):
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
    message_id = post.message_id(context.idempotency_key)
    post.deliver(
        post.compose(
            message_id,
            to=ticket.sender,
            subject=draft.subject,
            body=draft.body,
            answers=ticket.message_id,
        ),
        timeout_s=20,
    )
    return Receipt(message_id=message_id, to=ticket.sender)


@step(timeout_s=20, retry=Retry(attempts=5), says="Making sure that it went out")
def confirm(send: Receipt) -> Confirmation:
    """Find the mail in the mail server's journal: accepted is not yet sent."""
    match post.times_delivered(send.message_id):
        case 1:
            return Confirmation(message_id=send.message_id, to=send.to)
        case None | 0 as times:
            what = "does not answer" if times is None else f"does not have {send.message_id} yet"
            raise Transient(f"The mail server's journal {what}.", code="not_confirmed")
        case times:
            raise NeedsHuman(f"The reply went out {times} times. Tell the customer, then go on.")


support_reply = workflow(
    "support_reply",
    version=2,
    input=Mail,
    flow=series(
        ticket,
        parallel(classify, policies, account),
        draft,
        checks,
        approval("Send this reply?", shows=(draft, checks), due_h=4, says="A person reads it"),
        send,
        confirm,
    ),
)
