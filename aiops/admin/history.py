"""What all pages about the record share: nobody adds, edits or deletes history."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from aiops.admin.page import words
from aiops.models.beginning import ids_beginning

#: Shorter hexadecimal texts may be a word, a title or a key.
SHORTEST_ID = 8

#: The permission to see what runs are about: inputs, prompts and results.
VIEW_PAYLOAD = "aiops.view_payload"

F = TypeVar("F", bound=Callable[..., Any])
Fieldset = tuple[str | None, dict[str, Any]]

#: Chip colours of unfold, by tone.
_UNFOLD: dict[str, str] = {
    **dict.fromkeys(("green", "teal"), "success"),
    "blue": "info",
    **dict.fromkeys(("amber", "orange", "violet"), "warning"),
    "red": "danger",
}

#: Chip colours of unfold, by state, outcome or answer.
CHIPS: dict[str, str] = {
    **{
        key: _UNFOLD[look.tone]
        for table in (words.OUTCOME, words.STEP, words.RUN)
        for key, look in table.items()
        if look.tone in _UNFOLD
    },
    "open": "warning",
    "answered": "success",
}


def column(
    description: str, *, ordering: str = "", has_chip: bool = False, is_yes_or_no: bool = False
) -> Callable[[F], F]:
    """Describe a method that a list or a page shows."""
    if is_yes_or_no:
        decorated = display(description=description, boolean=True)
    else:
        decorated = display(
            description=description,
            ordering=ordering or None,
            label=CHIPS if has_chip else None,
        )

    def described(method: F) -> F:
        return decorated(method)  # type: ignore[no-any-return]  # it returns what it was given

    return described


class _History:
    """Permissions of a page that only shows."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class HistoryAdmin(_History, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A list and a page that only show."""

    show_full_result_count = False
    list_per_page = 25
    #: Columns whose values are ids that a search may begin with.
    id_fields: ClassVar[tuple[str, ...]] = ("id",)
    #: Columns that a search by an id also compares as a whole: a key may look like an id.
    exact_fields: ClassVar[tuple[str, ...]] = ()
    #: What is shown to everyone who may see the page, and the content that needs `view_payload`.
    shown: ClassVar[tuple[Fieldset, ...]] = ()
    content: ClassVar[tuple[str, ...]] = ()
    #: Large columns that a list does not read.
    heavy: ClassVar[tuple[str, ...]] = ()

    def __init__(self, model: type[Model], site: AdminSite) -> None:
        super().__init__(model, site)
        fields = [name for _, options in self.shown for name in options["fields"]]
        self.readonly_fields = (*fields, *self.content)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list[Fieldset]:
        found = list(self.shown)
        if self.content and request.user.has_perm(VIEW_PAYLOAD):
            found.append(("Content", {"fields": self.content}))
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.defer(*self.heavy)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look ids up by their beginning, which has an index; other texts as Django does."""
        span = ids_beginning(search_term, SHORTEST_ID)
        if span is None:
            found: tuple[QuerySet[Any], bool] = super().get_search_results(
                request, queryset, search_term
            )
            return found
        wanted = Q()
        for name in self.id_fields:
            # A foreign key knows no range.
            wanted |= Q(**{f"{name}__gte": span[0], f"{name}__lte": span[1]})
        for name in self.exact_fields:
            wanted |= Q(**{name: search_term.strip()})
        return queryset.filter(wanted), False


class HistoryInline(_History, TabularInline):  # type: ignore[misc]  # unfold has no types
    """Rows of another kind on a page, shown only."""

    extra = 0
    can_delete = False
    hide_title = True

    def __init__(self, parent: type[Model], site: AdminSite) -> None:
        super().__init__(parent, site)
        self.readonly_fields = tuple(self.fields)


def page_of(model: str, key: UUID | str | int, text: str) -> SafeString:
    """A link to the page of one row."""
    return _link(reverse(f"admin:aiops_{model}_change", args=[quote(key)]), text)


def list_of(model: str, text: str, **filters: UUID | str | int) -> SafeString:
    """A link to a filtered list."""
    query = {name: str(value) for name, value in filters.items()}
    return _link(reverse(f"admin:aiops_{model}_changelist", query=query), text)


def _link(url: str, text: str) -> SafeString:
    # The colours that unfold gives its own links.
    classes = "text-primary-600 dark:text-primary-500"
    return format_html('<a class="{}" href="{}">{}</a>', classes, url, text)


def as_text(value: Any) -> SafeString:
    """JSON as a person reads it."""
    if value is None:
        return SafeString("–")
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))


def error_text(error: Any) -> SafeString:
    """An error with its traceback."""
    if not error:
        return SafeString("–")
    head = " ".join(f"{error.get(name, '')}" for name in ("word", "type", "code")).strip()
    return format_html(
        "<strong>{}</strong><pre>{}\n\n{}</pre>",
        head,
        error.get("message", ""),
        error.get("traceback", ""),
    )
