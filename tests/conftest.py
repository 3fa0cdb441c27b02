"""What every test has: a database and a broker that go when the tests end."""

from __future__ import annotations

import os
from collections.abc import Iterator

import django
import pytest

from aiops.servers.running import Servers

pytest_plugins = ["tests.fault_server.fixtures"]

_found = dict(os.environ)
# At import, because other conftest modules import models. What the environment names is used as
# it is; the rest is started in a folder of its own, so that no developer's data is touched.
_servers = Servers.throwaway()
os.environ.update(_servers.environ)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")
django.setup()


@pytest.fixture(autouse=True)
def _no_version_of_an_earlier_test() -> Iterator[None]:
    """The process remembers which versions are stored, and a test's database is emptied."""
    from aiops.execution.catalog import forget_versions

    yield
    forget_versions()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Side by side, each process has servers of its own: this one's settings would be its settings."""
    _servers.stop()
    os.environ.clear()
    os.environ.update(_found)


def pytest_unconfigure(config: pytest.Config) -> None:
    _servers.stop()


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Counts are kept for some seconds: one test's are no other test's."""
    from django.core.cache import cache

    cache.clear()
