"""Numbers of workflows, versions and steps as the pages write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops.admin.page import links
from aiops.admin.page.amounts import from_now, length, money
from aiops.execution.known_workflows import Known, Version
from aiops.execution.workflow_numbers import MOST_COUNTED, Count, Numbers

NOT_KNOWN = "not known"

#: Fewer runs than this say nothing about a version.
ENOUGH_RUNS = 20
#: By so much (of a share, or as a factor) a version must be worse to be called that.
WORSE_BY, WORSE_FACTOR = 0.05, 1.25


@dataclass(frozen=True, slots=True)
class Told:
    """The numbers of some runs, in words."""

    runs: str
    success: str
    p50: str
    p95: str
    cost: str
    escalated: str


#: Where there was no run there is nothing to know.
NOTHING = Told("0", "–", "–", "–", "–", "–")


def told(numbers: Numbers | None) -> Told:
    if numbers is None:
        return NOTHING
    return Told(
        runs=f"{numbers.runs:,}",
        success=share(numbers.success),
        p50=lasts(numbers.p50_s),
        p95=lasts(numbers.p95_s),
        cost=money(numbers.cost_per_success),
        escalated=share(numbers.escalation_rate),
    )


def share(part: float | None) -> str:
    """A share in percent; what is not quite all is not called all."""
    if part is None:
        return NOT_KNOWN
    percent = round(part * 100, 1)
    if part < 1:
        percent = min(percent, 99.9)
    return f"{percent:g} %"


def lasts(seconds: float | None) -> str:
    return "–" if seconds is None else length(float(seconds))


def counted(number: int) -> str:
    return f"{number:,}+" if number >= MOST_COUNTED else f"{number:,}"


def listed(
    known: Known, count: Count | None, numbers: Numbers | None, open_runs: int, paused: Any
) -> dict[str, Any]:
    """A row of the list."""
    return {
        "known": known,
        "about": known.about.partition("\n")[0],
        "told": told(numbers),
        "week": counted(count.week if count else 0),
        "month": counted(count.month if count else 0),
        "open": open_runs,
        "open_href": links.runs(workflow=known.name, view="active"),
        "paused": paused,
        "is_gone": known.workflow is None,
    }


def versions(known: Known, numbers: dict[int, Numbers], now: datetime) -> list[dict[str, Any]]:
    """The versions side by side, the newest first, each compared with the one before it."""
    befores = [*(numbers.get(one.id) for one in known.versions[1:]), None]
    return [
        _version(known, one, numbers.get(one.id), before, now)
        for one, before in zip(known.versions, befores, strict=True)
    ]


def _version(
    known: Known, version: Version, numbers: Numbers | None, before: Numbers | None, now: datetime
) -> dict[str, Any]:
    return {
        "version": version,
        "is_current": version == known.current,
        "told": told(numbers),
        "first": from_now(version.first_at, now),
        "last": from_now(numbers.last_at, now) if numbers else "",
        "worse": worse(numbers, before),
        "href": links.runs(workflow=known.name, version=str(version.id)),
        "failed_href": links.runs(workflow=known.name, version=str(version.id), view="failed"),
    }


def worse(new: Numbers | None, old: Numbers | None) -> list[str]:
    """In what a version does worse than the one before it; nothing while there are too few runs."""
    if new is None or old is None or min(new.runs, old.runs) < ENOUGH_RUNS:
        return []
    found = []
    if _is_less(new.success, old.success):
        found.append(f"succeeds less often: {share(new.success)} after {share(old.success)}")
    if _is_more(new.p95_s, old.p95_s):
        found.append(f"takes longer: p95 {lasts(new.p95_s)} after {lasts(old.p95_s)}")
    if _is_more(new.cost_per_success, old.cost_per_success):
        costs = (money(new.cost_per_success), money(old.cost_per_success))
        found.append("costs more: {} after {}".format(*costs))
    if _is_less(old.escalation_rate, new.escalation_rate):
        rates = (share(new.escalation_rate), share(old.escalation_rate))
        found.append("asks people more often: {} after {}".format(*rates))
    return found


def _is_less(new: float | None, old: float | None) -> bool:
    return new is not None and old is not None and new <= old - WORSE_BY


def _is_more(new: float | None, old: float | None) -> bool:
    return new is not None and old is not None and old > 0 and new >= old * WORSE_FACTOR


def slowest(rows: Sequence[tuple[str, float | None]]) -> str:
    """The step that takes most of the time; "" while none is known."""
    known = [(took, name) for name, took in rows if took is not None]
    return max(known)[1] if known else ""
