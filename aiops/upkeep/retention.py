"""What nobody needs any more: nodes that are long gone, signals that were taken."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from aiops.models import Node, Signal

NODE_DAYS = 1
SIGNAL_DAYS = 30


def sweep() -> int:
    """Delete what is past its retention; returns the number of rows. Runs are never swept here."""
    now = timezone.now()
    nodes, _ = Node.objects.filter(seen_at__lt=now - timedelta(days=NODE_DAYS)).delete()
    signals, _ = Signal.objects.filter(
        taken_by__isnull=False, received_at__lt=now - timedelta(days=SIGNAL_DAYS)
    ).delete()
    return nodes + signals
