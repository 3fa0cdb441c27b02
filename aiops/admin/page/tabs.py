"""The tabs above the list of runs, with how many each holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.core.cache import cache

from aiops.admin.page.counts import counts
from aiops.execution.choose import VIEWS
from aiops.models import Run

#: More than this is told as "10,000+": counting a million would take longer than the page.
MOST_COUNTED = 10_000
#: For so long the number of runs that are over may be old.
KEPT_S = 10
_KEY = "aiops.runs.over"


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    word: str
    href: str
    is_shown: bool
    #: "" where other filters narrow the list, and nobody has counted.
    number: str


class Many(int):
    """A number that may stand for more, and says so."""

    def __str__(self) -> str:
        return f"{MOST_COUNTED:,}+" if self > MOST_COUNTED else f"{int(self):,}"

    __repr__ = __str__


def tabs(shown: str, address: Callable[[str], str], numbers: Mapping[str, int]) -> list[Tab]:
    """The tabs; `address` gives the list's address with another view, and the same filters."""
    return [
        Tab(
            key, word, address(key), key == shown, str(Many(numbers[key])) if key in numbers else ""
        )
        for key, (word, _) in VIEWS.items()
    ]


def numbers() -> dict[str, int]:
    """How many runs each view holds: the counts of every page, and one bounded count of history."""
    runs, over = counts().runs, _over()
    found = {key: sum(runs.get(state, 0) for state in states) for key, (_, states) in VIEWS.items()}
    return {**found, "finished": over, "all": sum(runs.values()) + over}


def _over() -> int:
    """How many runs are over and need nobody, as far as they are counted."""
    found: int | None = cache.get(_KEY)
    if found is None:
        over = Run.objects.filter(state__in=VIEWS["finished"][1]).order_by()
        found = over[: MOST_COUNTED + 1].count()
        cache.set(_KEY, found, KEPT_S)
    return found
