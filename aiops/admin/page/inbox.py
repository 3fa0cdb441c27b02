"""The inbox: the questions that wait for people, the most urgent first, and those that are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    F,
    Func,
    IntegerField,
    Max,
    Q,
    QuerySet,
    Sum,
    TextField,
    When,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils.crypto import salted_hmac

from aiops.admin.page import asking
from aiops.admin.page.amounts import clipped, rough
from aiops.admin.page.asking import Due
from aiops.admin.page.words import Look
from aiops.execution import people
from aiops.execution.urgency import OVER
from aiops.models import SEVERITIES, Escalation, EscalationKind, EscalationState
from aiops.models.beginning import ids_beginning

PER_PAGE = 25
#: Resolved questions are counted up to here.
MOST_COUNTED = 1000
#: The times in the list are redrawn after this long at the latest.
AGES_S = 60
_SHORTEST_ID = 8
_LONGEST_EVIDENCE = 160

VIEWS: dict[str, str] = {"open": "Open", "mine": "Mine", "resolved": "Resolved"}
#: What can be filtered by: the parameter of the address, the column, and its name.
FILTERS: dict[str, tuple[str, str]] = {
    "kind": ("kind", "Kind"),
    "group": ("group", "Group"),
    "owner": ("owner", "Owner"),
    "workflow": ("run__workflow", "Workflow"),
}
#: The value of a filter that stands for "".
NOBODY = "-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to see; the address says all of it."""

    view: str = "open"
    #: (parameter, value) of the filters that are set.
    filters: tuple[tuple[str, str], ...] = ()
    search: str = ""
    run: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        view, page = query.get("view", ""), query.get("page", "")
        return cls(
            view=view if view in VIEWS else "open",
            filters=tuple((name, query[name]) for name in FILTERS if query.get(name)),
            search=query.get("q", "").strip(),
            run=query.get("run") or query.get("run__id__exact") or "",
            page=int(page) if page.isdecimal() and int(page) > 0 else 1,
        )

    @property
    def query(self) -> str:
        given = {
            "view": self.view if self.view != "open" else "",
            **dict(self.filters),
            "q": self.search,
            "run": self.run,
            "page": self.page if self.page > 1 else "",
        }
        return urlencode({name: value for name, value in given.items() if value})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.filters or self.search or self.run)

    def at(self, **changed: Any) -> str:
        """The address of the same list with something else wanted."""
        other: Wanted = replace(self, **{"page": 1, **changed})
        return f"?{other.query}"


@dataclass(frozen=True, slots=True)
class Line:
    """A question, as a line of the list."""

    id: UUID
    severity: Look
    question: str
    evidence: str
    run_id: UUID
    run: str
    workflow: str
    waiting: str
    due: Due
    due_at: datetime | None
    owner: str
    group: str
    #: What became of it; "" while it is open.
    outcome: str


