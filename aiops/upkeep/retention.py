"""What nobody needs any more: nodes long gone, old events, answers, texts of calls, what was sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Q
from django.utils import timezone
from django_celery_results.models import TaskResult

from aiops.models import (
    ApiRequest,
    Became,
    CallContent,
    DeliveryState,
    Node,
    Notification,
    NotificationState,
    Occurrence,
    OccurrenceState,
    Signal,
    WebhookDelivery,
    webhook_moves,
)

NODE_DAYS = 1
#: For so long a request of another program that comes again is only answered.
REQUEST_DAYS = 2
OCCURRENCE_DAYS = 90
#: So many at a time: a schedule may be due every second.
MOST_OCCURRENCES = 20_000


def sweep() -> int:
    """Delete what is past its retention; returns the number of rows. Runs are never swept here."""
    now = timezone.now()
    nodes, _ = Node.objects.filter(seen_at__lt=now - timedelta(days=NODE_DAYS)).delete()
    requests, _ = ApiRequest.objects.filter(at__lt=now - timedelta(days=REQUEST_DAYS)).delete()
    return nodes + requests + sum(one() for one in _sweeps())


def _sweeps() -> tuple[Callable[[], int], ...]:
    return (
        *(sweep_events, sweep_answers, sweep_notifications, sweep_deliveries),
        *(sweep_contents, sweep_occurrences),
    )


#: What has become something; the others wait for a run or for a person, and are kept longer.
_DONE = (Became.WOKE, Became.STARTED)
#: So many at a time: a day's events must not become one long transaction. And so often at most.
MOST_EVENTS, MOST_TIMES = 5_000, 20


def sweep_events() -> int:
    """Delete events from outside whose days are over. Returns how many."""
    now = timezone.now()
    done = now - timedelta(days=settings.AIOPS_EVENT_DAYS)
    left = now - timedelta(days=settings.AIOPS_EVENT_KEPT_DAYS)
    over = Q(became__in=_DONE, received_at__lt=done) | Q(received_at__lt=left)
    deleted = 0
    for _ in range(MOST_TIMES):
        found = list(Signal.objects.filter(over).values_list("id", flat=True)[:MOST_EVENTS])
        Signal.objects.filter(id__in=found).delete()
        deleted += len(found)
        if len(found) < MOST_EVENTS:
            break
    return deleted


ANSWER_DAYS = 7
MOST_ANSWERS = 5_000


def sweep_answers() -> int:
    """Delete what other programs were answered by Celery message. Returns how many."""
    before = timezone.now() - timedelta(days=ANSWER_DAYS)
    over = TaskResult.objects.filter(date_done__lt=before).order_by("date_done")
    found = list(over.values_list("id", flat=True)[:MOST_ANSWERS])
    TaskResult.objects.filter(id__in=found).delete()
    return len(found)


def sweep_occurrences() -> int:
    """Delete due times that were missed, skipped or refused long ago. Returns how many."""
    old = Occurrence.objects.filter(
        run__isnull=True, due_at__lt=timezone.now() - timedelta(days=OCCURRENCE_DAYS)
    ).exclude(state=OccurrenceState.PLANNED)
    found = old.order_by("due_at").values("id")[:MOST_OCCURRENCES]
    number, _ = Occurrence.objects.filter(id__in=found).delete()
    return number


#: So many at a time: a day's texts must not become one long transaction.
MOST_CONTENTS = 2_000


def sweep_contents() -> int:
    """Delete prompts and answers whose days are over, files first. Returns how many."""
    over = CallContent.objects.filter(expires_at__lt=timezone.now()).order_by("expires_at")
    found = list(over.values_list("call_id", "value_ref")[:MOST_CONTENTS])
    for _, ref in found:
        if ref:
            default_storage.delete(ref)
    CallContent.objects.filter(call_id__in=[call for call, _ in found]).delete()
    return len(found)


NOTIFICATION_DAYS = 30
#: What was given up is kept longer: somebody may still send it again.
GIVEN_UP_DAYS = 90
#: So many rows at a time.
MOST_SENT = 10_000


def sweep_notifications() -> int:
    """Delete notifications that are over. Returns how many."""
    before = timezone.now() - timedelta(days=NOTIFICATION_DAYS)
    over = Notification.objects.filter(made_at__lt=before).exclude(state=NotificationState.WAITING)
    ids = list(over.order_by("id").values_list("id", flat=True)[:MOST_SENT])
    return Notification.objects.filter(id__in=ids).delete()[0]


def sweep_deliveries() -> int:
    """Delete deliveries that were sent, later those that were given up. Returns how many.

    What has waited as long as that for an endpoint that is paused or disabled is given up.
    """
    now = timezone.now()
    webhook_moves.stop_waiting(now - timedelta(days=GIVEN_UP_DAYS), most=MOST_SENT)
    sent = (DeliveryState.SENT, DeliveryState.DROPPED)
    return _swept(sent, now - timedelta(days=settings.AIOPS_WEBHOOKS_DAYS)) + _swept(
        (DeliveryState.FAILED,), now - 2 * timedelta(days=GIVEN_UP_DAYS)
    )


def _swept(states: tuple[str, ...], before: datetime) -> int:
    over = WebhookDelivery.objects.filter(state__in=states, made_at__lt=before)
    ids = list(over.order_by("made_at").values_list("id", flat=True)[:MOST_SENT])
    return WebhookDelivery.objects.filter(id__in=ids).delete()[0]
