"""What Ctrl+K finds: runs, workflows and pages. Its answers are kept for minutes: no state in them."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from aiops.admin.navigation import pages
from aiops.admin.page import links
from aiops.execution.search_runs import SHORTEST_ID, matching
from aiops.execution.user_view import reference
from aiops.models import Run, WorkflowVersion
from aiops.models.beginning import ids_beginning

MOST_RUNS = 10
MOST_WORKFLOWS = 5
#: Texts are looked for in so many of the newest runs: they have no index, which every run would
#: pay for.
NEWEST_RUNS = 50_000
_FIELDS = ("id", "title", "workflow", "tenant", "key")


def find(request: HttpRequest, term: str) -> list[SearchResult]:
    """The best answers to what somebody typed; unfold hands it over in small letters."""
    term = term.strip()
    if not term:
        return []
    return [*_pages(request, term), *_workflows(request, term), *_runs(request, term)]


def _pages(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    """The pages of the sidebar; those whose model has that name are found by unfold itself."""
    known = _found_by_unfold(request, term)
    for entry, link in pages(request):
        if term in entry.title.lower() and link not in known:
            yield SearchResult(entry.title, "Page", link, entry.icon)


def _found_by_unfold(request: HttpRequest, term: str) -> set[str]:
    return {
        model["admin_url"]
        for app in admin.site.get_app_list(request)
        for model in app["models"]
        if term in str(app["name"]).lower() or term in str(model["name"]).lower()
    }


def _workflows(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    if not request.user.has_perm("aiops.view_workflowversion"):
        return
    # People say "support reply".
    named = WorkflowVersion.objects.filter(name__icontains=term.replace(" ", "_")).order_by("name")
    for name in named.values_list("name", flat=True).distinct()[:MOST_WORKFLOWS]:
        url = links.shown_if_there("admin:aiops_workflow_page", name)
        yield SearchResult(name, "Workflow", url or links.runs(workflow=name), "schema")


def _runs(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    if not request.user.has_perm("aiops.view_run"):
        return
    rows = Run.objects.filter(_wanted(term)).order_by("-created_at").only(*_FIELDS)
    yield from (_told(run) for run in rows[:MOST_RUNS])


def _wanted(term: str) -> Q:
    """What the list of runs finds too; a text in the newest ones only, an id however old it is."""
    if ids_beginning(term, SHORTEST_ID) is not None:
        return matching(term)
    newest = Run.objects.order_by("-created_at").values("id")[:NEWEST_RUNS]
    return Q(id__in=newest) & matching(term)


def _told(run: Run) -> SearchResult:
    more = f"Run {reference(str(run.pk))}, {run.workflow}, {run.tenant}"
    return SearchResult(
        title=run.title or run.key or run.workflow,
        description=more,
        link=reverse("admin:aiops_run_change", args=[run.pk]),
        icon="account_tree",
    )
