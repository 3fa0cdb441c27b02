"""Guessing a person's password: so many tries from one address, and so many for one name, in a while.

Counted in PostgreSQL, so that all web processes count together and a restart forgets nothing.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from aiops.models import SignInFailure

WINDOW = timedelta(minutes=15)
#: An office behind one address mistypes less often than this.
MOST_FROM_ADDRESS = 20
#: More, so that no single address can shut a person out.
MOST_FOR_NAME = 60
#: Older ones count nowhere.
KEPT = timedelta(days=1)


def wait_s(address: str, name: str) -> int:
    """How long nobody at this address may try this name; 0 when they may."""
    now = timezone.now()
    recent = SignInFailure.objects.filter(at__gt=now - WINDOW).order_by("-at")
    return max(
        _left_s(recent.filter(address=address), MOST_FROM_ADDRESS, now),
        _left_s(recent.filter(name_digest=_digest(name)), MOST_FOR_NAME, now),
    )


def refused(address: str, name: str) -> None:
    """Count a sign-in that was refused."""
    SignInFailure.objects.filter(at__lt=timezone.now() - KEPT).delete()
    SignInFailure.objects.create(address=address[:45], name_digest=_digest(name))


def accepted(address: str, name: str) -> None:
    """Forget what this person mistyped here. What others tried from here still counts."""
    SignInFailure.objects.filter(address=address, name_digest=_digest(name)).delete()


def _left_s(recent: QuerySet[SignInFailure], most: int, now: datetime) -> int:
    """Until the oldest of the last `most` failures is out of the window."""
    oldest = recent.values_list("at", flat=True)[most - 1 : most].first()
    return 0 if oldest is None else max(1, math.ceil((oldest + WINDOW - now).total_seconds()))


def _digest(name: str) -> str:
    return salted_hmac("aiops.sign_in", name.casefold(), algorithm="sha256").hexdigest()
