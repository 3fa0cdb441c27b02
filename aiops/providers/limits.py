"""Counting a lane's calls across all workers: one atomic script on the broker's Redis."""

from __future__ import annotations

import functools
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from aiops.providers import breaker
from aiops.providers.breaker import Sign, Tally
from aiops.providers.lane import Limits
from aiops.providers.limits_apart import Apart

if TYPE_CHECKING:
    from redis.commands.core import Script

log = logging.getLogger(__name__)

#: Parts into which a window is cut; an old part counts until it is wholly out of the window.
PARTS = 60
#: The counting must not hold up a call for long, nor be asked again at once when it is away.
TIMEOUT_S = 0.5
AWAY_S = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A call that was let in: what must be given back when it ends."""

    call: str
    part: int
    tokens: int
    #: Whether only this process counted it.
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class Denied:
    """There is no room now."""

    #: What is used up: "requests", "tokens" or "concurrency".
    what: str
    after_s: float


@dataclass(frozen=True, slots=True)
class Use:
    """What is used of a lane now."""

    requests: int = 0
    tokens: int = 0
    in_flight: int = 0
    #: False: Redis does not answer, so nobody knows.
    is_known: bool = True


# A window is cut into parts, each a field of a hash; the sum over all parts that touch the window
# is never less than what was used in it.
_SPENT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local width = tonumber(ARGV[1])
local this = math.floor(now / width)
local parts = {r = {}, t = {}}
local spent = {r = 0, t = 0}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local what, part = string.match(all[i], '^(%a)(%d+)$')
  part = tonumber(part)
  if part < this - 60 or part > this then
    redis.call('HDEL', KEYS[1], all[i])
  else
    parts[what][part] = tonumber(all[i + 1])
    spent[what] = spent[what] + tonumber(all[i + 1])
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local flight = redis.call('ZCARD', KEYS[2])
"""

_ENTER = (
    _SPENT
    + """
local call, lease, weight = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local most = {r = tonumber(ARGV[5]), t = tonumber(ARGV[6])}
local add = {r = 1, t = weight}
local function wait(what)
  local over, found = spent[what] + add[what] - most[what], this
  for part = this - 60, this do
    over = over - (parts[what][part] or 0)
    if over <= 0 then found = part break end
  end
  return (found + 61) * width - now
end
for _, what in ipairs({'r', 't'}) do
  if most[what] > 0 and spent[what] + add[what] > most[what] then
    return {0, what, wait(what)}
  end
end
if tonumber(ARGV[7]) > 0 and flight >= tonumber(ARGV[7]) then return {0, 'c', 1000} end
redis.call('HINCRBY', KEYS[1], 'r' .. this, 1)
redis.call('HINCRBY', KEYS[1], 't' .. this, weight)
redis.call('ZADD', KEYS[2], now + lease, call)
redis.call('PEXPIRE', KEYS[1], width * 62)
redis.call('PEXPIRE', KEYS[2], lease + 60000)
return {1, '', this}
"""
)

_LOOK = _SPENT + "return {spent.r, spent.t, flight}"

# What was reserved becomes what was used; how the call ended is counted for the breaker.
_LEAVE = """
redis.call('ZREM', KEYS[2], ARGV[1])
local field, more, sign = 't' .. ARGV[2], tonumber(ARGV[3]), ARGV[4]
local had = tonumber(redis.call('HGET', KEYS[1], field) or '-1')
if had >= 0 and more ~= 0 then redis.call('HSET', KEYS[1], field, math.max(0, had + more)) end
local second = tonumber(redis.call('TIME')[1])
if sign == 'ok' or sign == 'bad' then redis.call('HINCRBY', KEYS[3], sign .. second, 1) end
if sign == 'ok' then redis.call('HDEL', KEYS[3], 'stranger') end
if sign == 'stranger' then redis.call('HINCRBY', KEYS[3], 'stranger', 1) end
redis.call('EXPIRE', KEYS[3], 600)
local sum, strangers = {ok = 0, bad = 0}, 0
local all = redis.call('HGETALL', KEYS[3])
for i = 1, #all, 2 do
  local what, at = string.match(all[i], '^(%a-)(%d*)$')
  if at == '' then strangers = tonumber(all[i + 1])
  elseif tonumber(at) <= second - tonumber(ARGV[5]) then redis.call('HDEL', KEYS[3], all[i])
  else sum[what] = sum[what] + tonumber(all[i + 1]) end
end
return {sum.ok, sum.bad, strangers}
"""


@functools.cache
def _redis() -> Redis:
    """The broker's Redis; where the broker is another one, that of the results."""
    broker = settings.CELERY_BROKER_URL
    url = broker if broker.startswith("redis") else settings.CELERY_RESULT_BACKEND
    return Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)


@functools.cache
def _script(text: str) -> Script:
    return _redis().register_script(text)


class _Away:
    """Until when Redis is not asked again, by time.monotonic()."""

    until = 0.0


def _run(text: str, name: str, *args: object) -> list[Any] | None:
    """Run a script on the keys of a lane; None when Redis does not answer."""
    if time.monotonic() < _Away.until:
        return None
    keys = [f"aiops:lane:{{{name}}}:{what}" for what in ("use", "flight", "signs")]
    try:
        return cast("list[Any]", _script(text)(keys=keys, args=[str(arg) for arg in args]))
    except (RedisError, OSError) as error:
        _Away.until = time.monotonic() + AWAY_S
        log.warning("limits.redis_away lane=%s error=%s", name, error)
        return None


_apart = Apart()
_WHAT = {b"r": "requests", b"t": "tokens", b"c": "concurrency"}


def enter(name: str, limits: Limits, *, tokens: int, lease_s: float) -> Entry | Denied:
    """Let a call in, its tokens reserved, or say when there may be room.

    A call that is larger than the whole limit counts as large as that: it goes when nothing else does.
    """
    weight = min(tokens, limits.tokens) if limits.tokens else tokens
    call = uuid4().hex
    found = _run(
        _ENTER,
        name,
        *(_width_ms(limits), call, int(lease_s * 1000), weight),
        *(limits.requests, limits.tokens, limits.concurrency),
    )
    if found is None:
        what = _apart.enter(name, limits, call, tokens=weight, lease_s=lease_s)
        return Denied(what, 1.0) if what else Entry(call, 0, weight, is_apart=True)
    if not found[0]:
        return Denied(_WHAT[found[1]], max(0.05, int(found[2]) / 1000))
    return Entry(call, int(found[2]), weight)


def leave(
    name: str, entry: Entry, sign: Sign, *, tokens: int | None, window_s: float = breaker.WINDOW_S
) -> Tally:
    """End a call: `tokens` is what it used (None: unknown, so what was reserved stays counted).

    Returns how the calls of the last `window_s` ended; what is older is forgotten.
    """
    more = 0 if tokens is None else tokens - entry.tokens
    if entry.is_apart:
        return _apart.leave(name, entry.call, sign, more, window_s)
    found = _run(_LEAVE, name, entry.call, entry.part, more, sign, window_s)
    # Its lease ends by itself.
    return Tally(*map(int, found)) if found else _apart.leave(name, entry.call, sign, 0, window_s)


def look(name: str, limits: Limits) -> Use:
    """What is used of a lane now."""
    found = _run(_LOOK, name, _width_ms(limits))
    if found is None:
        return Use(is_known=False)
    requests, tokens, in_flight = map(int, found)
    return Use(requests, tokens, in_flight)


def _width_ms(limits: Limits) -> int:
    return max(1, round(limits.window_s * 1000 / PARTS))
