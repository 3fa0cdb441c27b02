"""Requests a minute: counted on the broker's Redis for all web processes, here while it is away."""

from __future__ import annotations

import functools
import ipaddress
import logging
import math
import time
from dataclasses import dataclass

from django.conf import settings
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from aiops.access.caller import Caller

log = logging.getLogger(__name__)

#: Counting must not hold up a request for long, nor be asked again at once when it is away.
TIMEOUT_S = 0.2
AWAY_S = 5.0
WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands with a limit, as the headers of an answer tell it."""

    #: The name of the policy: "key", "run" or "failures".
    policy: str
    limit: int
    left: int
    #: In how many seconds a part of it comes back.
    reset_s: int
    is_over: bool = False

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers has them."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"{self.policy}";r={self.left};t={self.reset_s}',
        }


def take(who: Caller) -> Standing:
    """Count a request of somebody who was let in."""
    if who.run_id is not None:
        return _take("run", who.run_id.hex, who.per_minute)
    return _take("key", str(who.key_id), who.per_minute)


def take_failure(address: str) -> Standing:
    """Count a request with a wrong key from an address. Those with a good one are not counted here."""
    return _take("failures", network(address), settings.AIOPS_API_FAILURES_PER_MINUTE)


def network(address: str) -> str:
    """What is counted as one: an address, or the network that a home gets with IPv6. Pure."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False).network_address)
    return str(found)


class _Away:
    """Until when Redis is not asked again, by time.monotonic()."""

    until = 0.0


def _take(policy: str, name: str, per_minute: int) -> Standing:
    if time.monotonic() >= _Away.until:
        try:
            return _count(_shared(_url()), policy, name, per_minute)
        except (RedisError, OSError) as error:
            _Away.until = time.monotonic() + AWAY_S
            log.warning("api.limits_counted_apart error=%s", type(error).__name__)
    return _count(_apart(), policy, name, per_minute)


def _count(
    counter: SlidingWindowCounterRateLimiter, policy: str, name: str, per_minute: int
) -> Standing:
    item = RateLimitItemPerMinute(per_minute, namespace=policy)
    has_room = counter.hit(item, name)
    stats = counter.get_window_stats(item, name)
    reset_s = max(1, math.ceil(stats.reset_time - time.time()))
    left = int(stats.remaining) if has_room else 0
    return Standing(policy, per_minute, left, min(reset_s, WINDOW_S), is_over=not has_room)


def _url() -> str:
    """The broker's Redis; where the broker is another one, that of the results."""
    broker = settings.CELERY_BROKER_URL
    return broker if broker.startswith("redis") else settings.CELERY_RESULT_BACKEND


@functools.cache
def _shared(url: str) -> SlidingWindowCounterRateLimiter:
    pool = ConnectionPool.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        # Its own would hold up the request that finds the server away, by seconds.
        retry=Retry(NoBackoff(), 0),
    )
    return SlidingWindowCounterRateLimiter(
        RedisStorage(url, connection_pool=pool, key_prefix="aiops:api")
    )


@functools.cache
def _apart() -> SlidingWindowCounterRateLimiter:
    return SlidingWindowCounterRateLimiter(MemoryStorage())


def forget_counts() -> None:
    """Count anew, for everybody."""
    _Away.until = 0.0
    _apart.cache_clear()
    _shared(_url()).storage.reset()
