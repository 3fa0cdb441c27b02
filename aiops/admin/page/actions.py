"""What people did, newest first: which of it is wanted, and each as a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.dateparse import parse_date, parse_datetime

from aiops.admin.page import happened
from aiops.admin.page.filtered import Filters
from aiops.admin.page.reading import Happening
from aiops.models import OperatorAction, Step

STARTED = "run.accepted"

#: Choices of the filters are those of so many newest actions.
RECENT = 2_000

#: What an action without a run is about: the first of these that its data has.
_ABOUT = ("about", "lane", "chosen", "fingerprint")


@dataclass(frozen=True, slots=True)
class Asked(Filters):
    """The filters of the page, as its address has them."""

    actor: str = ""
    kind: str = ""
    workflow: str = ""
    since: str = ""
    until: str = ""
    bulk: str = ""
    #: "settings": changes of users, groups and schedules.
    source: str = ""
    #: Only what is older than this id.
    before: str = ""

    @property
    def is_narrowed(self) -> bool:
        return bool(self.query(source="", before=""))


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody did, as a line."""

    id: int
    at: datetime
    actor: str
    what: str
    icon: str
    tone: str
    #: What it was done to, and the page of that; "" where there is none.
    about: str
    href: str
    reason: str
    kind: str
    bulk: str


def actions(asked: Asked, most: int) -> list[Action]:
    """The newest actions that are asked for."""
    if asked.source == "settings":
        return [_of_settings(entry) for entry in _settings(asked)[:most]]
    columns = ("run_id", "run__workflow", "run__title", *Happening.__dataclass_fields__)
    rows = list(_record(asked).values(*columns)[:most])
    names = _step_names(row["step"] for row in rows if row["step"] and "name" not in row["data"])
    return [_of_record(row, names) for row in rows]


def choices() -> dict[str, list[tuple[str, str]]]:
    """Who has acted lately, and in which ways."""
    newest = OperatorAction.objects.exclude(actor="").order_by("-id").values("kind", "actor")
    rows = newest[:RECENT]
    kinds, actors = {row["kind"] for row in rows}, {row["actor"] for row in rows}
    return {
        "actors": [(actor, actor) for actor in sorted(actors)],
        "kinds": sorted(((kind, happened.word(kind)) for kind in kinds), key=lambda pair: pair[1]),
    }


def _record(asked: Asked) -> QuerySet[OperatorAction]:
    # The very condition of the index `event_by_person`.
    found = OperatorAction.objects.exclude(actor="").order_by("-id")
    return found.filter(_narrowed(asked), _span(asked, "at"), _older(asked))


def _narrowed(asked: Asked) -> Q:
    wanted = Q()
    if asked.actor:
        wanted &= Q(actor=asked.actor)
    # Who started runs is a list of its own: it would drown what was done to them.
    wanted &= Q(kind=asked.kind) if asked.kind else ~Q(kind=STARTED)
    if asked.workflow:
        of_itself = Q(kind__startswith="workflow.", data__name=asked.workflow)
        wanted &= Q(run__workflow=asked.workflow) | of_itself
    if asked.bulk:
        wanted &= Q(data__job=asked.bulk)
    return wanted


def _settings(asked: Asked) -> QuerySet[LogEntry]:
    found = LogEntry.objects.select_related("user", "content_type").order_by("-id")
    actor = Q(user__username=asked.actor) if asked.actor else Q()
    return found.filter(actor, _span(asked, "action_time"), _older(asked))


def _span(asked: Asked, column: str) -> Q:
    """From the beginning of one day (or moment) to the end of another."""
    since, until = moment(asked.since), moment(asked.until, is_end=True)
    wanted = Q(**{f"{column}__gte": since}) if since else Q()
    return wanted & Q(**{f"{column}__lt": until}) if until else wanted


def moment(text: str, *, is_end: bool = False) -> datetime | None:
    """A day or a time of an address, in UTC; None for what is neither."""
    try:
        day = parse_date(text)
        found = parse_datetime(text) if day is None else datetime.combine(day, time(0), UTC)
    except ValueError:
        return None
    if found is None:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found + timedelta(days=1) if is_end and day is not None else found


def _older(asked: Asked) -> Q:
    return Q(id__lt=int(asked.before)) if asked.before.isascii() and asked.before.isdigit() else Q()


def _step_names(steps: Iterable[UUID]) -> dict[UUID, str]:
    found = Step.objects.filter(id__in=set(steps)).only("id", "name", "item")
    return {step.id: str(step) for step in found}


def _of_record(row: Mapping[str, Any], names: Mapping[UUID, str]) -> Action:
    event = Happening(**{name: row[name] for name in Happening.__dataclass_fields__})
    told = happened.plain(event, names)
    about, href = _about(row)
    return Action(
        *(event.id, event.at, event.actor, told.sentence, told.icon, told.tone, about, href),
        reason=happened.reason(event.data),
        kind=event.kind,
        bulk=str(event.data.get("job") or ""),
    )


def _about(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["run_id"]:
        title = row["run__title"] or row["run__workflow"] or "a run that is gone"
        return f"{title} {str(row['run_id'])[:13]}", reverse(
            "admin:aiops_run_change", args=[row["run_id"]]
        )
    place, data = row["kind"].partition(".")[0], row["data"]
    if found := next((str(data[name]) for name in _ABOUT if data.get(name)), ""):
        return found, ""
    name = data.get("name", "")
    href = reverse("admin:aiops_workflow_page", args=[name]) if place == "workflow" and name else ""
    return f"{place} {name}" if name else "", href


def _of_settings(entry: LogEntry) -> Action:
    verb = ("", "Added", "Changed", "Deleted")[entry.action_flag]
    kind = entry.content_type.name if entry.content_type else "something"
    url = entry.get_admin_url() if not entry.is_deletion() else None
    return Action(
        *(entry.id, entry.action_time, entry.user.get_username(), f"{verb} a {kind}"),
        *("settings", "slate", entry.object_repr, url or ""),
        reason=entry.get_change_message(),
        kind=verb.lower(),
        bulk="",
    )


def as_rows(found: Sequence[Action]) -> Iterator[tuple[str, ...]]:
    """The lines of a file, its head first."""
    yield ("id", "at", "who", "what", "kind", "about", "reason", "bulk")
    for one in found:
        told = (one.actor, one.what, one.kind, one.about, one.reason, one.bulk)
        yield (str(one.id), one.at.astimezone(UTC).isoformat(), *map(harmless, told))


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
