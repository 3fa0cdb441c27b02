"""Nothing that is registered in the admin changes something by a GET, or is open to everybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import Group, User
from django.test import RequestFactory
from unfold.admin import ModelAdmin as UnfoldAdmin

from aiops.models import Run, Schedule, Trigger

#: unfold draws these as links: without a dialog, a GET does them.
_UNFOLD = ("actions_list", "actions_row", "actions_detail", "actions_submit_line")
#: Links that only lead somewhere.
LINKS: frozenset[str] = frozenset()

PAGES: list[ModelAdmin[Any]] = list(admin.site._registry.values())


def flat(actions: Any) -> Iterator[str]:
    """The names of actions, those in menus as well."""
    for one in actions or ():
        if isinstance(one, dict):
            yield from flat(one["items"])
        else:
            yield one if isinstance(one, str) else one.__name__


def unfold_actions() -> Iterator[tuple[ModelAdmin[Any], Any]]:
    for page in PAGES:
        for place in _UNFOLD:
            for name in flat(getattr(page, place, ())):
                yield page, getattr(page, name)


def bulk_actions() -> Iterator[tuple[ModelAdmin[Any], Any]]:
    for page in PAGES:
        for action, name, _ in page._get_base_actions():  # type: ignore[attr-defined]  # no stub
            yield page, (name, action)


def test_every_action_that_unfold_draws_asks_first() -> None:
    open_ones = [
        f"{page.__class__.__name__}.{action.__name__}"
        for page, action in unfold_actions()
        if action.__name__ not in LINKS and not getattr(action, "dialog", None)
    ]

    assert open_ones == []


def test_every_action_that_unfold_draws_names_who_may() -> None:
    open_ones = [
        f"{page.__class__.__name__}.{action.__name__}"
        for page, action in unfold_actions()
        if not getattr(action, "allowed_permissions", None)
    ]

    assert open_ones == []


def test_every_action_over_chosen_rows_names_who_may() -> None:
    open_ones = [
        f"{page.__class__.__name__}.{name}"
        for page, (name, action) in bulk_actions()
        if not getattr(action, "allowed_permissions", None)
    ]

    assert open_ones == []


def test_every_page_has_the_look_of_the_console() -> None:
    assert [page for page in PAGES if not isinstance(page, UnfoldAdmin)] == []


def test_every_model_of_the_packages_has_a_page_in_it() -> None:
    labels = ("django_celery_beat", "django_celery_results")
    kept_inside = {"PeriodicTasks", "ChordCounter"}
    models = [
        model
        for label in labels
        for model in apps.get_app_config(label).get_models()
        if model.__name__ not in kept_inside
    ]

    assert [model for model in models if not admin.site.is_registered(model)] == []


#: What people make and change here. All the rest is history: written by the engine only.
EDITED = {"user", "group", "periodictask", "intervalschedule", "crontabschedule"} | {
    "clockedschedule",
    "solarschedule",
    "trigger",
    "schedule",
}


@pytest.mark.django_db
def test_nobody_adds_changes_or_deletes_history() -> None:
    request = RequestFactory().get("/")
    request.user = User.objects.create(username="root", is_superuser=True, is_staff=True)

    possible = [
        f"{page.opts.model_name}: {can}"
        for page in PAGES
        if page.opts.model_name not in EDITED
        for can in ("add", "change", "delete")
        if getattr(page, f"has_{can}_permission")(request)
    ]

    assert possible == []


def test_the_models_that_people_edit_are_none_of_the_record() -> None:
    edited = [page.model for page in PAGES if page.opts.model_name in EDITED]

    ours = {model for model in edited if model._meta.app_label == "aiops"}
    assert ours == {Schedule, Trigger}
    assert (User in edited, Group in edited, Run in edited) == (True, True, False)
