"""Names of workflows and nodes: they become parameters, so they are Python names."""

from __future__ import annotations

import keyword
import re

from aiops.flow.refusals import WorkflowError
from aiops.flow.where import Where

#: Sources of data that are no nodes.
RESERVED = frozenset({"input", "item", "context"})


def check_name(name: object, what: str, where: Where, refusal: type[WorkflowError]) -> None:
    """Refuse a name that no parameter could have."""
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise refusal(
            f"{what} cannot be named {name!r}: use letters, digits and _, as in 'send_reply'", where
        )
    if name in RESERVED:
        raise refusal(f"{what} cannot be named {name!r}: that is a name of its own here", where)


def snake_case(class_name: str) -> str:
    """SupportTicket -> support_ticket, HTTPCall -> http_call."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name)
    return words.lower()


def as_name(text: str) -> str:
    """Make a name of an event such as "order.paid": order_paid."""
    name = re.sub(r"\W+", "_", text).strip("_") or "node"
    return name if name.isidentifier() else f"_{name}"
