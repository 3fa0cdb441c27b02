"""What the roles may do on the pages that came after the first ones."""

from __future__ import annotations

from typing import Any

from django.db import migrations

#: App, model, codename and name: permissions are made when all migrations are over, those that
#: groups get are made here, under the names that they will have.
Permission = tuple[str, str, str, str]

_VIEWER: list[Permission] = [
    ("aiops", "bulkjob", "view_bulkjob", "Can view bulk job"),
    ("aiops", "failuregroup", "view_failuregroup", "Can view failure group"),
    ("aiops", "pause", "view_pause", "Can view pause"),
    ("aiops", "lane", "view_lane", "Can view lane"),
    ("aiops", "budget", "view_budget", "Can view budget"),
    ("aiops", "modelcall", "view_modelcall", "Can view model call"),
    ("django_celery_beat", "periodictask", "view_periodictask", "Can view periodic task"),
]
_OPERATOR: list[Permission] = [
    *_VIEWER,
    ("aiops", "bulkjob", "bulk_run", "Retry, cancel or escalate many runs at once"),
    ("aiops", "failuregroup", "decide_failuregroup", "Resolve or ignore a group of failures"),
    ("aiops", "pause", "pause_work", "Pause a pool or a workflow, or let it go on"),
    ("aiops", "lane", "steer_lane", "Hold, stop or resume a lane"),
    ("django_celery_results", "taskresult", "view_taskresult", "Can view task result"),
]
_APPROVER: list[Permission] = [
    *_OPERATOR,
    ("aiops", "budget", "raise_budget", "Raise a budget"),
]
_ADMIN: list[Permission] = [
    *_APPROVER,
    *[
        ("django_celery_beat", model, f"{can}_{model}", f"Can {can} {words}")
        for model, words in (
            ("periodictask", "periodic task"),
            ("intervalschedule", "interval"),
            ("crontabschedule", "crontab"),
            ("clockedschedule", "clocked"),
            ("solarschedule", "solar event"),
        )
        for can in ("view", "add", "change", "delete")
    ],
    *[
        ("auth", model, f"{can}_{model}", f"Can {can} {model}")
        for model in ("user", "group")
        for can in ("view", "add", "change")
    ],
]

ROLES: dict[str, list[Permission]] = {
    "viewer": _VIEWER,
    "operator": _OPERATOR,
    "approver": _APPROVER,
    "admin": _ADMIN,
}


def widen_roles(apps: Any, schema_editor: Any) -> None:
    """Let the groups do more; whatever else they may do stays."""
    groups = apps.get_model("auth", "Group").objects
    for role, allowed in ROLES.items():
        group, _ = groups.get_or_create(name=role)
        group.permissions.add(*(_permission(apps, *one) for one in allowed))


def _permission(apps: Any, app: str, model: str, codename: str, name: str) -> Any:
    kinds = apps.get_model("contenttypes", "ContentType").objects
    kind, _ = kinds.get_or_create(app_label=app, model=model)
    found, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename=codename, defaults={"name": name}
    )
    return found


class Migration(migrations.Migration):
    dependencies = [
        ("aiops", "0003_operations"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(widen_roles, migrations.RunPython.noop)]
