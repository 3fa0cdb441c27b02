"""Steering a lane: what a person does to it, each with an event that says who and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from aiops.execution import lane_question
from aiops.execution.line import line
from aiops.execution.resume import NotPossible
from aiops.models import Lane, LaneCause, LaneState, lane_moves


def hold(name: str, *, until: datetime, actor: str, reason: str) -> None:
    """Let nothing through until then; it goes on by itself."""
    if until <= timezone.now():
        raise NotPossible("that time is over: give one that is still to come")
    moved = lane_moves.hold(
        _there(name).name, until=until, cause=LaneCause.PERSON, reason=reason, actor=actor
    )
    if not moved:
        raise NotPossible(f"{name} is stopped: resume it first")


def stop(name: str, *, actor: str, reason: str) -> None:
    """Let nothing through until a person resumes it. What is being asked right now is answered."""
    if not lane_moves.stop(_there(name).name, cause=LaneCause.PERSON, reason=reason, actor=actor):
        raise NotPossible(f"{name} is stopped already")


def resume(name: str, *, actor: str, reason: str = "") -> int:
    """Let a lane go on, its parked steps a few at a time. Returns how many wait for it."""
    with transaction.atomic():
        waiting = line(_there(name).name)
        lane_question.close(name, why=f"{actor or 'a person'} resumed the lane")
        stopped = (LaneState.HELD, LaneState.STOPPED, LaneState.PROBING)
        if not lane_moves.ramp(name, reason=reason, actor=actor, out_of=stopped):
            raise NotPossible(f"{name} is not held: it goes on by itself")
        return waiting.steps


def limit(name: str, own: Mapping[str, int], *, actor: str, reason: str) -> None:
    """Set limits in place of those that the settings declare."""
    if not lane_moves.limit(_there(name).name, own, actor=actor, reason=reason):
        raise NotPossible("these are its limits already")


def _there(name: str) -> Lane:
    lane = Lane.objects.filter(name=name).first()
    if lane is None:
        raise NotPossible(f"there is no lane {name!r}")
    return lane
