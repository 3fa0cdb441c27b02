"""What tests of the pages share."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.test import Client, override_settings


@pytest.fixture(autouse=True)
def _static_files(tmp_path: Path) -> Iterator[None]:
    """A folder of collected files: WhiteNoise warns when there is none."""
    with override_settings(STATIC_ROOT=str(tmp_path)):
        yield


#: The migrations that make the roles; their names are no names for an import statement.
roles = importlib.import_module("aiops.migrations.0002_roles")
more_roles = importlib.import_module("aiops.migrations.0004_console_roles")
door_roles = importlib.import_module("aiops.migrations.0006_front_door_roles")


@pytest.fixture
def roles_made(db: None) -> None:
    """The groups as the migration makes them; a test of another file may have emptied the table."""
    roles.make_roles(apps, None)
    more_roles.widen_roles(apps, None)
    door_roles.widen_roles(apps, None)


@pytest.fixture
def as_(client: Client, roles_made: None) -> Callable[[str], Client]:
    """Sign in as somebody of a role."""

    def sign_in(role: str) -> Client:
        user, _ = User.objects.get_or_create(username=f"ann-{role}", is_staff=True)
        user.groups.set(Group.objects.filter(name=role))
        client.force_login(user)
        return client

    return sign_in
