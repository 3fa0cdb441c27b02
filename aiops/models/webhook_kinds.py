"""What receivers of webhooks are told: the public kinds of events, and which events of ours they are.

It lies beside the record, and not with what sends, because an event and its deliveries are written in
one statement. What is not named here never leaves the system.
"""

from __future__ import annotations

#: Public kind -> what it means, as the console and docs/webhooks.md say it.
KINDS: dict[str, str] = {
    "run.accepted": "A run was accepted; it is durable from here on",
    "run.waiting": "It waits on purpose: for a person, an event or a time",
    "run.attention": "A person of ours must decide before it goes on",
    "run.paused": "Somebody paused it",
    "run.resumed": "It goes on after a pause",
    "run.retried": "Somebody lets it try again what had failed",
    "run.cancelling": "It was asked to stop",
    "run.cancelled": "It has stopped on request",
    "run.failed": "It has stopped, and nothing more happens by itself",
    "run.succeeded": "It is done",
    "run.partial": "It is done, and something optional was left out",
    "escalation.opened": "A question that only a person can answer was asked",
    "escalation.answered": "It was answered",
    "escalation.closed": "Its cause is gone, and nobody has to answer it any more",
}

#: What a person sends from the console to see whether a receiver takes it. It has no run.
TEST = "webhook.test"

#: Kind of an event of ours -> public kind.
PUBLIC: dict[str, str] = {
    **{kind: kind for kind in KINDS},
    "run.retried_from": "run.retried",
}

#: A question about a receiver is nothing that another receiver is told of.
_NOT_ABOUT = "webhook"


def public(kind: str, about: object = "") -> str:
    """The public kind of an event; "" for what stays inside. `about` is the kind of a question. Pure."""
    return "" if about == _NOT_ABOUT else PUBLIC.get(kind, "")
