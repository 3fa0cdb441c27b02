"""The roles of the console: four groups with the permissions that go with them."""

from __future__ import annotations

from typing import Any

from django.db import migrations

#: The models whose pages show the record.
_SHOWN = ("run", "step", "attempt", "escalation", "event", "workflowversion", "node")

_VIEWER = [(f"view_{model}", model) for model in _SHOWN]
_OPERATOR = [*_VIEWER, ("retry_run", "run"), ("cancel_run", "run")]
_APPROVER = [*_OPERATOR, ("decide_escalation", "escalation")]
_ADMIN = [
    *_APPROVER,
    *[(name, "run") for name in ("start_run", "skip_step", "override_safety", "view_payload")],
]

ROLES: dict[str, list[tuple[str, str]]] = {
    "viewer": _VIEWER,
    "operator": _OPERATOR,
    "approver": _APPROVER,
    "admin": _ADMIN,
}

#: Permissions are made when all migrations are over: those that groups get are made here, under
#: the names that they will have.
_NAMES: dict[str, str] = {
    "view_run": "Can view run",
    "view_step": "Can view step",
    "view_attempt": "Can view attempt",
    "view_escalation": "Can view escalation",
    "view_event": "Can view event",
    "view_workflowversion": "Can view workflow version",
    "view_node": "Can view node",
    "start_run": "Start a run",
    "retry_run": "Retry, resume, pause or replay a run",
    "cancel_run": "Cancel a run",
    "skip_step": "Skip a step or supply its result by hand",
    "override_safety": "Retry where the verdict is Check first",
    "view_payload": "See inputs, prompts and results",
    "decide_escalation": "Answer an escalation",
}


def make_roles(apps: Any, schema_editor: Any) -> None:
    """Add the groups and what they may; whatever else a group of this name may do stays."""
    groups = apps.get_model("auth", "Group").objects
    for role, allowed in ROLES.items():
        group, _ = groups.get_or_create(name=role)
        group.permissions.add(*(_permission(apps, *one) for one in allowed))


def remove_roles(apps: Any, schema_editor: Any) -> None:
    apps.get_model("auth", "Group").objects.filter(name__in=ROLES).delete()


def _permission(apps: Any, codename: str, model: str) -> Any:
    kinds = apps.get_model("contenttypes", "ContentType").objects
    kind, _ = kinds.get_or_create(app_label="aiops", model=model)
    found, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename=codename, defaults={"name": _NAMES[codename]}
    )
    return found


class Migration(migrations.Migration):
    dependencies = [
        ("aiops", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, remove_roles)]
