"""Routes: which model is asked instead of another, and when. Declared in the settings. Pure but for reading them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from aiops.flow.errors import (
    BudgetSpent,
    LaneHeld,
    LaneStopped,
    PermanentInput,
    RateLimited,
    StepError,
    Transient,
)
from aiops.providers.breaker import ABSENT

#: When a route may be taken.
WHEN = {
    "overloaded": "its provider is overloaded, fails, or is not there",
    "held": "its lane is held for longer than the step can wait",
    "stopped": "its lane is stopped (key, quota, address)",
    "refused": "the model or its filter refused to answer",
    "context_length": "the prompt is too long for it",
    "unusable": "this is the last repair of an answer that cannot be used",
}

#: Codes of a lane that is held because its provider fails.
_FAILING = ABSENT | {"failing"}

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Route:
    """Another model that may be asked."""

    to: str
    when: frozenset[str]
    #: A lane that is held for longer is not waited for; None: as long as the run's deadline allows.
    patience_s: float | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Route:
        """Read an entry of AIOPS_ROUTES; raises ValueError for what is no route."""
        if unknown := set(entry) - {"to", "when", "patience_s"}:
            raise ValueError(f"{', '.join(sorted(unknown))}: a route has to, when and patience_s")
        when = entry.get("when") or ()
        if not entry.get("to") or not when or isinstance(when, str):
            raise ValueError('a route needs a model and a list of conditions: "to" and "when"')
        if unknown := set(when) - set(WHEN):
            raise ValueError(f"{', '.join(sorted(unknown))}: the conditions are {', '.join(WHEN)}")
        patience_s = entry.get("patience_s")
        if patience_s is not None and not isinstance(patience_s, int | float):
            raise ValueError(f"patience_s={patience_s!r}: give seconds")
        return cls(entry["to"], frozenset(when), patience_s)


@dataclass(frozen=True, slots=True)
class Way:
    """Where a question goes: to the model that was asked for, or to another, and why."""

    alias: str
    why: str = ""


def declared(alias: str) -> tuple[Route, ...]:
    """The routes of a model; raises LaneStopped when they are written wrongly."""
    try:
        return tuple(Route.of(entry) for entry in _configured().get(alias, ()))
    except ValueError as error:
        raise LaneStopped(f"AIOPS_ROUTES[{alias!r}] is wrong: {error}.", kind="config") from None


def wrong(configured: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """What is wrong with AIOPS_ROUTES. Pure."""
    found = []
    for alias, entries in configured.items():
        for entry in entries:
            try:
                to = Route.of(entry).to
            except ValueError as error:
                found.append(f"AIOPS_ROUTES[{alias!r}]: {error}.")
                continue
            if to not in known:
                found.append(f"AIOPS_ROUTES[{alias!r}] leads to {to!r}, and no model is called so.")
    return found


def travel(
    alias: str,
    ask: Callable[[Way], R],
    *,
    is_unusable: bool = False,
    deadline_at: datetime | None = None,
) -> tuple[R, Way]:
    """Ask a model, or those that its routes lead to, each once. Returns the answer and who was asked."""
    routes = declared(alias)
    way = Way(alias)
    if is_unusable and (better := next((r for r in routes if "unusable" in r.when), None)):
        way = Way(better.to, "unusable")
    taken: list[Way] = []
    told: StepError | None = None
    while True:
        taken.append(way)
        try:
            return ask(way), way
        except StepError as error:
            told = error if told is None else graver(told, error)
            following = choose(routes, error, taken, now=datetime.now(UTC), deadline_at=deadline_at)
            if following is None:
                if told is error:
                    raise
                raise told from None
            way = following


def choose(
    routes: Sequence[Route],
    error: StepError,
    taken: Sequence[Way],
    *,
    now: datetime,
    deadline_at: datetime | None,
) -> Way | None:
    """The next way after a failure; None when there is none. Pure."""
    asked = {way.alias for way in taken}
    for route in routes:
        why = reason(error, route, now=now, deadline_at=deadline_at)
        if not why or route.to in asked:
            continue
        # Who was refused twice is not to try until somebody answers.
        if why == "refused" and any(way.why == "refused" for way in taken):
            return None
        return Way(route.to, why)
    return None


def reason(error: StepError, route: Route, *, now: datetime, deadline_at: datetime | None) -> str:
    """The condition of a route that a failure meets; "" when it meets none. Pure."""
    met: list[str] = []
    match error:
        case PermanentInput(code="content_filter"):
            met.append("refused")
        case PermanentInput(code="context_length"):
            met.append("context_length")
        case LaneStopped():
            met.append("stopped")
        case Transient(code=code) | LaneHeld(code=code) if code in _FAILING:
            met.append("overloaded")
    if isinstance(error, RateLimited) and _is_too_long(error, route, now, deadline_at):
        met.append("held")
    return next((one for one in met if one in route.when), "")


def _is_too_long(
    error: RateLimited, route: Route, now: datetime, deadline_at: datetime | None
) -> bool:
    """Whether a hold ends after the step can wait; one whose end nobody knows is waited for."""
    after_s = error.after_s
    until = error.until or (now + timedelta(seconds=after_s) if after_s is not None else None)
    if until is None:
        return False
    if route.patience_s is not None and until > now + timedelta(seconds=route.patience_s):
        return True
    return deadline_at is not None and until > deadline_at


def graver(first: StepError, second: StepError) -> StepError:
    """Which failure a step ends with that met two: it waits for its own model, unless another tells more. Pure."""
    waits = (RateLimited, LaneStopped, Transient)
    return (
        first if isinstance(first, waits) and isinstance(second, (*waits, BudgetSpent)) else second
    )


def _configured() -> Mapping[str, Any]:
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        return getattr(settings, "AIOPS_ROUTES", None) or {}
    except ImproperlyConfigured:  # an author's test of a single step, without a Django project
        return {}
