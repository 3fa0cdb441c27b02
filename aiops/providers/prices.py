"""What tokens cost: a table of one's own in the settings, then genai-prices; else it is not known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiops.providers.models import Address


@dataclass(frozen=True, slots=True)
class Used:
    """The tokens of one call. Cached ones are part of `tokens_in`, reasoning is part of `tokens_out`."""

    tokens_in: int
    tokens_out: int = 0
    tokens_cached: int = 0


def cost_microusd(alias: str, address: Address, used: Used) -> int | None:
    """What this costs, rounded up: what is paid is never shown as 0. None: no price is known."""
    own = _table()
    entry = own.get(alias) or own.get(address.model)
    return _own(entry, used) if entry else _listed(address, used)


#: What a listed model costs in a batch, as a share of its price: what providers that list one ask for.
LISTED_BATCH = 0.5


def batch_microusd(alias: str, address: Address, used: Used) -> int | None:
    """What this costs in a provider's batch. None: no price is known."""
    full = cost_microusd(alias, address, used)
    own = _table().get(alias) or _table().get(address.model)
    share = own.get("batch", 1.0) if own else LISTED_BATCH
    return None if full is None else _rounded(full * share)


def is_free(alias: str, address: Address) -> bool:
    """Whether the table says that calls of this model cost nothing."""
    return cost_microusd(alias, address, Used(1_000_000, 1_000_000)) == 0


def _table() -> Mapping[str, Mapping[str, float]]:
    """AIOPS_PRICES: alias or model -> {"input", "output", "cached"} in dollars for a million tokens."""
    from django.conf import settings

    return getattr(settings, "AIOPS_PRICES", None) or {}


def _own(entry: Mapping[str, float], used: Used) -> int:
    # A dollar for a million tokens is a millionth of a dollar for one.
    full = used.tokens_in - used.tokens_cached
    cached = entry.get("cached", entry.get("input", 0))
    total = (
        full * entry.get("input", 0) + used.tokens_cached * cached
        + used.tokens_out * entry.get("output", 0)
    )  # fmt: skip
    return _rounded(total)


def _listed(address: Address, used: Used) -> int | None:
    """The price that genai-prices lists for a model at this address; a private address has none."""
    # Imported on the first call: only who asks a model needs a price list.
    from genai_prices import Usage, calc_price

    usage: Any = Usage(
        input_tokens=used.tokens_in,
        output_tokens=used.tokens_out,
        cache_read_tokens=used.tokens_cached,
    )
    try:
        found = calc_price(usage, address.model, provider_api_url=address.base_url)
    except (LookupError, ValueError):
        return None
    return _rounded(float(found.total_price) * 1_000_000)


def _rounded(microusd: float) -> int:
    # 0.1 * 3 is a little more than 0.3, and is not to cost a millionth more.
    return math.ceil(round(microusd, 6))
