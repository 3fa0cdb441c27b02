"""Where a run is found."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from aiops.access import run_token
from aiops.api.schemas import Links


def status_path(run_id: UUID) -> str:
    return f"/api/v1/runs/{run_id}/status"


def links_of(run_id: UUID, token: str | None = None) -> Links:
    """The addresses of a run; its page opens with this token, else with one that only shows it."""
    base = settings.AIOPS_BASE_URL
    here = f"{base}/api/v1/runs/{run_id}"
    return Links(
        run=here,
        status=f"{here}/status",
        stream=f"{here}/stream",
        page=run_token.page_url(token or run_token.sign(run_id)),
    )
