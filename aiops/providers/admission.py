"""The layer of lanes around every call: may it go, what does its end say, what follows for the lane."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from aiops.flow.errors import LaneHeld, LaneStopped, RateLimited, StepError
from aiops.models import Lane, LaneCause, LaneState, lane_moves
from aiops.providers import breaker, limits
from aiops.providers.breaker import Hold, Reaction, Sign, Stop, Tally
from aiops.providers.calling import Call, Next, Raw
from aiops.providers.exchange import RawAnswer
from aiops.providers.lane import (
    INTERACTIVE_SHARE,
    PROBES,
    Limits,
    Pass,
    Refuse,
    View,
    Wait,
    door,
)
from aiops.providers.limits import Denied, Entry

#: A call that its own time limit did not end is counted as over after this much more.
LEASE_MARGIN_S = 30.0


def around(call: Call, go: Next) -> Raw:
    """Make a call if its lane lets it; tell the lane how it ended."""
    lane = lane_moves.known(call.address.lane, call.address.limits.to_json())
    is_probe = _may_pass(lane, call)
    entered = _Entered(lane.name, _entry(lane, call), is_probe, _signs_s(lane))
    try:
        raw = go()
    except StepError as error:
        told = entered.failed(error)
        if told is error:
            raise
        raise told from None
    except BaseException:
        limits.leave(lane.name, entered.entry, "none", tokens=None)
        raise
    entered.answered(raw)
    return raw


def refused(error: LaneStopped) -> None:
    """Stop a lane whose address could not even be read."""
    lane_moves.known(error.lane, {})
    lane_moves.stop(error.lane, cause=error.kind, reason=str(error))


def limits_of(lane: Lane) -> Limits:
    """What holds for a lane: what a person has set, else what the settings declare."""
    return Limits.of({**lane.declared, **lane.own_limits})


def _may_pass(lane: Lane, call: Call) -> bool:
    """Raise unless the call may go. Returns whether it is a probe."""
    view = View(
        state=lane.state,
        held_until=lane.held_until,
        reason=lane.reason,
        cause=lane.cause,
        line=lane.line,
        line_at=lane.line_at,
    )
    who = call.caller
    match door(view, priority=who.priority, has_waited=who.has_waited, now=timezone.now()):
        case Pass(is_probe):
            if is_probe and not lane_moves.take_probe(lane.name, PROBES):
                trying = "a few calls are trying out whether its provider answers"
                raise _held(lane.name, trying, code=LaneCause.FAILING)
            return is_probe
        case Wait(why, until):
            is_failing = lane.state == LaneState.HELD and lane.cause == LaneCause.FAILING
            raise _held(lane.name, why, until, LaneCause.FAILING if is_failing else "")
        case Refuse(kind, why):
            raise _about(lane.name, LaneStopped(f"The lane is stopped: {why}", kind=kind))


def _signs_s(lane: Lane) -> float:
    """A lane that picks up again is not judged by the calls before."""
    if lane.state != LaneState.RAMPING:
        return breaker.WINDOW_S
    return min(breaker.WINDOW_S, (timezone.now() - lane.since).total_seconds() + 1)


def _held(name: str, why: str, until: datetime | None = None, code: str = "") -> StepError:
    told = f"The lane lets nothing through now: {why}"
    return _about(name, LaneHeld(told, until=until, code=str(code)))


def _entry(lane: Lane, call: Call) -> Entry:
    """Take a place under the limits. Raises LaneHeld when there is none."""
    most = limits_of(lane)
    if call.caller.priority == "batch":
        most = most.shared(1 - INTERACTIVE_SHARE)
    found = limits.enter(
        lane.name,
        most,
        tokens=call.tokens_in + call.max_tokens,
        lease_s=call.timeout_s + LEASE_MARGIN_S,
    )
    if isinstance(found, Denied):
        raise _held(lane.name, f"its {found.what} are used up for {found.after_s:.1f} s")
    return found


@dataclass(frozen=True, slots=True)
class _Entered:
    """A call that is on its way."""

    lane: str
    entry: Entry
    is_probe: bool
    #: How far back the ends of other calls count.
    signs_s: float

    def answered(self, raw: Raw) -> None:
        """Count an answer, with the tokens that it really used."""
        used = raw.tokens_in + (raw.tokens_out if isinstance(raw, RawAnswer) else 0)
        self._leave("ok", used or None)
        self._tell_probe()

    def failed(self, error: StepError) -> StepError:
        """Count a failure and do to the lane what it calls for. Returns what the step is told."""
        sign = breaker.sign_of(error)
        used = 0 if error.sent == "no" else None
        tally = self._leave(sign, used)
        reaction = breaker.react(error, tally, is_probe=self.is_probe, now=timezone.now())
        self._act(reaction, str(error))
        if sign == "ok":
            self._tell_probe()
        if breaker.burns_none(error, is_probe=self.is_probe):
            return _about(self.lane, LaneHeld(str(error), code=error.code))
        if isinstance(reaction, Stop) and not isinstance(error, LaneStopped):
            error = LaneStopped(str(error), kind=reaction.cause, code=error.code, sent=error.sent)
        is_about_lane = isinstance(error, RateLimited | LaneStopped)
        return _about(self.lane, error) if is_about_lane else error

    def _act(self, reaction: Reaction, said: str) -> None:
        match reaction:
            case Hold(until, cause):
                lane_moves.hold(self.lane, until=until, cause=cause, reason=said)
            case Stop(cause):
                lane_moves.stop(self.lane, cause=cause, reason=said)

    def _leave(self, sign: Sign, tokens: int | None) -> Tally:
        return limits.leave(self.lane, self.entry, sign, tokens=tokens, window_s=self.signs_s)

    def _tell_probe(self) -> None:
        if self.is_probe:
            lane_moves.answer_probe(self.lane)


def _about(lane: str, error: StepError) -> StepError:
    """Let the step wait for its lane."""
    error.lane = lane
    return error