def build(wanted: Wanted, user: str, now: datetime) -> dict[str, Any]:
    """Everything the list shows, in four queries."""
    found = narrowed(wanted, user)
    total = found.order_by()[: MOST_COUNTED + 1].count()
    last = max(-(-total // PER_PAGE), 1)
    wanted = replace(wanted, page=min(wanted.page, last))
    begin = (wanted.page - 1) * PER_PAGE
    problem = KeyTextTransform("message", "step__error")
    rows = found.values(*_COLUMNS, problem=problem)[begin : begin + PER_PAGE]
    return {
        "wanted": wanted,
        "lines": [_line(row, now) for row in rows],
        "tabs": _tabs(wanted, user),
        "filters": _filters(wanted),
        "total": total,
        "has_more": total > MOST_COUNTED,
        "pages": last,
        "before": wanted.at(page=wanted.page - 1) if wanted.page > 1 else "",
        "after": wanted.at(page=wanted.page + 1) if wanted.page < last else "",
        "clear": replace(wanted, filters=(), search="", run="").at(),
        "is_open": wanted.view != "resolved",
    }


def narrowed(wanted: Wanted, user: str) -> QuerySet[Escalation]:
    """The questions of a view in their order, as far as the filters let them through."""
    found = _ordered(wanted.view, user)
    for name, value in wanted.filters:
        found = found.filter(**{FILTERS[name][0]: "" if value == NOBODY else value})
    if wanted.run:
        span = ids_beginning(wanted.run, _SHORTEST_ID)
        found = found.filter(_of_run(span)) if span else found.none()
    return found.filter(_matches(wanted.search)) if wanted.search else found


def _ordered(view: str, user: str) -> QuerySet[Escalation]:
    if view == "resolved":
        over = Escalation.objects.filter(~Q(state=EscalationState.OPEN))
        return over.order_by(Coalesce("answered_at", "closed_at").desc(), "-id")
    found = Escalation.objects.filter(state=EscalationState.OPEN)
    if view == "mine":
        found = found.filter(owner=user)
    rank = Case(
        *(When(severity=severity, then=place) for place, severity in enumerate(SEVERITIES)),
        output_field=IntegerField(),
    )
    is_late = Case(When(due_at__lt=_now(), then=0), default=1, output_field=IntegerField())
    return found.order_by(is_late, rank, F("due_at").asc(nulls_last=True), "opened_at", "id")


def _now() -> Func:
    return Func(function="statement_timestamp", template="%(function)s()")


def _of_run(span: tuple[UUID, UUID]) -> Q:
    # A foreign key knows no range.
    return Q(run_id__gte=span[0], run_id__lte=span[1])


def _matches(text: str) -> Q:
    span = ids_beginning(text, _SHORTEST_ID)
    if span is not None:
        return Q(id__range=span) | _of_run(span)
    return Q(question__icontains=text) | Q(run__title__icontains=text)


_COLUMNS = (
    *("id", "severity", "question", "kind", "state", "answer", "answered_by", "answered_at"),
    *("closed_at", "closed_why", "people", "approvals", "group", "owner", "opened_at", "due_at"),
    *("run_id", "run__title", "run__workflow", "run__version__version", "step__name"),
    "step__item",
)


def _line(row: Mapping[str, Any], now: datetime) -> Line:
    is_open = row["state"] == EscalationState.OPEN
    end = now if is_open else row["answered_at"] or row["closed_at"] or now
    return Line(
        id=row["id"],
        severity=asking.SEVERITY[row["severity"]],
        question=row["question"],
        evidence=_evidence(row, is_open=is_open),
        run_id=row["run_id"],
        run=row["run__title"] or row["run__workflow"],
        workflow=f"{row['run__workflow']} v{row['run__version__version']}",
        waiting=rough((end - row["opened_at"]).total_seconds()),
        due=asking.due(row["opened_at"], row["due_at"], now),
        due_at=row["due_at"],
        owner=row["owner"],
        group=row["group"],
        outcome=""
        if is_open
        else asking.outcome(row["state"], row["answer"], row["answered_by"], row["closed_why"]),
    )


def _evidence(row: Mapping[str, Any], *, is_open: bool) -> str:
    """The kind, and what tells most about it."""
    item = "" if row["step__item"] is None else f"[{row['step__item']}]"
    parts = [
        str(EscalationKind(row["kind"]).label),
        f"{row['step__name']}{item}" if row["step__name"] else "",
        people.told(row["approvals"], row["people"]),
        _problem(str(row.get("problem") or ""), row["question"]) if is_open else "",
    ]
    return clipped(" · ".join(part for part in parts if part), _LONGEST_EVIDENCE)


def _problem(said: str, question: str) -> str:
    """What the step's error says, unless the question has said it."""
    return "" if said in question else said


def _tabs(wanted: Wanted, user: str) -> list[tuple[str, str, str, bool]]:
    """Each view with its name, its number, its address, and whether it is shown."""
    is_mine = Q(owner=user)
    rows = Escalation.objects.filter(state=EscalationState.OPEN)
    counted = rows.aggregate(open=Count("id"), mine=Count("id", filter=is_mine))
    over = Escalation.objects.filter(state__in=OVER).values("id")[: MOST_COUNTED + 1].count()
    told = {**counted, "resolved": over}
    return [
        (label, _number(told[view]), wanted.at(view=view), view == wanted.view)
        for view, label in VIEWS.items()
    ]


def _number(counted: int) -> str:
    return f"{MOST_COUNTED:,}+" if counted > MOST_COUNTED else f"{counted:,}"


def _filters(wanted: Wanted) -> list[dict[str, Any]]:
    """What can be chosen, of the open questions; what is chosen stays choosable."""
    columns = [column for column, _ in FILTERS.values()]
    rows = list(
        Escalation.objects.filter(state=EscalationState.OPEN)
        .order_by()
        .values_list(*columns)
        .distinct()[:MOST_COUNTED]
    )
    given = dict(wanted.filters)
    return [
        {
            "name": name,
            "label": label,
            "choices": _choices(name, {row[place] for row in rows}, given.get(name, "")),
        }
        for place, (name, (_, label)) in enumerate(FILTERS.items())
    ]


def _choices(name: str, values: set[str], given: str) -> list[tuple[str, str, bool]]:
    found = {value or NOBODY for value in values} | ({given} if given else set())
    return sorted(
        ((value, _named(name, value), value == given) for value in found), key=lambda one: one[1]
    )


def _named(name: str, value: str) -> str:
    if value == NOBODY:
        return "Nobody" if name == "owner" else "None"
    return str(dict(EscalationKind.choices).get(value, value)) if name == "kind" else value


def version(user_id: int, query: str, now: datetime) -> str:
    """What changes when the list does: a poll that brings the same is answered with nothing.

    Nobody can make it without having been shown the list.
    """
    row = Concat(
        *(Cast(name, TextField()) for name in ("id", "owner", "reminders", "approvals")),
        output_field=TextField(),
    )
    is_open = Q(state=EscalationState.OPEN)
    seen = Escalation.objects.filter(is_open).aggregate(
        number=Count("id"),
        sum=Sum(Cast(Func(row, function="hashtext"), IntegerField())),
        newest=Max("opened_at"),
    )
    minute = int(now.timestamp() // AGES_S)
    text = repr((user_id, query, minute, *seen.values()))
    return salted_hmac("aiops.admin.inbox", text, algorithm="sha256").hexdigest()[:32]
