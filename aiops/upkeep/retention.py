"""What nobody needs any more: nodes long gone, signals that were taken, answered requests, texts of calls."""

from __future__ import annotations

from datetime import timedelta

from django.core.files.storage import default_storage
from django.utils import timezone

from aiops.models import ApiRequest, CallContent, Node, Signal

NODE_DAYS = 1
SIGNAL_DAYS = 30
#: For so long a request of another program that comes again is only answered.
REQUEST_DAYS = 2


def sweep() -> int:
    """Delete what is past its retention; returns the number of rows. Runs are never swept here."""
    now = timezone.now()
    nodes, _ = Node.objects.filter(seen_at__lt=now - timedelta(days=NODE_DAYS)).delete()
    signals, _ = Signal.objects.filter(
        taken_by__isnull=False, received_at__lt=now - timedelta(days=SIGNAL_DAYS)
    ).delete()
    requests, _ = ApiRequest.objects.filter(at__lt=now - timedelta(days=REQUEST_DAYS)).delete()
    return nodes + signals + requests + sweep_contents()


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
