"""The web process: many requests, few connections to the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from django.db import connection

from aiops.access import keys
from aiops.execution.start import start_run
from aiops.models import Scope
from tests.api.web import serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.mark.usefixtures("flows", "no_session_left")
def test_many_requests_at_once_share_few_connections(tmp_path: Path) -> None:
    run = start_run("line", {"number": 1})
    _, key = keys.make("tests", scopes=[Scope.READ])
    shown = {"Authorization": f"Bearer {key}"}
    of_others = _sessions()

    with serving(tmp_path, strict=False, AIOPS_WEB_CONNECTIONS="4") as web:
        address = f"{web.url}/runs/{run.id}/status"
        with ThreadPoolExecutor(12) as threads:
            asked = threads.map(lambda _: httpx2.get(address, headers=shown), range(120))
            answers = {answer.status_code for answer in asked}
        sessions = _sessions()

    assert answers == {200}
    assert sessions - of_others <= 4


def _sessions() -> int:
    """How many sessions the database has, but for those of this process."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])
