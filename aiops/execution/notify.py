"""Telling people and programs outside about a question: who is told is written with what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from django.conf import settings
from django.contrib.auth import get_user_model

from aiops.models import Channel, Escalation, Notification

#: A channel, and the address on it.
Address: TypeAlias = tuple[str, str]

#: The key of AIOPS_NOTIFY whose addresses are told whatever the group.
EVERY_GROUP = "*"
#: What programs are told too, so that their picture of it is no older than ours; people are not.
_IT_IS_OVER = frozenset({"answered", "closed"})


def tell(asked: Escalation, about: str) -> None:
    """Write the notifications of a question, in the caller's transaction. A task sends them later.

    about: "opened", "reminder", "handed_up", "answered" or "closed".
    """
    _write(asked, about, _told_before(asked) if about in _IT_IS_OVER else _whom(asked))


def tell_owner(asked: Escalation) -> None:
    """Tell the person to whom a question was given by somebody else."""
    _write(asked, "opened", _mail_of(asked.owner))


def addresses(told: Mapping[str, Sequence[str]], group: str) -> list[Address]:
    """Whom a setting names for a group, each once. Pure."""
    named = [*told.get(group, ()), *told.get(EVERY_GROUP, ())]
    return list(dict.fromkeys((channel(address), address) for address in named))


def channel(address: str) -> str:
    is_url = address.startswith(("https://", "http://"))
    return Channel.WEBHOOK if is_url else Channel.EMAIL


def wrong(told: Mapping[str, Sequence[str]], *, secret: str, can_mail: bool) -> list[str]:
    """What is wrong with the settings, as sentences that say what to do. Pure."""
    named = {address for listed in told.values() for address in listed}
    kinds = {channel(address) for address in named}
    found = [
        f"AIOPS_NOTIFY names {address!r}, which is neither a URL nor an e-mail address."
        for address in sorted(named)
        if channel(address) == Channel.EMAIL and "@" not in address
    ]
    if Channel.WEBHOOK in kinds and not secret:
        found.append(
            "AIOPS_NOTIFY names a webhook, and AIOPS_NOTIFY_SECRET is empty: receivers could not "
            "tell our messages from others. Set it to whsec_ and 32 random bytes in base64."
        )
    if Channel.EMAIL in kinds and not can_mail:
        found.append("AIOPS_NOTIFY names an e-mail address: set EMAIL_HOST, or nothing is sent.")
    return found


def _whom(asked: Escalation) -> list[Address]:
    found = addresses(settings.AIOPS_NOTIFY, asked.group)
    return list(dict.fromkeys([*found, *_mail_of(asked.owner)]))


def _mail_of(owner: str) -> list[Address]:
    """The address of the user of this name, if there is one and mail can be sent at all."""
    if not owner or not settings.AIOPS_CAN_MAIL:
        return []
    mails = get_user_model().objects.filter(username=owner, is_active=True).exclude(email="")
    return [(str(Channel.EMAIL), mail) for mail in mails.values_list("email", flat=True)]


def _told_before(asked: Escalation) -> list[Address]:
    if not settings.AIOPS_NOTIFY:
        return []
    rows = Notification.objects.filter(escalation=asked, channel=Channel.WEBHOOK)
    return list(rows.values_list("channel", "address").order_by("address").distinct())


def _write(asked: Escalation, about: str, whom: Sequence[Address]) -> None:
    Notification.objects.bulk_create(
        Notification(escalation_id=asked.id, about=about, channel=channel, address=address)
        for channel, address in whom
        if channel == Channel.WEBHOOK or settings.AIOPS_CAN_MAIL
    )
