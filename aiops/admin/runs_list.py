"""The list of runs: tabs, filters, search, what a row shows, and the verbs for many."""

from __future__ import annotations

from functools import cached_property
from math import ceil
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString
from unfold.sections import TemplateSection
from unfold.views import ChangeList

from aiops.admin import filters
from aiops.admin.history import column
from aiops.admin.page import cells, listed, segments, tabs, words
from aiops.admin.page.counts import counts
from aiops.admin.page.peek import peek
from aiops.admin.page.tabs import MOST_COUNTED, Many
from aiops.execution import choose
from aiops.models import Run

#: The permission to change many runs at once.
BULK_RUN = "aiops.bulk_run"
#: Ages grow: rows are drawn anew after this long at the latest.
AGES_S = 60
NEEDS_YOU = "needs_you"


class Bounded(Paginator):  # type: ignore[type-arg]  # generic for the checker only
    """Pages of the first 10,000 runs; whoever wants others narrows the list."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return Many(self.object_list.order_by()[: MOST_COUNTED + 1].count())

    @cached_property
    def num_pages(self) -> int:
        return max(1, ceil(min(self.count, MOST_COUNTED) / self.per_page))

    def page(self, number: int | str) -> Page[Any]:
        # A page that is not there any more is no reason to lose all filters.
        return super().page(min(max(int(number), 1), self.num_pages))


class Listing(ChangeList):  # type: ignore[misc]  # unfold has no types
    """A page of runs with all that their rows show, and what stands above them."""

    page_num: int
    result_list: list[Run]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.page_num = min(max(self.page_num, 1), self.paginator.num_pages)
        self.result_list = list(self.result_list)
        found = listed.read([run.pk for run in self.result_list])
        for run in self.result_list:
            run.listed = found[run.pk]  # type: ignore[attr-defined]  # for `row`
        self.asked = filters.asked(request.GET)
        # A tab is no filter that somebody has forgotten.
        self.has_active_filters = self.is_narrowed
        self.version = version(request)

    @property
    def view(self) -> str:
        given = self.asked.get("view", "")
        return given if given in choose.VIEWS else "all"

    @property
    def is_narrowed(self) -> bool:
        """Whether more than a tab decides what is listed."""
        return not choose.is_empty({**self.asked, "view": ""})

    @property
    def tabs(self) -> list[tabs.Tab]:
        numbers = {self.view: int(self.result_count)} if self.is_narrowed else tabs.numbers()
        return tabs.tabs(self.view, lambda key: self.get_query_string({"view": key}), numbers)

    @property
    def in_words(self) -> str:
        try:
            return choose.in_words(self.asked)
        except choose.WrongFilter as error:
            return str(error)


class Peek(TemplateSection):  # type: ignore[misc]  # unfold has no types
    """What opens below a row: read when it is opened, not before."""

    template_name = "console/parts/peek.html"


class RunsList:
    """What the admin of runs inherits, to have the list."""

    change_list_template = "console/runs.html"
    list_display: ClassVar[tuple[str, ...]] = (
        *("state_chip", "told", "steps_bar", "why", "verdict_chip", "started"),
    )
    list_display_links: ClassVar[tuple[str, ...]] = ("told",)
    list_filter = filters.ALL
    list_filter_submit = True
    show_facets = admin.ShowFacets.NEVER
    list_sections: ClassVar[list[type[TemplateSection]]] = [Peek]
    paginator = Bounded
    search_fields: ClassVar[tuple[str, ...]] = ("title", "key", "started_by")
    search_help_text = "Run id, title, owner, key or Celery task id"
    heavy: ClassVar[tuple[str, ...]] = ("input", "metadata", "error")
    actions: ClassVar[tuple[str, ...]] = ("retry_runs", "cancel_runs", "escalate_runs")

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {
            "all": ("console/console.css", "console/graph.css", "console/runs.css")
        }
        js: ClassVar[tuple[Script, ...]] = (
            Script("console/console.js", defer=True),
            Script("console/runs.js", defer=True),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view  # type: ignore[attr-defined]  # a mixin
        return [
            path("live/", view(self.runs_live_view), name="aiops_runs_live"),
            path("<uuid:run_id>/peek/", view(self.peek_view), name="aiops_run_peek"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Listing

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        found: QuerySet[Run] = super().get_queryset(request)  # type: ignore[misc]
        return found.select_related("version").defer("version__plan", *self.heavy)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """The newest first; what needs a person, by who has waited longest."""
        return ("since",) if request.GET.get("view") == NEEDS_YOU else ("-created_at",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        return queryset.filter(choose.condition(choose.SEARCH, search_term)), False

    def runs_live_view(self, request: HttpRequest) -> HttpResponse:
        """Whether anything has changed since a list was shown: nothing (204) while it has not."""
        if request.GET.get("v") == version(request):
            return HttpResponse(status=204)
        self._refuse_without_view(request)
        return HttpResponse("changed", content_type="text/plain")

    def peek_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        self._refuse_without_view(request)
        try:
            found = peek(run_id, request.user.has_perm)
        except Run.DoesNotExist:
            raise Http404(f"There is no run {run_id}") from None
        return render(request, "console/parts/peek_body.html", found)

    def _refuse_without_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied

    # Rows

    @column("state")
    def state_chip(self, run: Run) -> SafeString:
        return cells.chip(words.RUN[run.state])

    @column("run")
    def told(self, run: Run) -> SafeString:
        return cells.named(run)

    @column("steps")
    def steps_bar(self, run: Run) -> SafeString:
        found = row(run)
        return segments.bar(found.states, found.retries)

    @column("why")
    def why(self, run: Run) -> SafeString:
        return cells.why(run, row(run).problem, row(run).held)

    @column("retry")
    def verdict_chip(self, run: Run) -> SafeString:
        worst = row(run).worst
        return cells.chip(words.VERDICT[worst.verdict]) if worst else SafeString("")

    @column("started", ordering="created_at")
    def started(self, run: Run) -> SafeString:
        return cells.started(run, timezone.now(), row(run).cost_microusd)

    # Verbs for many: each only makes a plan

    def has_bulk_run_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(BULK_RUN)

    @admin.action(description="Retry failed steps (safe ones only)…", permissions=["bulk_run"])
    def retry_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse:
        return begin(request, "retry")

    @admin.action(description="Cancel…", permissions=["bulk_run"])
    def cancel_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse:
        return begin(request, "cancel")

    @admin.action(description="Escalate…", permissions=["bulk_run"])
    def escalate_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse:
        return begin(request, "escalate")


def begin(request: HttpRequest, verb: str) -> HttpResponse:
    """Make a plan for the runs that were ticked, or for all that the filters mean."""
    # The page of bulk jobs links back to this list.
    from aiops.admin import bulk

    params = filters.asked(request.GET)
    if request.POST.get("select_across") == "1":
        return bulk.begin(request, verb, None, params)
    try:
        ids = [UUID(key) for key in request.POST.getlist(ACTION_CHECKBOX_NAME)]
    except ValueError:
        raise Http404("What was ticked is no run") from None
    return bulk.begin(request, verb, ids, params)


def row(run: Run) -> listed.Listed:
    """What `Listing` has read for this row."""
    found: listed.Listed = run.listed  # type: ignore[attr-defined]
    return found


def version(request: HttpRequest) -> str:
    """The version of what a list may show: who was shown a page brings it back to ask for news."""
    seen = [request.user.pk, counts().version, int(timezone.now().timestamp() // AGES_S)]
    return salted_hmac("aiops.admin.runs", repr(seen), algorithm="sha256").hexdigest()[:32]
