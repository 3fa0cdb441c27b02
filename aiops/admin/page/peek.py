"""A run at a glance, below its row of the list: its graph, what is wrong, and the right button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString

from aiops.admin.page import graph
from aiops.admin.page.build import nodes
from aiops.admin.page.buttons import buttons
from aiops.admin.page.callout import callout
from aiops.execution.answers import answers_of
from aiops.execution.facts import load
from aiops.execution.offers import offers


def peek(run_id: UUID, user_can: Callable[[str], bool]) -> dict[str, Any]:
    """What the row shows when it is opened. Raises Run.DoesNotExist."""
    facts = load(run_id)
    answers = answers_of(facts)
    said = callout(answers, offers(answers, user_can))
    page = reverse("admin:aiops_run_change", args=[run_id])
    return {
        "run_page": page,
        "short": run_id.hex[-12:],
        "graph": on_another_page(graph.draw(nodes(facts)), page, run_id.hex[-12:]),
        "note": graph.left_out(nodes(facts)),
        "said": said,
        "buttons": [one for one in buttons(run_id, said.offers) if not one.refused][:1]
        if said
        else [],
    }


def on_another_page(picture: SafeString, page: str, mark: str) -> SafeString:
    """A graph beside others, away from the page of its run: links that lead there, ids of its own."""
    moved = picture.replace('href="#step-', f'href="{page}#step-')
    moved = moved.replace('id="cx-arrow"', f'id="cx-arrow-{mark}"')
    return SafeString(moved.replace("url(#cx-arrow)", f"url(#cx-arrow-{mark})"))
