"""Events in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from aiops.admin.page import words
from aiops.admin.page.amounts import count
from aiops.admin.page.reading import Happening


@dataclass(frozen=True, slots=True)
class Told:
    """An event, as a line."""

    id: int
    at: datetime
    sentence: str
    icon: str
    tone: str
    actor: str


#: Kinds beside those of run states: what happened (of {step}), the icon, the tone.
_KINDS: dict[str, tuple[str, str, str]] = {
    "run.accepted": ("Accepted", "radio_button_checked", "slate"),
    "run.paused": ("Paused", "pause", "orange"),
    "run.resumed": ("Goes on after a pause", "play_arrow", "orange"),
    "run.retried": ("Retried {steps}", "replay", "orange"),
    "run.retried_from": ("Retried from {step_name}", "replay", "orange"),
    "run.replays": ("Replays an earlier run", "restart_alt", "slate"),
    "step.succeeded": ("{step} finished", "check_circle", "green"),
    "step.failed": ("{step}: attempt failed", "error", "red"),
    "step.submitted": ("{step} has submitted a job, and waits for it", "outbound", "blue"),
    "step.parked": ("{step} is held up by its provider", "hourglass_top", "amber"),
    "step.worker_lost": ("{step}: its worker was lost", "link_off", "orange"),
    "step.in_doubt": ("{step} may have gone out: the outside is asked", "policy", "orange"),
    "step.taken_away": ("{step} was taken away", "block", "slate"),
    "step.skipped": ("{step} skipped", "skip_next", "orange"),
    "step.supplied": ("{step}: result given by hand", "edit_note", "orange"),
    "step.undoing": ("{step} is being taken back", "undo", "amber"),
    "map.begun": ("{step} began", "stacks", "slate"),
    "escalation.opened": ("A person is asked", "flag", "orange"),
    "escalation.answered": ("Answered: {answer}", "front_hand", "violet"),
    "escalation.claimed": ("Taken", "person", "orange"),
    "run.taken_away": ("Stopped at once", "block", "slate"),
    "escalation.asked": ("A person is asked", "flag", "orange"),
    "escalation.taken": ("Question taken by {owner}", "person", "orange"),
    "escalation.approved": ("Approved, one of several", "front_hand", "violet"),
    "escalation.closed": ("Question closed", "inbox", "slate"),
    "escalation.reminded": ("Reminded", "notifications", "slate"),
    "escalation.handed_up": ("Handed up", "flag", "orange"),
    "workflow.paused": ("Workflow paused", "pause", "orange"),
    "workflow.resumed": ("Workflow goes on", "play_arrow", "orange"),
    "pool.paused": ("Pool paused", "pause", "orange"),
    "pool.resumed": ("Pool goes on", "play_arrow", "orange"),
    "bulk.confirmed": ("Bulk job begun: {verb}", "stacks", "orange"),
    "bulk.applied": ("{verb}, in bulk", "stacks", "orange"),
    "bulk.stopped": ("Bulk job stopped: {verb}", "block", "orange"),
    "bulk.done": ("Bulk job done: {verb}", "task_alt", "slate"),
    "failures.taken": ("Group of failures taken", "person", "orange"),
    "failures.resolved": ("Group of failures resolved", "task_alt", "green"),
    "failures.ignored": ("Group of failures ignored", "notifications_off", "slate"),
    "failures.reopened": ("Group of failures opened again", "flag", "orange"),
    "budget.raised": ("Budget raised", "payments", "orange"),
    "budget.changed": ("Budget changed", "payments", "orange"),
    "budget.declared": ("Budget set", "payments", "slate"),
    "api_key.made": ("API key made: {name}", "vpn_key", "orange"),
    "api_key.rotated": ("API key rotated: {name}", "autorenew", "orange"),
    "api_key.changed": ("API key changed: {name}", "tune", "orange"),
    "api_key.revoked": ("API key revoked: {name}", "block", "red"),
    "schedule.made": ("Schedule made", "event", "orange"),
    "schedule.changed": ("Schedule changed", "event", "orange"),
    "schedule.deleted": ("Schedule deleted", "event", "red"),
    "webhook.changed": ("Webhook {about}", "webhook", "orange"),
    "trigger.made": ("Trigger made", "bolt", "orange"),
    "trigger.changed": ("Trigger changed", "bolt", "orange"),
    "trigger.activated": ("Trigger activated", "play_arrow", "orange"),
    "trigger.paused": ("Trigger paused", "pause", "orange"),
    "trigger.deleted": ("Trigger deleted", "bolt", "red"),
    "event.tried_again": ("An event was tried again", "replay", "orange"),
    "schedule.paused": ("Schedule paused", "pause", "orange"),
    "schedule.resumed": ("Schedule goes on", "play_arrow", "orange"),
    "schedule.started": ("Started by schedule {name}, due {due_at}", "event_repeat", "slate"),
    "schedule.queued": ("Started by schedule {name}, due {due_at}", "low_priority", "violet"),
    "schedule.skipped": ("Schedule {name} skipped {due_at}", "skip_next", "slate"),
    "schedule.missed": ("Schedule {name} missed {number} due times", "event_busy", "amber"),
    "schedule.refused": ("Schedule {name} was refused", "error", "red"),
    "schedule.backfilled": ("Back-fill of {number} due times begun", "history", "orange"),
    "schedule.backfill_stop": ("Back-fill stopped", "block", "orange"),
    "schedule.backfill_done": ("Back-fill done", "task_alt", "slate"),
    "payload.viewed": ("Content was shown", "visibility", "slate"),
    "lane.held": ("Lane held", "hourglass_top", "amber"),
    "lane.stopped": ("Lane stopped", "block", "red"),
    "lane.probing": ("Lane tried out", "sync", "blue"),
    "lane.ramping": ("Lane resumed", "trending_up", "teal"),
    "lane.open": ("Lane open again", "check_circle", "green"),
    "lane.limited": ("Limits of a lane set", "tune", "slate"),
    "limbo.repaired": ("{step} was put right by the keeper", "build", "amber"),
}
_UNKNOWN = ("{kind}", "radio_button_checked", "slate")

#: What an event adds about itself; the first that is there.
_DETAILS = ("question", "message", "reason", "why", "note", "what")


def told(events: Sequence[Happening], names: Mapping[UUID, str]) -> list[Told]:
    """Tell events; `names` are those of the run's steps."""
    return [_told(event, names) for event in events]


