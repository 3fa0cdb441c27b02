"""The lanes, as their page shows them: state, use and limits, who waits in line, what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString

from aiops.admin.page.amounts import count, from_now, rough
from aiops.admin.page.svg import rect, tag
from aiops.admin.page.words import Look
from aiops.execution.line import Line, lines
from aiops.models import EscalationState, Event, Lane, LaneCause, LaneState
from aiops.providers import limits
from aiops.providers.admission import limits_of
from aiops.providers.lane import Limits
from aiops.providers.limits import Use

#: More lanes than this are a mistake in the settings; the page stays fast.
MOST = 50
#: Of what happened, so much is shown for each lane, out of so many newest events.
MOST_TOLD = 6
RECENT = 300
_METER_WIDTH = 120.0

LOOKS: dict[str, Look] = {
    LaneState.OPEN: Look("Open", "check_circle", "green"),
    LaneState.HELD: Look("Held", "hourglass_top", "amber"),
    LaneState.STOPPED: Look("Stopped", "block", "red"),
    LaneState.PROBING: Look("Trying it out", "sync", "blue"),
    LaneState.RAMPING: Look("Picking up again", "trending_up", "teal"),
}
#: The states that a person must see first.
_ORDER = (
    LaneState.STOPPED,
    LaneState.HELD,
    LaneState.PROBING,
    LaneState.RAMPING,
    LaneState.OPEN,
)


@dataclass(frozen=True, slots=True)
class Gauge:
    """What is used of one limit."""

    label: str
    used: str
    #: "of 600 a minute", or that there is no limit.
    limit: str
    meter: SafeString


@dataclass(frozen=True, slots=True)
class Moment:
    """A move of a lane, as a line."""

    look: Look
    sentence: str
    at: datetime
    age: str


@dataclass(frozen=True, slots=True)
class Card:
    """One lane, as the page shows it."""

    name: str
    look: Look
    #: Why it is not open, and what happens next; "" for an open lane without a line.
    why: str
    next: str
    since: datetime
    age: str
    gauges: Sequence[Gauge]
    limits_note: str
    waiting: str
    oldest: str
    question: str
    moments: Sequence[Moment]
    #: The verbs that make sense now: name, label, icon.
    verbs: Sequence[tuple[str, str, str]]


def build() -> dict[str, Any]:
    """Everything the page shows, in three queries and one look at Redis for each lane."""
    now = timezone.now()
    found = Lane.objects.select_related("question").order_by("name")[:MOST]
    waiting, told = lines(), _moments(now)
    uses = {lane.name: limits.look(lane.name, limits_of(lane)) for lane in found}
    in_order = sorted(found, key=lambda lane: (_ORDER.index(LaneState(lane.state)), lane.name))
    return {
        "lanes": [
            card(lane, uses[lane.name], waiting.get(lane.name), told.get(lane.name, ()), now)
            for lane in in_order
        ],
        "has_counts": all(use.is_known for use in uses.values()),
    }


def card(
    lane: Lane, use: Use, waiting: Line | None, moments: Sequence[Moment], now: datetime
) -> Card:
    """One lane in words."""
    most = limits_of(lane)
    return Card(
        name=lane.name,
        look=LOOKS[lane.state],
        why=_why(lane),
        next=_next(lane, waiting, now),
        since=lane.since,
        age=rough((now - lane.since).total_seconds()),
        gauges=_gauges(most, use),
        limits_note="set by a person" if lane.own_limits else "",
        waiting=_waiting(waiting),
        oldest=_oldest(waiting, now),
        question=_question(lane),
        moments=moments,
        verbs=verbs(lane.state),
    )


def verbs(state: str) -> Sequence[tuple[str, str, str]]:
    """What a person may do to a lane in this state, the right thing first."""
    resume = ("resume", "Resume", "play_arrow")
    hold, stop = ("hold", "Hold until", "hourglass_top"), ("stop", "Stop", "block")
    limit = ("limit", "Limits", "tune")
    match state:
        case LaneState.STOPPED:
            return (resume, limit)
        case LaneState.HELD | LaneState.PROBING:
            return (resume, stop, limit)
        case _:
            return (hold, stop, limit)


def _why(lane: Lane) -> str:
    if lane.state == LaneState.OPEN:
        return ""
    # What the provider said tells the cause too.
    said = lane.reason or (lane.get_cause_display() if lane.cause else "")
    return f"{lane.who}: {said}" if lane.who and said else said


def _next(lane: Lane, waiting: Line | None, now: datetime) -> str:
    steps = waiting.steps if waiting else 0
    match lane.state:
        case LaneState.STOPPED:
            return "Nothing passes until a person resumes it. No step fails meanwhile."
        case LaneState.HELD if lane.held_until is not None:
            when = from_now(lane.held_until, now) if lane.held_until > now else "at once"
            if lane.cause == LaneCause.FAILING:
                return f"A few calls try it out {when}. No attempt is used up meanwhile."
            return f"Goes on by itself {when}."
        case LaneState.PROBING:
            told = f"{lane.probes_answered} of {lane.probes} answered so far"
            return f"A few calls try whether the provider answers: {told}."
        case LaneState.RAMPING if steps:
            return "A few steps go on at first, then more and more."
        case LaneState.OPEN if steps:
            return "Its limits are used up: who waits in line goes on as room comes."
        case _:
            return ""


def _gauges(most: Limits, use: Use) -> list[Gauge]:
    window = "a minute" if most.window_s == 60 else f"in {most.window_s:g} s"
    return [
        _gauge("Requests", use.requests, most.requests, window, is_known=use.is_known),
        _gauge("Tokens", use.tokens, most.tokens, window, is_known=use.is_known),
        _gauge("In flight", use.in_flight, most.concurrency, "at once", is_known=use.is_known),
    ]


def _gauge(label: str, used: int, most: int, per: str, *, is_known: bool) -> Gauge:
    return Gauge(
        label=label,
        used=f"{used:,}" if is_known else "not known",
        limit=f"of {most:,} {per}" if most else "no limit",
        meter=_meter(min(1.0, used / most)) if most and is_known else SafeString(""),
    )


def _meter(share: float) -> SafeString:
    """How much of a limit is used; the words beside it say it too."""
    return tag(
        "svg",
        rect(0, 0, _METER_WIDTH, 6, "track"),
        rect(0, 0, _METER_WIDTH * share, 6, "fill full" if share >= 0.9 else "fill"),
        class_="cx-meter",
        viewBox=f"0 0 {_METER_WIDTH:g} 6",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _waiting(waiting: Line | None) -> str:
    if waiting is None or not waiting.steps:
        return "nobody"
    runs = "" if waiting.runs == waiting.steps else f" of {count(waiting.runs, 'run')}"
    return f"{count(waiting.steps, 'step')}{runs}"


def _oldest(waiting: Line | None, now: datetime) -> str:
    if waiting is None or waiting.oldest is None:
        return ""
    return f"the oldest for {rough((now - waiting.oldest).total_seconds())}"


def _question(lane: Lane) -> str:
    asked = lane.question
    if asked is None or asked.state != EscalationState.OPEN:
        return ""
    return reverse("admin:aiops_escalation_change", args=[asked.id])


def _moments(now: datetime) -> dict[str, list[Moment]]:
    """The newest moves of all lanes, by lane."""
    events = Event.objects.filter(run=None, kind__startswith="lane.").order_by("-id")
    found: dict[str, list[Moment]] = {}
    for kind, actor, data, at in events.values_list("kind", "actor", "data", "at")[:RECENT]:
        moments = found.setdefault(str(data.get("lane", "")), [])
        if len(moments) < MOST_TOLD:
            moments.append(_moment(kind, actor, data, at, now))
    return found


def _moment(kind: str, actor: str, data: Mapping[str, Any], at: datetime, now: datetime) -> Moment:
    look = LOOKS.get(kind.removeprefix("lane."), Look("Limits changed", "tune", "slate"))
    by = f"{look.word} by {actor}" if actor else look.word
    reason = str(data.get("reason") or "").rstrip(". ")
    sentence = f"{by}: {reason}." if reason else f"{by}."
    return Moment(look, sentence, at, from_now(at, now))


# The version: one query

_VERSION = """
SELECT (SELECT (count(*), max(since), max(probes), max(probes_answered), count(line_at),
        count(question_id))::text FROM aiops_lane),
    (SELECT string_agg(state || own_limits::text, ',' ORDER BY name) FROM aiops_lane),
    (SELECT (count(*), max(since))::text FROM aiops_step WHERE reason = 'lane')
"""
#: Ages, and what Redis counts, are looked at anew after this long.
AGES_S = 10


def version(user_id: int) -> str:
    """The version of the page for one user, who cannot make it without having been shown it."""
    with connection.cursor() as cursor:
        cursor.execute(_VERSION)
        seen = cursor.fetchone()
    bucket = int(timezone.now().timestamp() // AGES_S)
    return salted_hmac(
        "aiops.admin.lanes", repr((user_id, bucket, seen)), algorithm="sha256"
    ).hexdigest()[:32]
