"""What tests of the engine share: the test workflows, a broker in this process, a script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django.fixtures import Settings
from pytest_django.plugin import DjangoDbBlocker

from aiops.execution import dispatch
from tests.execution.engine import Engine
from tests.flows.script import Script
from tests.flows.script import script as the_script


@pytest.fixture
def script() -> Iterator[Script]:
    """What the steps do in this test."""
    the_script.clear()
    yield the_script
    the_script.clear()


@pytest.fixture(scope="session")
def no_session_left(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The thread that renews leases keeps its connection; with it the database could not go."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def flows(settings: Settings) -> None:
    """The workflows of the tests are the ones that can be started."""
    settings.AIOPS_WORKFLOWS = ["tests.flows"]


@pytest.fixture
def engine(
    flows: None, no_session_left: None, script: Script, monkeypatch: pytest.MonkeyPatch
) -> Engine:
    """A process that publishes, with a broker of its own. Its test is marked COMMITS."""
    made = Engine()
    monkeypatch.setattr(dispatch, "publish", made.publish)
    monkeypatch.setattr(dispatch._Process, "publishes", True)
    return made
