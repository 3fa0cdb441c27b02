"""A process whose every message arrives twice, and in any order."""

from __future__ import annotations

import copy
import random
import threading
import uuid
from typing import Any

from kombu.transport.redis import Channel

_put = Channel._put


def _put_twice(self: Any, queue: str, message: dict[str, Any], **options: Any) -> None:
    if not queue.startswith("aiops."):
        _put(self, queue, message, **options)
        return
    again = copy.deepcopy(message)
    again["properties"]["delivery_tag"] = str(uuid.uuid4())
    for one in (message, again):
        # Not a test's pause: the point is that nobody can tell which comes first.
        timer = threading.Timer(random.uniform(0, 0.3), _put, (self, queue, one))
        timer.daemon = True
        timer.start()


Channel._put = _put_twice  # type: ignore[method-assign]  # that is the sabotage
