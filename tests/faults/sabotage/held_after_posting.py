"""A worker that stands still when a receiver has taken a message, and the record does not know it yet."""

from __future__ import annotations

from typing import Any

from aiops.webhooks import deliver, outcome
from tests.faults.outside import gate

_record = outcome.record


def _stand_still_and_record(endpoint: Any, one: Any, tried: Any) -> bool:
    gate("posted", str(one.pk))
    return _record(endpoint, one, tried)


deliver.__dict__["record"] = _stand_still_and_record
