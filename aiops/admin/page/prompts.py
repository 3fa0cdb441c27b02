"""The prompts of a workflow, as the page writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from aiops.admin.page.amounts import from_now, money
from aiops.admin.page.workflow_numbers import share
from aiops.execution.prompt_numbers import PromptNumbers


@dataclass(frozen=True, slots=True)
class PromptShown:
    #: Name and version, and the hash of the text.
    name: str
    hash: str
    first: str
    last: str
    calls: str
    success: str
    each: str
    cost: str
    #: Its calls, one by one; "" where they have no template to filter by.
    href: str


def prompts(found: Sequence[PromptNumbers], now: datetime) -> list[PromptShown]:
    """A row for each version; none where no prompt has a name."""
    if not any(one.template for one in found):
        return []
    return [_shown(one, now) for one in found]


def _shown(one: PromptNumbers, now: datetime) -> PromptShown:
    name, _, digest = one.template.rpartition(" ")
    query = {"template": one.template}
    return PromptShown(
        name=(name or digest) or "without a template",
        hash=digest if name else "",
        first=from_now(one.first_at, now),
        last=from_now(one.last_at, now),
        calls=f"{one.calls:,}",
        success=share(one.success),
        each=money(one.cost_per_call),
        cost=money(one.cost_microusd),
        href=reverse("admin:aiops_modelcall_changelist", query=query) if name else "",
    )
