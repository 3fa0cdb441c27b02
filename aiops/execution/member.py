"""A member of a map: it claims items, a few at a time, runs and records them, and gives way."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from aiops.execution import claim as claims
from aiops.execution import outcome, work
from aiops.execution.catalog import plan_of
from aiops.execution.claim import Claim, ItemFinish, LeaseLost, Owner
from aiops.execution.fanout import SLICE_S
from aiops.execution.lease import leases
from aiops.execution.patience import patiently
from aiops.execution.payloads import check_in, dumps
from aiops.execution.values import Values, run_info
from aiops.flow.errors import TimedOut, describe
from aiops.flow.plan import PlanNode

log = logging.getLogger(__name__)

#: Results wait this long at most for company: what a kill in between can cost is work of this length.
FLUSH_S = 0.1
MAX_BATCH = 32


def run_items(run_id: UUID, map_id: UUID, name: str, owner: Owner) -> bool:
    """Work on a map's items for a time slice. True when there may be more to do."""
    info = patiently(lambda: run_info(run_id))
    plan = patiently(lambda: plan_of(info.version_id))
    member = _Member(run_id, map_id, plan.by_name[name], Values(info, plan), owner)
    with leases.watch(member.let_go):
        return member.run()


@dataclass(slots=True)
class _Member:
    run_id: UUID
    map_id: UUID
    node: PlanNode
    values: Values
    owner: Owner
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: deque[Claim] = field(default_factory=deque)
    _finished: list[ItemFinish] = field(default_factory=list)
    #: time.monotonic() at which the present item began, and at which results were last written.
    _began: float = field(default_factory=time.monotonic)
    _flushed: float = field(default_factory=time.monotonic)
    #: Longest of the recent items, in seconds: a batch must not hoard what others could run.
    _pace_s: float = FLUSH_S

    def run(self) -> bool:
        end = time.monotonic() + SLICE_S
        if not self._take(1):
            return False
        patiently(lambda: claims.begin(self.run_id))
        while True:
            while (claim := self._next()) is not None:
                self._work_on(claim)
            if time.monotonic() > end:
                self._flush(0)
                return True
            if self._flush(self._batch()) == 0:
                return False

    def let_go(self) -> None:
        """Called every second by the lease thread: a slow item must not hold others back."""
        with self._lock:
            if time.monotonic() - self._began < 1.0:
                return
            finished, self._finished = self._finished, []
            waiting = [(c.step_id, c.fence) for c in self._waiting]
            self._waiting.clear()
        if waiting:
            claims.give_back(waiting)
        if finished:
            self._write(finished)

    def _write(self, finished: list[ItemFinish]) -> None:
        """Record results; while the database is away they are kept for the next try."""
        try:
            claims.finish_items(finished, map_id=self.map_id, count=0, owner=self.owner)
        except (DatabaseError, InterfaceError):
            with self._lock:
                self._finished = finished + self._finished
            raise

    def _batch(self) -> int:
        if self.node.effect == "once":
            return 1
        return max(1, min(MAX_BATCH, int(FLUSH_S / max(self._pace_s, 0.001))))

    def _take(self, count: int) -> int:
        taken = patiently(
            lambda: claims.claim_items(map_id=self.map_id, count=count, owner=self.owner)
        )
        with self._lock:
            self._waiting.extend(taken)
        return len(taken)

    def _next(self) -> Claim | None:
        with self._lock:
            self._began = time.monotonic()
            return self._waiting.popleft() if self._waiting else None

    def _work_on(self, claim: Claim) -> None:
        began, start = timezone.now(), time.monotonic()
        overtime = partial(self._overtime, claim)
        node = work.looking(self.node, claim)
        match work.run(claim, node, self.values, overtime):
            case work.Result() as result:
                self._keep(claim, result, began)
            case work.Submitted(later):
                self._flush(0)
                self._record(claim, outcome.wait_for_job(claim, later))
            case work.Failure(error):
                self._flush(0)
                self._record(claim, outcome.react_now(claim, node, error))
        took_s = time.monotonic() - start
        self._pace_s = max(took_s, self._pace_s * 0.8)
        if self.node.effect == "once" or time.monotonic() - self._flushed > FLUSH_S:
            self._flush(0)

    def _keep(self, claim: Claim, result: work.Result, began: datetime) -> None:
        text = dumps(result.value)
        _, ref = check_in(result.value, claim.run_id, text)
        finish = ItemFinish(
            claim=claim,
            result="null" if ref else text,
            ref=ref,
            sent=result.sent,
            began=began,
            ended=timezone.now(),
        )
        with self._lock:
            self._finished.append(finish)

    def _flush(self, count: int) -> int:
        """Write what is finished, and take `count` more; returns how many were taken."""
        with self._lock:
            finished, self._finished = self._finished, []
        self._flushed = time.monotonic()
        if not finished:
            return self._take(count) if count else 0
        taken = patiently(
            lambda: claims.finish_items(finished, map_id=self.map_id, count=count, owner=self.owner)
        )
        with self._lock:
            self._waiting.extend(taken)
        return len(taken)

    def _record(self, claim: Claim, verdict: outcome.Verdict) -> None:
        try:
            patiently(lambda: outcome.record(claim, verdict))
        except LeaseLost as error:
            log.warning("item.lease_lost map=%s error=%s", self.map_id, error)

    def _overtime(self, claim: Claim) -> None:
        late = TimedOut(f"{self.node.name} ran longer than its {self.node.timeout_s:g} s")
        error = describe(late, self.node.name)
        node = work.looking(self.node, claim)
        self._record(claim, outcome.react_now(claim, node, error))
