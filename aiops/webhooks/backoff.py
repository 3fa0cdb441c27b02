"""When a message that was not taken is tried again. Pure."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: After each failed try; the last one stands for all that follow.
WAITS_S: tuple[float, ...] = (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 8 * 3600)
#: After so long without success a message is given up, and an endpoint disabled.
LASTS = timedelta(days=3)
#: A receiver may ask for more patience, up to this.
MOST_ASKED_S = 6 * 3600.0
#: After so many failures in a row the endpoint as a whole is held back, and tried with one message.
AWAY_AFTER = 5
_AWAY_S, _MOST_AWAY_S = 5.0, 300.0
#: So many messages of different runs are on their way to one endpoint at once.
AT_ONCE = 6


def wait(tries: int, asked_s: float = 0.0) -> timedelta:
    """How long to wait after the given number of tries; not sooner than the receiver asked for.

    Spread by a fifth, so that what failed together does not come back together.
    """
    own_s = WAITS_S[min(max(tries, 1), len(WAITS_S)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311  # no secret
    return timedelta(seconds=max(own_s, min(asked_s, MOST_ASKED_S)))


def asked(retry_after: str, now: datetime) -> float:
    """The seconds that a Retry-After asks for, as a number or as a date; 0 when it says nothing."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MOST_ASKED_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), MOST_ASKED_S)


def held_back(failures: int) -> timedelta | None:
    """How long nothing at all is sent to an endpoint after so many failures in a row."""
    if failures < AWAY_AFTER:
        return None
    return timedelta(seconds=min(_AWAY_S * 2 ** min(failures - AWAY_AFTER, 10), _MOST_AWAY_S))


def at_once(failures: int) -> int:
    """How many messages may be on their way to an endpoint that has failed so often in a row."""
    return 1 if failures >= AWAY_AFTER else AT_ONCE


def is_over(since: datetime | None, now: datetime) -> bool:
    """Whether something has failed for so long that it is given up."""
    return since is not None and now - since >= LASTS
