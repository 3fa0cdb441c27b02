"""The keeper: publishes what was accepted, wakes what is due, re-sends what was lost, proves no limbo."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import Any
from uuid import UUID

import psycopg
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Q
from django.utils import timezone

from aiops.execution import bulk_work, cancel, deliver, dispatch, recovery, resend
from aiops.execution.advance import advance, stop_child
from aiops.models import Run, Step
from aiops.telemetry import spans
from aiops.upkeep import lanes, ledger, node, promised, prove, reminders
from aiops.webhooks import hand_out as webhooks

log = logging.getLogger(__name__)

#: Key of the advisory lock that the leader holds.
LEADER_LOCK = 0x41494F5053
#: After an outage of the database, workers get this long to renew before their leases count as over.
GRACE_S = 10.0

#: How an absent database shows.
AWAY = (OperationalError, InterfaceError, psycopg.OperationalError)

#: How often each duty is done, in seconds.
PUBLISH_S = 1.0
WAKE_S = 0.5
LANES_S = 1.0
RECOVER_S = 1.0
RESEND_S = 2.0
PROVE_S = 5.0
NOTIFY_S = 2.0
WEBHOOKS_S = 1.0
REMIND_S = 5.0
BULK_S = 1.0
LEDGER_S = 5.0
REPORT_S = 5.0
TRACE_S = 1.0


@dataclass(slots=True)
class Duty:
    """Something to do again and again."""

    act: Callable[[], Any]
    every_s: float
    due: float = 0.0


@dataclass(slots=True)
class Keeper:
    """One of possibly several keepers; the one that holds the lock does the work."""

    stop: Flag = field(default_factory=Flag)
    _line: psycopg.Connection[Any] | None = None
    _is_leader: bool = False
    _since: float = 0.0
    _rung: set[UUID] = field(default_factory=set)
    #: Whether this keeper has looked at every open run since it reached the database.
    _has_proved_all: bool = False
    #: How many were in limbo at the last look; None while it has not looked.
    _limbo: int | None = None
    _duties: list[Duty] = field(default_factory=list)

    def run(self) -> None:
        """Keep until `stop` is set. Outages of the database and the broker are waited out."""
        dispatch.publish_here()
        self._duties = [
            Duty(self._publish_missed, PUBLISH_S),
            Duty(lanes.look_after, LANES_S),
            Duty(self._wake, WAKE_S),
            Duty(self._recover, RECOVER_S),
            Duty(self._resend, RESEND_S),
            Duty(self._prove, PROVE_S),
            Duty(deliver.hand_out, NOTIFY_S),
            Duty(webhooks.hand_out, WEBHOOKS_S),
            Duty(promised.hand_out, NOTIFY_S),
            Duty(reminders.remind, REMIND_S),
            Duty(bulk_work.ring, BULK_S),
            Duty(ledger.look_after, LEDGER_S),
            *_tracing(),
            Duty(self._report, REPORT_S),
        ]
        while not self.stop.is_set():
            try:
                self._turn()
            except AWAY as error:
                log.warning("keeper.database_away error=%s", str(error).strip())
                self._hang_up()
                self.stop.wait(0.5)
        self._hang_up()
        spans.flush()

    def _turn(self) -> None:
        line = self._line or self._call()
        if not self._is_leader:
            self._lead(line)
            if not self._is_leader:
                self._do([self._duties[-1]])
                self.stop.wait(1.0)
                return
        for notice in line.notifies(timeout=0.2, stop_after=1):
            self._hear(notice.payload)
        for notice in line.notifies(timeout=0):
            self._hear(notice.payload)
        if self._rung:
            self._try(self._publish_rung)
        self._do(self._duties)

    def _do(self, duties: list[Duty]) -> None:
        now = time.monotonic()
        for duty in duties:
            if now >= duty.due:
                duty.due = now + duty.every_s
                self._try(duty.act)

    def _try(self, act: Callable[..., Any], *given: Any) -> None:
        """Do one thing; what is wrong with it must not keep the keeper from the others."""
        try:
            act(*given)
        except dispatch.BrokerAway as error:
            # Nothing is lost: the rows wait, and the next round tries again.
            log.warning("keeper.broker_away error=%s", error)
        except AWAY:
            raise
        except Exception:
            log.exception("keeper.duty_failed act=%s given=%s", act.__name__, given)

    def _call(self) -> psycopg.Connection[Any]:
        """Open the line that holds the lock and hears the rings."""
        connection.close()
        connection.ensure_connection()
        params = connection.get_connection_params()
        keep = ("dbname", "user", "password", "host", "port", "connect_timeout", "sslmode")
        line = psycopg.connect(**{k: params[k] for k in keep if k in params}, autocommit=True)
        line.execute(f"LISTEN {dispatch.CHANNEL}")
        self._line = line
        self._since = time.monotonic()
        node.begin(f"keeper@{socket.gethostname()}:{os.getpid()}")
        return line

    def _lead(self, line: psycopg.Connection[Any]) -> None:
        row = line.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK]).fetchone()
        self._is_leader = bool(row and row[0])
        if self._is_leader:
            log.info("keeper.leads pid=%d", os.getpid())
            self._report()

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None
        self._is_leader = False
        self._has_proved_all = False
        self._limbo = None
        connection.close()

    def _hear(self, payload: str) -> None:
        self._rung.add(UUID(payload))

    def _publish_missed(self) -> None:
        """Send what rang while nobody listened, however often it rings now."""
        _publish(resend.unpublished())

    def _publish_rung(self) -> None:
        """Send what was accepted."""
        rung, self._rung = self._rung, set()
        try:
            _publish(list(rung))
        except dispatch.BrokerAway:
            self._rung |= rung
            raise
        # A ring may also mean that a child has ended, or a turn has come.
        waits = Q(steps__state="waiting", steps__reason="child") | Q(after__isnull=False)
        waiting = Run.objects.filter(waits, id__in=rung, finished_at__isnull=True)
        for run_id in waiting.values_list("id", flat=True).distinct():
            self._try(advance, run_id)

    def _wake(self) -> None:
        """Advance every run that has something due."""
        now = timezone.now()
        steps = Step.objects.filter(
            wake_at__lte=now, run__paused_at__isnull=True, run__finished_at__isnull=True
        )
        overdue = Run.objects.filter(
            deadline_at__lte=now, finished_at__isnull=True, cancel_requested_at__isnull=True
        )
        for run_id in {
            *steps.values_list("run_id", flat=True)[:500],
            *overdue.values_list("id", flat=True)[:500],
        }:
            self._try(advance, run_id)

    def _recover(self) -> None:
        """Take steps back from workers that are gone; force what did not stop when asked."""
        if self._has_looked_long_enough():
            for step in recovery.expired()[:200]:
                self._try(recovery.recover, [step], "its lease ended without a word")
        for run_id in cancel.overdue():
            self._try(cancel.take_away_overdue, run_id)

    def _has_looked_long_enough(self) -> bool:
        """Whether workers have had the time to renew since this keeper reached the database."""
        return time.monotonic() - self._since > GRACE_S

    def _resend(self) -> None:
        """Send again what was lost, and count it."""
        if sent := resend.resend_due():
            node.count(node.RESENT, sent)

    def _prove(self) -> None:
        if not self._has_looked_long_enough():
            return
        found = prove.limbo() if self._has_proved_all else prove.limbo(recent_s=None)
        self._has_proved_all = True
        self._limbo = len(found)
        if found:
            log.warning("limbo.found number=%d first=%s", len(found), found[0])
        for one in found:
            self._try(prove.repair, one)
        orphans = Run.objects.filter(
            finished_at__isnull=True,
            cancel_requested_at__isnull=True,
            parent_step__run__cancel_requested_at__isnull=False,
        )
        for run_id in orphans.values_list("id", flat=True)[:200]:
            self._try(stop_child, run_id, "its parent was cancelled")

    def _report(self) -> None:
        node.report("keeper", is_leader=self._is_leader, limbo=self._limbo)


def _tracing() -> list[Duty]:
    """What traces need; nothing where they are off."""
    if not spans.is_on():
        return []
    from aiops.upkeep.tracing import Recorder

    return [Duty(Recorder().look, TRACE_S)]


def _publish(runs: Sequence[UUID]) -> None:
    for begin in range(0, len(runs), 100):
        resend.publish_accepted(runs[begin : begin + 100])
