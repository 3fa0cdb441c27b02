"""From what a person can do to the buttons that do it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from aiops.admin.page.words import VERB_ICONS
from aiops.execution.offers import Offer


@dataclass(frozen=True, slots=True)
class Button:
    label: str
    url: str
    icon: str
    #: "primary", "plain" or "danger".
    tone: str
    #: Why it cannot be pressed; "" when it can.
    refused: str
    #: Shown as an icon: it is there for every step that is done.
    is_quiet: bool


def buttons(run_id: UUID, offers: Iterable[Offer]) -> list[Button]:
    """The buttons of these offers: each leads to a plan, and changes nothing by itself."""
    return [
        Button(
            label=offer.label,
            url=_url(run_id, offer),
            icon=VERB_ICONS.get(offer.verb, "bolt"),
            tone=offer.tone,
            refused=offer.refused,
            is_quiet=offer.verb == "retry_from",
        )
        for offer in offers
    ]


def _url(run_id: UUID, offer: Offer) -> str:
    given = {"step": offer.step, "escalation": offer.escalation}
    query = {name: value for name, value in given.items() if value}
    return reverse("admin:aiops_run_do", args=[run_id, offer.verb], query=query)
