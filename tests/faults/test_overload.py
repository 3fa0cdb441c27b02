"""More starts than the front door takes: some are turned away and told so, and none that was accepted is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.aftermath import nothing_is_lost
from tests.faults.knocking import Job, Report, knock, starts_of
from tests.faults.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.slow]

#: As the Procfile serves in production; few at a time, so that a small crowd is too many.
PRODUCTION = {
    "AIOPS_ENV": "production",
    "SECRET_KEY": "x" * 50,
    "ALLOWED_HOSTS": "127.0.0.1",
    "SECURE_SSL_REDIRECT": "0",
    "AIOPS_API_IN_FLIGHT": "8",
}
ALONE_S, CROWD_S = 2.0, 4.0
#: Connections at most. Each may become one of the database's.
STRANGERS = 60


def test_twice_as_many_starts_as_are_taken_lose_nothing_and_break_nothing(stack: Stack) -> None:
    """Kills nothing: the crowd is the fault."""
    stack.up("keeper", "control", "io")
    stack.up("web", env=PRODUCTION)
    key = str(stack.caller.ask("make_key")["answer"])
    port = int(stack.environ["WEB_PORT"])

    def come(prefix: str, **how: Any) -> Report:
        return knock(Job(port=port, **starts_of("trip", key, prefix, {}), **how))

    alone = come("alone", mode="closed", lasts_s=ALONE_S, callers=4)
    crowd = come(
        "crowd", mode="open", lasts_s=CROWD_S, callers=STRANGERS, per_s=2 * max(alone.per_s, 20)
    )
    after = come("after", mode="closed", lasts_s=0.5, callers=1)

    assert alone.broken == crowd.broken == after.broken == {}
    assert set(alone.codes) == set(after.codes) == {"202"}
    assert set(crowd.codes) <= {"202", "429"}
    runs = [*alone.runs, *crowd.runs, *after.runs]
    assert len(crowd.runs) == crowd.codes["202"] > 0
    assert len(set(runs)) == len(runs)
    nothing_is_lost(stack, runs, within_s=90)
    stack.down("web")
