"""How a step is run, and which options are refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from aiops.flow.refusals import BadNode, BadStep, did_you_mean
from aiops.flow.retry import Effect, Retry
from aiops.flow.where import Where
from aiops.pools import POOLS, STEP_POOLS

EFFECTS: tuple[str, ...] = get_args(Effect)
#: How much depends on the answer to a question.
Severity = Literal["low", "normal", "high", "critical"]
_SEVERITIES: tuple[str, ...] = get_args(Severity)
#: The longest name of a group that Django's own groups may have.
_LONGEST_GROUP = 150


@dataclass(frozen=True, slots=True)
class Options:
    """How a step is run."""

    pool: str
    effect: Effect
    timeout_s: float
    retry: Retry
    says: str
    #: Users may see what it has written so far.
    streams: bool = False

    def check(self, name: str, where: Where, *, has_reconcile: bool) -> None:
        """Refuse what cannot be, before anything is started with it."""
        self._check_effect(name, where, has_reconcile)
        check_pool(name, self.pool, where)
        self._check_timeout(name, where)
        if not isinstance(self.streams, bool):
            raise BadStep(f"step {name!r} has streams={self.streams!r}: say True or False", where)

    def _check_effect(self, name: str, where: Where, has_reconcile: bool) -> None:
        if self.effect not in EFFECTS:
            hint = did_you_mean(str(self.effect), EFFECTS)
            raise BadStep(f"step {name!r}: there is no effect {self.effect!r}; {hint}", where)
        if self.effect == "once" and self.retry.attempts > 1:
            raise BadStep(
                f"step {name!r} has the effect 'once' and Retry(attempts={self.retry.attempts}): "
                "it is never repeated blindly. Leave the retry out, or make it 'idempotent' with "
                "context.idempotency_key",
                where,
            )
        if has_reconcile and self.effect != "once":
            raise BadStep(
                f"step {name!r} has a reconcile and the effect {self.effect!r}, which is simply "
                "repeated: say effect='once', or leave reconcile out",
                where,
            )

    def _check_timeout(self, name: str, where: Where) -> None:
        pool = POOLS[self.pool]
        longest_s = pool.hard_limit_s if pool.kind == "prefork" else 86_400
        if not is_number(self.timeout_s) or not 0 < self.timeout_s <= longest_s:
            raise BadStep(
                f"step {name!r} has timeout_s={self.timeout_s!r}: give more than 0 and at most "
                f"{longest_s} seconds (pool {self.pool!r})",
                where,
            )


def check_pool(name: str, pool: str, where: Where) -> None:
    """Refuse a pool that is not there, and the engine's own."""
    if pool == "control":
        raise BadStep(
            f"step {name!r} is in the pool 'control', which never runs an author's code: "
            f"choose one of {', '.join(STEP_POOLS)}",
            where,
        )
    if pool not in STEP_POOLS:
        hint = did_you_mean(str(pool), STEP_POOLS)
        raise BadStep(f"step {name!r}: there is no pool {pool!r}; {hint}", where)


def check_asking(what: str, group: object, severity: object, where: Where) -> None:
    """Refuse a group that is no name, and a severity that nobody knows."""
    if not isinstance(group, str) or len(group) > _LONGEST_GROUP:
        raise BadNode(f"{what}: group is {group!r}; give a group's name", where)
    if severity not in ("", *_SEVERITIES):
        hint = did_you_mean(str(severity), _SEVERITIES)
        raise BadNode(f"{what}: severity is {severity!r}; {hint}", where)


def is_number(value: object) -> bool:
    """A finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
