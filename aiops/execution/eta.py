"""How far a run is, and how long it will take: from the times that are usual. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext, ngettext

from aiops.execution.estimates import longest_s
from aiops.execution.usual_times import History
from aiops.flow.plan import Plan, PlanNode

#: Waits for others: how long they take says nothing of how much work is done.
_OF_OTHERS = frozenset({"approval", "wait_for", "sleep"})
#: The smallest share of the whole that a part has, beside the mean: it is seen to be done.
_LEAST_SHARE = 0.05

#: What took so much longer than the others took as long as they.
_A_LITTLE = 1.1

_MINUTE_S, _HOUR_S = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a step stands, as far as its time is concerned."""

    is_done: bool = False
    #: Since it began; None: it has not.
    elapsed_s: float | None = None
    #: The finished share of its items.
    share: float = 0.0


def weights(plan: Plan, history: History) -> dict[str, float]:
    """How much of the whole each step is: as its work usually lasts; all the same without history."""
    if not history.is_known:
        return {}
    known = {
        node.name: history.steps[node.name]
        for node in plan.nodes
        if node.kind not in _OF_OTHERS and node.name in history.steps
    }
    mean = sum(known.values()) / len(known) if known else 0.0
    if mean <= 0:
        return {}
    return {node.name: max(known.get(node.name, mean), mean * _LEAST_SHARE) for node in plan.nodes}


def left_s(plan: Plan, stands: Mapping[str, Stand], history: History) -> float | None:
    """How long it will still take, what is side by side counted once; None: nobody knows."""
    if not history.is_known:
        return None
    lasting: dict[str, float] = {}
    for node in plan.nodes:
        lasts = _lasts_s(node, stands.get(node.name, Stand()), history)
        if lasts is None:
            return None
        lasting[node.name] = lasts
    return longest_s(plan, lasting)


def _lasts_s(node: PlanNode, stand: Stand, history: History) -> float | None:
    if stand.is_done:
        return 0.0
    if stand.elapsed_s is not None and stand.share > 0:
        return stand.elapsed_s * (1 - stand.share) / stand.share
    usual_s = node.sleep_s if node.kind == "sleep" else history.steps.get(node.name)
    if usual_s is None:
        # A branch that none of the earlier runs has taken.
        return 0.0 if node.when and stand.elapsed_s is None else None
    return max(0.0, usual_s - (stand.elapsed_s or 0.0))


def foreseen_s(left: float | None, since_s: float, history: History) -> int | None:
    """The seconds that may be told; None when nobody knows, or when it takes longer than usual."""
    if left is None or is_late(left, since_s, history):
        return None
    return round(left)


def is_late(left: float, since_s: float, history: History) -> bool:
    """Whether it will end later than it should have: than half of the runs when nothing is left to
    wait for, else than nine of ten. A little later is no later."""
    usual_s = history.p50_s if left < 1 else history.p90_s
    return usual_s is not None and since_s + left > _A_LITTLE * usual_s


def of_work(
    left: float | None, since_s: float, history: History, *, is_promised: bool = False
) -> str:
    """What stands to the right of the bar while it is worked on; `since_s`: since it was accepted."""
    if left is None or history.p90_s is None:
        return ""
    if since_s > history.p90_s:
        longer = gettext("Longer than usual.")
        return f"{longer} {gettext('We will e-mail you.')}" if is_promised else longer
    if is_late(left, since_s, history):
        return gettext("A little longer than usual")
    return about(left) if left >= 1 else gettext("Almost there")


def about(seconds: float) -> str:
    """A time to come, in words."""
    if seconds < 20:
        return gettext("a few seconds left")
    if seconds < 1.5 * _MINUTE_S:
        return gettext("about a minute left")
    if seconds < 1.5 * _HOUR_S:
        number = round(seconds / _MINUTE_S)
        return ngettext("about %(n)s minute left", "about %(n)s minutes left", number) % {
            "n": number
        }
    number = round(seconds / _HOUR_S)
    return ngettext("about %(n)s hour left", "about %(n)s hours left", number) % {"n": number}


def usually_within(seconds: float) -> str:
    """Within what people usually answer."""
    number, unit = _rounded_up(seconds)
    match unit:
        case "minutes":
            told = ngettext("Usually within %(n)s minute.", "Usually within %(n)s minutes.", number)
        case "hours":
            told = ngettext("Usually within %(n)s hour.", "Usually within %(n)s hours.", number)
        case _:
            told = ngettext("Usually within %(n)s day.", "Usually within %(n)s days.", number)
    return told % {"n": number}


def due_within(seconds: float) -> str:
    """Until when an answer is due."""
    number, unit = _rounded_up(seconds)
    match unit:
        case "minutes":
            told = ngettext(
                "An answer is due within %(n)s minute.",
                "An answer is due within %(n)s minutes.",
                number,
            )
        case "hours":
            told = ngettext(
                "An answer is due within %(n)s hour.",
                "An answer is due within %(n)s hours.",
                number,
            )
        case _:
            told = ngettext(
                "An answer is due within %(n)s day.", "An answer is due within %(n)s days.", number
            )
    return told % {"n": number}


def _rounded_up(seconds: float) -> tuple[int, str]:
    """A number that is kept rather than one that is exact: minutes in tens, then hours, then days."""
    if seconds <= 50 * _MINUTE_S:
        return max(10, -int(-seconds // (10 * _MINUTE_S)) * 10), "minutes"
    if seconds <= 36 * _HOUR_S:
        return -int(-seconds // _HOUR_S), "hours"
    return -int(-seconds // (24 * _HOUR_S)), "days"
