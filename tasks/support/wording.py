"""What the model is told, and what is kept of its words. Pure text in, pure text out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiops.providers.exchange import Message
from tasks.support.policies import Passage

SYSTEM = (
    "You answer customers of a bank by e-mail, in two short sentences, with nothing but the policy."
)

#: Enough for any real message; a longer one would not fit beside the policies.
MESSAGE_CHARS = 2_000

_EXAMPLE: tuple[Message, ...] = (
    Message(
        role="user",
        content="Policy: A forgotten password is reset in the app under Profile. "
        "The link in the mail is good for one hour.\n\n"
        "Customer (account): I cannot log in, I forgot my password. Please help me! Tom",
    ),
    Message(
        role="assistant",
        content="Dear customer, you can reset your password in the app under Profile. "
        "Please use the link in the mail within one hour.",
    ),
)


def conversation(
    message: str, category: str, policies: Sequence[Passage], *, facts: str = ""
) -> list[Message]:
    """Ask for a reply after one example of a good one: without it a small model retells the ticket."""
    policy = " ".join(passage.text for passage in policies)
    account = f"Account: {facts}\n\n" if facts else ""
    asked = (
        f"Policy: {policy}\n\n{account}"
        f"Customer ({category.replace('_', ' ')}): {' '.join(message[:MESSAGE_CHARS].split())}"
    )
    return [*_EXAMPLE, Message(role="user", content=asked)]


def corrected(wrong: str) -> str:
    """The system prompt for another try, after a reply that fails its checks."""
    return f"{SYSTEM} An earlier reply could not be sent ({wrong})."


def readable(text: str) -> str:
    """Keep the whole sentences up to the first that was said already: small models end in loops.

    Some go on with the customer's next turn; that is cut too.
    """
    text = re.split(r"\n\s*(?:Customer \(|Policy:)", text)[0]
    kept: list[str] = []
    for sentence in re.findall(r"\S.*?[.!?][\"')]*(?=\s|$)\s*", text, re.DOTALL):
        if sentence.strip() in map(str.strip, kept):
            break
        kept.append(sentence)
    return "".join(kept).strip() or text.strip()
