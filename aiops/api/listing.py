"""Lists of runs: filters, and a page at a time in one query."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from pydantic import BaseModel, Field

from aiops.api import paging
from aiops.api.schemas_runs import ListedRun, RunPage
from aiops.api.texts import Bound, Key, Name
from aiops.models import Run, RunState


class Wanted(BaseModel):
    """Which runs are meant. Filters narrow each other; several states widen."""

    workflow: Name | None = None
    state: list[RunState] = Field(default=[], max_length=10, description="One, or several.")
    tenant: Name | None = None
    key: Key | None = None
    created_after: Bound | None = Field(None, description="Not before this moment.")
    created_before: Bound | None = Field(None, description="Before this moment.")


def page(runs: QuerySet[Run], wanted: Wanted, cursor: str | None, limit: int) -> RunPage:
    """A page of these runs, the newest first."""
    rows = paging.after(runs.filter(**_filters(wanted)), cursor, by="created_at", newest_first=True)
    columns = tuple(ListedRun.model_fields)
    found, has_more = paging.split(list(rows.only(*columns)[: limit + 1]), limit)
    last = found[-1] if found else None
    return RunPage(
        runs=[ListedRun.model_validate(run) for run in found],
        next=paging.place(last.created_at, last.id) if has_more and last else None,
    )


def _filters(wanted: Wanted) -> dict[str, Any]:
    names = {
        "workflow": wanted.workflow,
        "state__in": [str(one) for one in wanted.state] or None,
        "tenant": wanted.tenant,
        "key": wanted.key,
        "created_at__gte": wanted.created_after,
        "created_at__lt": wanted.created_before,
    }
    return {name: value for name, value in names.items() if value is not None}
