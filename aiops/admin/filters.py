"""The filters of the list of runs: each draws itself, and `execution/choose.py` says what it means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ListFilter, ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.contrib.postgres.aggregates import ArrayAgg
from django.core.cache import cache
from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict

from aiops.execution import choose
from aiops.execution.verdict import ORDER, WORDS
from aiops.models import Run, RunState, WorkflowVersion
from aiops.pools import POOLS, STEP_POOLS

#: More values than this are typed, not ticked.
MOST_TICKED = 30
#: Whose tenants can be ticked; those of older runs are named in the address.
NEWEST_RUNS = 20_000
#: For so long a new tenant may be missing among those to tick.
KEPT_S = 60

Choice = tuple[str, str]


def asked(query: QueryDict) -> dict[str, str]:
    """The filters of an address; a value that stands there several times is one of several."""
    return {name: ",".join(filter(None, query.getlist(name))) for name in query}


class Asked(ListFilter):
    """A filter that keeps its parameters, and leaves what they mean to `choose`."""

    names: ClassVar[tuple[str, ...]] = ()
    template = "console/parts/filter.html"
    #: How it is drawn: "ticks", "text", "range" or "kept".
    look: ClassVar[str] = "ticks"
    #: What kind of input a range takes.
    kind: ClassVar[str] = "text"
    hint: ClassVar[str] = ""

    def __init__(
        self,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Model],
        model_admin: ModelAdmin[Any],
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.held: dict[str, str] = {
            name: ",".join(filter(None, params.pop(name))) for name in self.names if name in params
        }
        self.used_parameters.update(self.held)

    def has_output(self) -> bool:
        # Django drops the parameters of a filter that is not shown.
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.names)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            return queryset.filter(choose.conditions(self.held))
        except choose.WrongFilter as error:
            messages.error(request, f"{error} Nothing is listed: clear the filters.")
            return queryset.none()

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        """The fields to draw, each with what it holds now."""
        for name in self.names:
            held = self.held.get(name, "")
            yield {
                "name": name,
                "held": _for_input(name, held) if self.kind == "datetime-local" else held,
                "label": self.labels.get(name, ""),
                "ticks": self._ticks(held),
            }

    labels: ClassVar[Mapping[str, str]] = {}

    def values(self) -> Iterable[Choice]:
        """What can be ticked."""
        return ()

    def _ticks(self, held: str) -> list[tuple[str, str, bool]]:
        if self.look != "ticks":
            return []
        chosen, known = choose.values(held), list(self.values())
        unknown = [(value, value) for value in chosen if value not in dict(known)]
        return [(key, word, key in chosen) for key, word in (*known, *unknown)]


class View(Asked):
    """The tab that is shown: kept when other filters are applied."""

    title, names, look = "view", ("view",), "kept"


class State(Asked):
    title, names = "state", ("state__in",)

    def values(self) -> Iterable[Choice]:
        return [(str(key), str(word)) for key, word in RunState.choices]


class Verdict(Asked):
    title, names = "retry", ("verdict",)

    def values(self) -> Iterable[Choice]:
        # A list knows no key and no lane: those that only the page of a run tells are left out.
        return [(key, WORDS[key]) for key in ORDER[: ORDER.index("safe") + 1] if key != "keyed"]


class Workflow(Asked):
    title, names = "workflow", ("workflow",)

    def values(self) -> Iterable[Choice]:
        return [(name, name) for name in sorted({name for _, name, _ in versions()})]


class Version(Asked):
    title, names = "version", ("version",)

    def values(self) -> Iterable[Choice]:
        return [(str(key), f"{name} v{number}") for key, name, number in versions()][:MOST_TICKED]


class Tenant(Asked):
    title, names = "tenant", ("tenant",)
    hint = "Several are separated by commas"

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._known = tenants()
        if len(self._known) > MOST_TICKED:
            self.look = "text"  # type: ignore[misc]  # of this one

    def values(self) -> Iterable[Choice]:
        return [(name, name) for name in self._known]


class Queue(Asked):
    title, names = "queue", ("queue",)

    def values(self) -> Iterable[Choice]:
        return [(name, f"{name}: {POOLS[name].says}") for name in STEP_POOLS]


class Owner(Asked):
    title, names, look = "started by", ("owner",), "text"
    hint = "As api:shop; several are separated by commas"


class Started(Asked):
    title, names, look, kind = "started (UTC)", ("since", "until"), "range", "datetime-local"
    labels = {"since": "From", "until": "Before"}


class Ended(Asked):
    title, names, look = "ended (UTC)", ("ended_since", "ended_until"), "range"
    kind = "datetime-local"
    labels = {"ended_since": "From", "ended_until": "Before"}


class Cost(Asked):
    title, names, look, kind = "cost in dollars", ("cost_min", "cost_max"), "range", "number"
    labels = {"cost_min": "At least", "cost_max": "At most"}


class Alike(Asked):
    """Where a group of failures links to."""

    title, names, look = "failed alike", ("group",), "text"
    hint = "The fingerprint of a failure group"


ALL = (View, State, Verdict, Workflow, Tenant, Started, Ended, Owner, Queue, Version, Cost, Alike)


def _for_input(name: str, held: str) -> str:
    """A moment as the browser's own field writes it; nothing where it is none."""
    try:
        return f"{choose.moment(name, held).astimezone(UTC):%Y-%m-%dT%H:%M:%S}" if held else ""
    except choose.WrongFilter:
        return ""


def versions() -> list[tuple[int, str, int]]:
    """The versions of all workflows, the newest of each first."""
    found: list[tuple[int, str, int]] | None = cache.get("aiops.runs.versions")
    if found is None:
        rows = WorkflowVersion.objects.order_by("name", "-version", "-id")
        found = list(rows.values_list("id", "name", "version"))
        cache.set("aiops.runs.versions", found, KEPT_S)
    return found


def tenants() -> list[str]:
    """The tenants of the newest runs, in order."""
    found: list[str] | None = cache.get("aiops.runs.tenants")
    if found is None:
        newest = Run.objects.order_by("-created_at")[:NEWEST_RUNS]
        found = newest.aggregate(names=ArrayAgg("tenant", distinct=True))["names"] or []
        cache.set("aiops.runs.tenants", found, KEPT_S)
    return found
