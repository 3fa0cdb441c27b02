"""Which runs are meant: the filters of a list of runs as one query, and in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.utils.dateparse import parse_date, parse_datetime

from aiops.execution.facts import STOPPED
from aiops.execution.failures import stopped_steps
from aiops.execution.found_first import found_first
from aiops.execution.search_runs import matching
from aiops.execution.verdict import WORDS
from aiops.execution.verdict_in_sql import judged
from aiops.models import Attempt, Run, RunState, Step, StepState, WorkflowVersion
from aiops.pools import POOLS

#: The views of the list: what each is called, and the states that it shows.
VIEWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "all": ("All", tuple(RunState.values)),
    "needs_you": ("Needs you", (RunState.ATTENTION, RunState.FAILED)),
    "active": (
        "Active",
        (RunState.QUEUED, RunState.RUNNING, RunState.RETRYING, RunState.CANCELLING),
    ),
    "waiting": ("Waiting", (RunState.WAITING,)),
    "failed": ("Failed", (RunState.FAILED,)),
    "finished": ("Finished", (RunState.CANCELLED, RunState.SUCCEEDED, RunState.PARTIAL)),
}

#: The words that were looked for.
SEARCH = "q"

#: What an address says about how a list is shown, not about which runs it lists.
_SHOWN_ONLY: frozenset[str] = frozenset({"p", "o", "e", "all", "v", "_facets", "_popup"})

#: How the bounds of a run's cost compare.
_COSTS = {"cost_min": "spent__gte", "cost_max": "spent__lte"}
#: The key of a row has fewer digits than this.
_MOST_DIGITS = 19
#: A sentence is as long as the record of a bulk job keeps it.
MOST_WORDS = 300


class WrongFilter(ValueError):
    """A filter is unknown, or says what it cannot: the message tells which, and what it takes.

    It is never left out: more runs would be meant than somebody chose.
    """


def chosen(params: Mapping[str, str]) -> QuerySet[Run]:
    """The runs that these filters mean, in no order. Raises WrongFilter."""
    return Run.objects.filter(conditions(params))


def conditions(params: Mapping[str, str]) -> Q:
    """What filters ask of a run together; what it cost is added up once. Raises WrongFilter."""
    wanted = _cost({name: text for name, text in params.items() if name in _COSTS})
    for name, text in params.items():
        if name not in _COSTS:
            wanted &= condition(name, text)
    return wanted


def condition(name: str, text: str) -> Q:
    """What one filter asks of a run; nothing when it is empty. Raises WrongFilter."""
    if name in _SHOWN_ONLY or not text.strip():
        return Q()
    if name not in _FILTERS:
        raise WrongFilter(f"There is no filter {name!r}: use one of {', '.join(_FILTERS)}.")
    if "\0" in text:
        raise WrongFilter(f"The filter {name} holds a character that no text has.")
    return _FILTERS[name][0](text.strip())


def is_empty(params: Mapping[str, str]) -> bool:
    """Whether these filters leave nothing out: every run there is would be meant."""
    return all(not text.strip() or _means_all(name, text) for name, text in params.items())


def in_words(params: Mapping[str, str]) -> str:
    """What these filters mean, for people: "Failed runs of support_reply, safe to retry"."""
    view = VIEWS.get(params.get("view", ""), VIEWS["all"])[0]
    head = f"{view} runs" if view != "Needs you" else "Runs that need you"
    told = [
        _FILTERS[name][1](params[name].strip())
        for name in _FILTERS
        if name != "view" and params.get(name, "").strip()
    ]
    sentence = ", ".join((head, *told))
    return sentence if len(sentence) <= MOST_WORDS else sentence[: MOST_WORDS - 1] + "…"


def values(text: str) -> list[str]:
    """The values of a filter that takes several."""
    return [value for value in (part.strip() for part in text.split(",")) if value]


def _means_all(name: str, text: str) -> bool:
    return name in _SHOWN_ONLY or (name == "view" and text.strip() == "all")


# What each filter asks of a run


def _view(text: str) -> Q:
    found = _known("view", [text], VIEWS)[0]
    return Q() if found == "all" else Q(state__in=VIEWS[found][1])


def _state(text: str) -> Q:
    return Q(state__in=_known("state__in", values(text), RunState.values))


def _verdict(text: str) -> Q:
    return found_first(judged(_known("verdict", values(text), WORDS)))


def _queue(text: str) -> Q:
    """A step of it stands in one of these pools. Each kind of standing has its small index."""
    pools = _known("queue", values(text), POOLS)
    standing = (
        Q(dispatch_due__isnull=False, state__in=(StepState.QUEUED, StepState.WAITING))
        | Q(lease_until__isnull=False, state=StepState.RUNNING)
        | Q(wake_at__isnull=False, state=StepState.RETRYING)
        | Q(state__in=STOPPED)
    )
    return found_first(
        Step.objects.filter(standing, pool__in=pools).order_by().values("run_id").distinct()
    )


def _version(text: str) -> Q:
    given = values(text)
    if not all(value.isdecimal() and len(value) < _MOST_DIGITS for value in given):
        raise WrongFilter(f"The filter version takes numbers of workflow versions, not {text!r}.")
    return Q(version__in=[int(value) for value in given])


def _alike(text: str) -> Q:
    """Runs that stand still with an error of these fingerprints, as the groups count them."""
    if not (marks := values(text)):
        raise WrongFilter("The filter group takes fingerprints of failure groups, and has none.")
    return found_first(stopped_steps(*marks).values("run_id").distinct())


def _cost(bounds: Mapping[str, str]) -> Q:
    """What all attempts of a run cost, as far as they say; what is unknown is not 0."""
    asked = {
        _COSTS[name]: int(_dollars(name, text.strip()) * 1_000_000)
        for name, text in bounds.items()
        if text.strip()
    }
    if not asked:
        return Q()
    spent = (
        Attempt.objects.filter(cost_microusd__isnull=False)
        .order_by()
        .values("run_id")
        .annotate(spent=Sum("cost_microusd"))
        .filter(**asked)
    )
    return found_first(spent.values("run_id"))


def _time(name: str, lookup: str) -> Callable[[str], Q]:
    return lambda text: Q(**{lookup: moment(name, text)})


def _one_of(lookup: str) -> Callable[[str], Q]:
    return lambda text: Q(**{lookup: values(text)})


def _known(name: str, given: Sequence[str], allowed: Any) -> list[str]:
    wrong = [value for value in given if value not in allowed]
    if wrong or not given:
        told = f"not {wrong[0]!r}" if wrong else "and has none"
        raise WrongFilter(f"The filter {name} takes {', '.join(map(str, allowed))}, {told}.")
    return list(given)


def moment(name: str, text: str) -> datetime:
    """A moment of an address: ISO, in UTC unless it says otherwise; a day is its beginning."""
    try:
        # A plus sign that was not escaped has come as a space.
        found = parse_datetime(text.replace(" ", "+") if "T" in text else text)
        if found is None and (day := parse_date(text)):
            found = datetime(day.year, day.month, day.day)
    except ValueError:
        found = None
    if found is None:
        raise WrongFilter(f"The filter {name} takes a time as 2026-11-22T14:00, not {text!r}.")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _dollars(name: str, text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > 1_000_000_000:
        raise WrongFilter(f"The filter {name} takes an amount of dollars as 0.25, not {text!r}.")
    return found


# What each filter is called


def _plain(head: str) -> Callable[[str], str]:
    return lambda text: f"{head} {' or '.join(values(text))}"


def _looked_up(head: str, words: Mapping[str, str]) -> Callable[[str], str]:
    return lambda text: f"{head} {' or '.join(words.get(v, v) for v in values(text))}"


def _versions_told(text: str) -> str:
    keys = [int(value) for value in values(text) if value.isdecimal() and len(value) < _MOST_DIGITS]
    rows = WorkflowVersion.objects.filter(id__in=keys).values_list("name", "version")
    return f"of version {' or '.join(f'{name} v{number}' for name, number in rows) or text}"


def _time_told(head: str) -> Callable[[str], str]:
    def told(text: str) -> str:
        return f"{head} {moment(head, text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    return told


#: Each filter: what it asks of a run, and what it is called.
_FILTERS: dict[str, tuple[Callable[[str], Q], Callable[[str], str]]] = {
    "view": (_view, _plain("in view")),
    "state__in": (
        _state,
        _looked_up("in state", {str(key): str(word) for key, word in RunState.choices}),
    ),
    "verdict": (_verdict, _looked_up("with the verdict", WORDS)),
    "workflow": (_one_of("workflow__in"), _plain("of workflow")),
    "version": (_version, _versions_told),
    "tenant": (_one_of("tenant__in"), _plain("for tenant")),
    "group": (_alike, _plain("that failed alike:")),
    "queue": (_queue, _plain("standing in pool")),
    "owner": (_one_of("started_by__in"), _plain("started by")),
    "since": (_time("since", "created_at__gte"), _time_told("started from")),
    "until": (_time("until", "created_at__lt"), _time_told("started before")),
    "ended_since": (_time("ended_since", "finished_at__gte"), _time_told("ended from")),
    "ended_until": (_time("ended_until", "finished_at__lt"), _time_told("ended before")),
    "cost_min": (lambda text: _cost({"cost_min": text}), lambda text: f"that cost ${text} or more"),
    "cost_max": (lambda text: _cost({"cost_max": text}), lambda text: f"that cost ${text} or less"),
    SEARCH: (matching, lambda text: f"matching “{text}”"),
}

#: The filters of an address.
NAMES: tuple[str, ...] = tuple(_FILTERS)
