"""What every test has: a database and a broker that go when the tests end."""

from __future__ import annotations

import os

import django
import pytest

from aiops.servers.running import Servers

# At import, because other conftest modules import models. What the environment names is used as
# it is; the rest is started in a folder of its own, so that no developer's data is touched.
_servers = Servers.throwaway()
os.environ.update(_servers.environ)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")
django.setup()


def pytest_unconfigure(config: pytest.Config) -> None:
    _servers.stop()
