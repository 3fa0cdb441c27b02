"""What nobody needs any more: nodes that are long gone, signals that were taken, texts of model calls."""

from __future__ import annotations

from datetime import timedelta

from django.core.files.storage import default_storage
from django.utils import timezone

from aiops.models import CallContent, Node, Occurrence, OccurrenceState, Signal

NODE_DAYS = 1
SIGNAL_DAYS = 30
OCCURRENCE_DAYS = 90
#: So many at a time: a schedule may be due every second.
MOST_OCCURRENCES = 20_000


def sweep() -> int:
    """Delete what is past its retention; returns the number of rows. Runs are never swept here."""
    now = timezone.now()
    nodes, _ = Node.objects.filter(seen_at__lt=now - timedelta(days=NODE_DAYS)).delete()
    signals, _ = Signal.objects.filter(
        taken_by__isnull=False, received_at__lt=now - timedelta(days=SIGNAL_DAYS)
    ).delete()
    return nodes + signals + sweep_contents() + sweep_occurrences()


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
