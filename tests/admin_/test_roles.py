"""The roles: who may do what in the console."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from tests.admin_.conftest import roles

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles_made")]


OPERATOR = {
    *("retry_run", "cancel_run", "bulk_run"),
    *("decide_failuregroup", "pause_work", "steer_lane"),
    *("run_schedule", "pause_schedule", "steer_trigger", "retry_event"),
    *("steer_webhook", "replay_delivery"),
}
APPROVER = {*OPERATOR, "decide_escalation", "raise_budget"}
ADMIN = {
    *APPROVER,
    *("start_run", "skip_step", "override_safety", "view_payload"),
    *(f"{can}_{what}" for can in ("add", "change", "delete") for what in ("schedule", "trigger")),
    *("add_apikey", "change_apikey", "rotate_apikey", "revoke_apikey"),
    *("backfill_schedule", "configure_webhook"),
}


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("viewer", set()),
        ("operator", OPERATOR),
        ("approver", APPROVER),
        ("admin", ADMIN),
    ],
)
def test_each_role_may_what_the_table_says(role: str, may: set[str]) -> None:
    found = Group.objects.get(name=role).permissions.filter(content_type__app_label="aiops")
    names = set(found.values_list("codename", flat=True))

    assert {name for name in names if not name.startswith("view_")} == may - {"view_payload"}
    assert ("view_payload" in names) == ("view_payload" in may)
    assert {"view_run", "view_bulkjob", "view_failuregroup"} <= names


def test_only_admins_change_schedules_and_people() -> None:
    for role in ("viewer", "operator", "approver"):
        found = Group.objects.get(name=role).permissions.exclude(content_type__app_label="aiops")
        assert all(name.startswith("view_") for name in found.values_list("codename", flat=True))
    admin = Group.objects.get(name="admin").permissions
    assert admin.filter(codename__in=["change_periodictask", "change_user"]).count() == 2


def test_making_the_roles_twice_adds_nothing_and_keeps_what_was_added() -> None:
    permission = Permission.objects.get(codename="view_user")
    viewers = Group.objects.get(name="viewer")
    viewers.permissions.add(permission)
    number = Permission.objects.count()

    roles.make_roles(apps, None)

    assert permission in viewers.permissions.all()
    assert Group.objects.filter(name__in=roles.ROLES).count() == 4
    assert Permission.objects.count() == number


def test_the_permissions_have_the_names_that_django_gives_them() -> None:
    expected = {
        codename: name
        for model in apps.get_app_config("aiops").get_models()
        for codename, name in [
            *model._meta.permissions,
            (f"view_{model._meta.model_name}", f"Can view {model._meta.verbose_name_raw}"),
        ]
    }

    assert {**expected, **roles._NAMES} == expected


def test_removing_the_roles_leaves_other_groups() -> None:
    Group.objects.create(name="accounting")

    roles.remove_roles(apps, None)

    assert list(Group.objects.values_list("name", flat=True)) == ["accounting"]
