"""The leases this process holds: renewed by one thread, which also hears of cancellation and overtime."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from aiops.execution import claim as claims
from aiops.execution.claim import Claim
from aiops.models import Step, StepState
from aiops.models.step import UNDO

log = logging.getLogger(__name__)

#: How often the thread looks, while a claim is held.
TICK_S = 1.0
#: A step that is still there this long after its time is over did not listen.
OVERTIME_S = 5.0


@dataclass(slots=True, eq=False)
class Held:
    """A claim in the hands of this process."""

    claim: Claim
    #: time.monotonic() at which the step's own time is over.
    deadline: float
    #: Records that it ran out of time; called from the lease thread, at most once.
    on_overtime: Callable[[], None]
    is_killable: bool
    renewed: float = field(default_factory=time.monotonic)
    cancelled: bool = False
    is_over: bool = False


class Leases:
    """All claims of one process, and the thread that keeps them."""

    def __init__(self) -> None:
        self._reset()
        # A forked child begins with nothing held, and without the thread.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._held: set[Held] = set()
        self._watches: set[Callable[[], None]] = set()
        self._lock = threading.Lock()
        self._something = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def hold(self, held: Sequence[Held]) -> Iterator[None]:
        """Keep these claims renewed while the block runs."""
        self._start()
        with self._lock:
            self._held.update(held)
            self._something.set()
        try:
            yield
        finally:
            with self._lock:
                self._held.difference_update(held)
                if not self._held and not self._watches:
                    self._something.clear()

    @contextmanager
    def watch(self, tick: Callable[[], None]) -> Iterator[None]:
        """Call `tick` about once a second, from the lease thread, while the block runs."""
        self._start()
        with self._lock:
            self._watches.add(tick)
            self._something.set()
        try:
            yield
        finally:
            with self._lock:
                self._watches.discard(tick)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._thread.start()

    def _keep(self) -> None:
        while True:
            self._something.wait()
            time.sleep(TICK_S)
            with self._lock:
                held, watches = list(self._held), list(self._watches)
                if not held and not watches:
                    self._something.clear()
            self._try(self._look_after, held)
            for tick in watches:
                self._try(tick)
            for one in held:
                self._try(self._end_overtime, one)

    def _try(self, act: Callable[..., None], *given: object) -> None:
        """Do one thing. This thread keeps every lease of the process: nothing may end it."""
        try:
            act(*given)
        except (DatabaseError, InterfaceError) as error:
            # The lease outlives a short outage; a long one is the fence's business.
            log.warning("lease.database_away error=%s", error)
            connection.close()
        except Exception:
            log.exception("lease.failed act=%s", act)

    def _look_after(self, held: Sequence[Held]) -> None:
        close_old_connections()
        self._renew([h for h in held if self._is_due(h)])
        self._hear_of_cancellation([h for h in held if not h.is_over])

    def _is_due(self, held: Held) -> bool:
        return not held.is_over and time.monotonic() - held.renewed >= settings.AIOPS_RENEW_S

    def _renew(self, due: Sequence[Held]) -> None:
        if not due:
            return
        claims.renew([(h.claim.step_id, h.claim.fence) for h in due])
        for held in due:
            held.renewed = time.monotonic()

    def _hear_of_cancellation(self, held: Sequence[Held]) -> None:
        """Learn whose run was asked to stop, and whose claim was taken away."""
        if not held:
            return
        rows = Step.objects.filter(id__in=[h.claim.step_id for h in held]).values_list(
            "id", "state", "fence", "run__cancel_requested_at"
        )
        found = {step: (state, fence, asked) for step, state, fence, asked in rows}
        for one in held:
            state, fence, asked = found.get(one.claim.step_id, ("", 0, None))
            # Undoing is what a stopped run is asked for.
            one.cancelled = asked is not None and not one.claim.name.startswith(UNDO)
            if one.is_killable and (state, fence) != (StepState.RUNNING, one.claim.fence):
                self._end_taken(one)

    def _end_taken(self, held: Held) -> None:
        """Kill this child, whose work counts for nothing any more; its parent starts another."""
        # Under the lock nobody leaves `hold`, and who is in it has not recorded an end himself.
        with self._lock:
            if held in self._held:
                log.warning("lease.taken_away step=%s id=%s", held.claim.name, held.claim.step_id)
                os.kill(os.getpid(), signal.SIGKILL)

    def _end_overtime(self, held: Held) -> None:
        if held.is_over or time.monotonic() < held.deadline + OVERTIME_S:
            return
        held.is_over = True
        log.error("lease.overtime step=%s id=%s", held.claim.name, held.claim.step_id)
        try:
            held.on_overtime()
        finally:
            if held.is_killable:
                # It did not listen to its time limit. Its parent starts another child.
                os.kill(os.getpid(), signal.SIGKILL)


leases = Leases()
