"""A process that asks a model again and again, as a worker's steps would: `python -m ... <seconds>`.

It says "ready", waits for a line, and at the end says how many calls were refused, and of each that
was answered: when it was made, when it had been let in, and the tokens that it used.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from typing import Any

import django


def main(seconds: float) -> dict[str, Any]:
    from django.conf import settings

    from aiops.flow.caller import Caller, calling
    from aiops.flow.errors import LaneHeld, LaneStopped
    from aiops.providers import (
        admission,
        session,  # takes seconds: not within a call that is timed
    )
    from aiops.providers import calling as layers
    from aiops.providers.port import complete

    settings.AIOPS_MODELS = json.loads(os.environ["LANE_CALLER_MODELS"])
    let_in_at = 0.0

    def stamp(_: layers.Call, go: layers.Next) -> layers.Raw:
        nonlocal let_in_at
        let_in_at = time.monotonic()
        return go()

    # The lane alone: these callers are steps of no run that a ledger could know.
    layers._layers = lambda: (admission.around, stamp)
    session.current()
    here = uuid.uuid4()
    who = Caller(here, here, "w", "s", None, 1, "default", "interactive", has_waited=True)
    found: dict[str, Any] = {"answered": [], "refused": 0}
    print("ready", flush=True)  # noqa: T201  # the test reads it
    sys.stdin.readline()
    end = time.monotonic() + seconds
    with calling(who):
        while (made_at := time.monotonic()) < end:
            try:
                answer = complete("x" * 120, max_tokens=240, timeout_s=20)
            except LaneHeld:
                time.sleep(0.1)
            except LaneStopped:
                found["refused"] += 1
                time.sleep(0.05)
            else:
                used = answer.tokens_in + answer.tokens_out
                found["answered"].append((made_at, let_in_at, used))
    return found


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(float(sys.argv[1]))))  # noqa: T201  # the test reads it
