"""Sending to one endpoint for a while: claimed, posted, recorded. At least once, and in order per run.

Only the thread that was called touches the database; others do nothing but post. A crash between
a post and its record sends the message again, under the same id.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from aiops.execution import addresses, posting
from aiops.execution.addresses import Refused
from aiops.execution.patience import patiently
from aiops.execution.posting import Answer, NotReached
from aiops.models import WebhookDelivery, WebhookEndpoint, webhook_moves
from aiops.webhooks import backoff, envelope, signing
from aiops.webhooks.outcome import Tried, record
from aiops.webhooks.sealing import Unreadable

log = logging.getLogger(__name__)

#: A worker sends to an endpoint for so long, then gives its slot back.
SLICE_S = 10.0
#: A claim outlives the longest exchange, and a message its slice and the exchange that ends it.
LEASE = timedelta(seconds=45)
TURN = timedelta(seconds=SLICE_S + posting.WHOLE_S + 20)

#: How an absent database shows.
AWAY = (OperationalError, InterfaceError)

USER_AGENT = "aiops-webhooks"


def deliver(endpoint_id: UUID, turn: int) -> int:
    """Send what is due to an endpoint, unless this message came twice. Returns how many were taken."""
    held_until = timezone.now() + TURN
    endpoint = webhook_moves.take_turn(endpoint_id, turn, held_until=held_until)
    if endpoint is None:
        return 0
    endpoint.turn = turn + 1
    try:
        with ThreadPoolExecutor(backoff.AT_ONCE, thread_name_prefix="webhook") as threads:
            return _Slice(endpoint, threads).send()
    finally:
        webhook_moves.end_turn(endpoint)


@dataclass(slots=True)
class _Slice:
    """A while of sending."""

    endpoint: WebhookEndpoint
    threads: ThreadPoolExecutor
    ends_at: float = field(default_factory=lambda: time.monotonic() + SLICE_S)
    flying: dict[Future[Answer], tuple[WebhookDelivery, float]] = field(default_factory=dict)

    def send(self) -> int:
        taken = 0
        while True:
            self._launch()
            if not self.flying:
                return taken
            landed, _ = wait(self.flying, return_when=FIRST_COMPLETED)
            for future in landed:
                taken += self._land(future)

    def _launch(self) -> None:
        """Claim and begin as many as may be on their way."""
        if time.monotonic() >= self.ends_at or not self._may_send():
            return
        room = backoff.at_once(self.endpoint.failures) - len(self.flying)
        if room <= 0:
            return
        for one in webhook_moves.claim(self.endpoint.id, room, lease=LEASE):
            self._begin(one)

    def _may_send(self) -> bool:
        """Whether it is still active; what was paused a moment ago is not sent to."""
        self.endpoint.refresh_from_db()
        is_held = self.endpoint.next_at is not None and self.endpoint.next_at > timezone.now()
        return self.endpoint.state == "active" and not is_held

    def _begin(self, one: WebhookDelivery) -> None:
        try:
            text = envelope.body(one, gives_result=self.endpoint.gives_result)
            now = timezone.now()
            signed = signing.headers(one.message_id, text, self.endpoint.secrets, now)
        except envelope.NothingToTell as error:
            webhook_moves.drop(one, str(error))
            return
        except Unreadable as error:
            self._record(one, Tried(error=str(error)))
            return
        except AWAY:
            raise
        except Exception as error:
            # What is wrong with one message must not keep the others.
            log.exception("webhook.unwritable delivery=%d", one.pk)
            self._record(one, Tried(error=f"it could not be written: {type(error).__name__}"))
            return
        headers = {"Content-Type": envelope.CONTENT_TYPE, "User-Agent": USER_AGENT, **signed}
        future = self.threads.submit(_post, self.endpoint.url, text, headers)
        self.flying[future] = (one, time.monotonic())

    def _land(self, future: Future[Answer]) -> bool:
        one, began = self.flying.pop(future)
        took_ms = int(1000 * (time.monotonic() - began))
        try:
            tried = Tried.answered(future.result(), took_ms, timezone.now())
        except (NotReached, Refused) as error:
            tried = Tried(error=str(error), took_ms=took_ms)
        log.info(
            "webhook.tried endpoint=%s delivery=%d try=%d status=%s took_ms=%d",
            *(self.endpoint.id, one.pk, one.tries, tried.status, took_ms),
        )
        return self._record(one, tried)

    def _record(self, one: WebhookDelivery, tried: Tried) -> bool:
        """A restart of the database must not cost what is known of a try."""
        return patiently(lambda: record(self.endpoint, one, tried))


def _post(url: str, text: str, headers: dict[str, str]) -> Answer:
    return posting.post(url, text.encode(), headers, rules=addresses.rules())