def _told(event: Happening, names: Mapping[UUID, str]) -> Told:
    found = plain(event, names)
    return replace(found, sentence=found.sentence + _detail(event))


def plain(event: Happening, names: Mapping[UUID, str]) -> Told:
    """Tell an event without what it adds about itself."""
    sentence, icon, tone = _kind(event.kind)
    step = str(event.data.get("name") or (names.get(event.step, "") if event.step else ""))
    said = sentence.format_map(_Words(event.data, kind=event.kind, step=step or "A step"))
    return Told(event.id, event.at, said, icon, tone, event.actor)


def word(kind: str) -> str:
    """A kind of event, where nothing is known of any one."""
    return _kind(kind)[0].format_map(_Words({}, kind=kind, step="A step"))


def reason(data: Mapping[str, Any]) -> str:
    """Why somebody did it, or what they were shown, in their own words; "" where nothing is said."""
    return next(
        (str(data[name]) for name in ("reason", "why", "note", "what") if data.get(name)), ""
    )


def _kind(kind: str) -> tuple[str, str, str]:
    place, _, state = kind.partition(".")
    if place == "run" and kind not in _KINDS and state in words.RUN:
        look = words.RUN[state]
        return f"The run: {look.word.lower()}", look.icon, look.tone
    return _KINDS.get(kind, _UNKNOWN)


def _detail(event: Happening) -> str:
    if event.kind == "map.begun":
        return f" with {count(int(event.data.get('items') or 0), 'item')}"
    if event.kind == "step.succeeded" and (checks := event.data.get("checks")):
        return f" – passed {', '.join(dict.fromkeys(one['check'] for one in checks))}"
    found = next((event.data[name] for name in _DETAILS if event.data.get(name)), "")
    return f" – {found}" if found else ""


class _Words(dict[str, str]):
    """What a sentence may name; what an event of an older time lacks is left open."""

    def __init__(self, data: Mapping[str, Any], *, kind: str, step: str) -> None:
        flat = {name: _flat(value) for name, value in data.items()}
        super().__init__({**flat, "kind": kind, "step": step})

    def __missing__(self, key: str) -> str:
        return "…"


def _flat(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return str(value).replace("_", " ")
