"""What the roles may do on the pages of the front doors."""

from __future__ import annotations

from typing import Any

from django.db import migrations

#: Model, codename and name: permissions are made when all migrations are over, those that groups
#: get are made here, under the names that they will have.
Permission = tuple[str, str, str]

_VIEWER: list[Permission] = [
    ("schedule", "view_schedule", "Can view schedule"),
    ("trigger", "view_trigger", "Can view trigger"),
    ("signal", "view_signal", "Can view event in"),
    ("webhookendpoint", "view_webhookendpoint", "Can view webhook"),
    ("webhookdelivery", "view_webhookdelivery", "Can view webhook delivery"),
]
_OPERATOR: list[Permission] = [
    *_VIEWER,
    ("schedule", "run_schedule", "Run a schedule now"),
    ("schedule", "pause_schedule", "Pause or resume a schedule"),
    ("trigger", "steer_trigger", "Activate or pause a trigger"),
    ("signal", "retry_event", "Try an event again that could not start a run"),
    ("webhookendpoint", "steer_webhook", "Pause, resume and test webhooks"),
    ("webhookdelivery", "replay_delivery", "Send deliveries of webhooks again"),
    ("apikey", "view_apikey", "Can view API key"),
]
_ADMIN: list[Permission] = [
    *_OPERATOR,
    *[
        (model, f"{can}_{model}", f"Can {can} {words}")
        for model, words, verbs in (
            ("schedule", "schedule", ("add", "change", "delete")),
            ("trigger", "trigger", ("add", "change", "delete")),
            ("apikey", "API key", ("add", "change")),
        )
        for can in verbs
    ],
    ("schedule", "backfill_schedule", "Back-fill a schedule"),
    ("webhookendpoint", "configure_webhook", "Make, change, rotate and remove webhooks"),
    ("apikey", "rotate_apikey", "Replace an API key by a new one"),
    ("apikey", "revoke_apikey", "Revoke an API key"),
]

ROLES: dict[str, list[Permission]] = {
    "viewer": _VIEWER,
    "operator": _OPERATOR,
    "approver": _OPERATOR,
    "admin": _ADMIN,
}


def widen_roles(apps: Any, schema_editor: Any) -> None:
    """Let the groups do more; whatever else they may do stays."""
    groups = apps.get_model("auth", "Group").objects
    for role, allowed in ROLES.items():
        group, _ = groups.get_or_create(name=role)
        group.permissions.add(*(_permission(apps, *one) for one in allowed))


def _permission(apps: Any, model: str, codename: str, name: str) -> Any:
    kinds = apps.get_model("contenttypes", "ContentType").objects
    kind, _ = kinds.get_or_create(app_label="aiops", model=model)
    found, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename=codename, defaults={"name": name}
    )
    return found


class Migration(migrations.Migration):
    dependencies = [
        ("aiops", "0005_front_doors"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(widen_roles, migrations.RunPython.noop)]
