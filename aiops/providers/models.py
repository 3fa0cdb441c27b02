"""The aliases: which endpoint and model stand behind a name such as "fast" or "embed"."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiops.flow.errors import LaneStopped
from aiops.providers.lane import Limits, name_of

LOCAL_URL = "http://127.0.0.1:8711/v1"
LOCAL_CHAT_MODEL = "smollm2-135m-instruct"
LOCAL_EMBED_MODEL = "all-minilm-l6-v2"
LOCAL_CAVEAT = "Written by a 135 M demo model: proof of plumbing, not of quality."


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model answers. Equal addresses share one client in each thread."""

    base_url: str
    model: str
    key: str = field(default="", repr=False)
    #: What a reader of this model's answers must know; empty for most.
    caveat: str = ""
    #: The lane that its calls go through, and what all workers together may use of it.
    lane: str = field(default="", compare=False)
    limits: Limits = field(default_factory=Limits, compare=False)


def address_of(alias: str) -> Address:
    """Return the address behind an alias; raises LaneStopped for one that is not configured."""
    return resolve(alias, _configured(), os.environ)


def resolve(alias: str, configured: Mapping[str, Any], environ: Mapping[str, str]) -> Address:
    """Decide the address: the settings first, then the environment, then the local model."""
    if alias in configured:
        return _from_settings(alias, configured[alias], environ)
    match alias:
        case "fast":
            return _from_environ("AIOPS_MODEL", environ, LOCAL_CHAT_MODEL, LOCAL_CAVEAT)
        case "embed":
            return _from_environ("AIOPS_EMBED", environ, LOCAL_EMBED_MODEL, "")
        case _:
            raise LaneStopped(_unknown(alias, {*configured, "fast", "embed"}), kind="config")


def known_aliases() -> set[str]:
    return {*_configured(), "fast", "embed"}


def _configured() -> Mapping[str, Any]:
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        return getattr(settings, "AIOPS_MODELS", None) or {}
    except ImproperlyConfigured:  # an author's test of a single step, without a Django project
        return {}


def _from_settings(alias: str, entry: Mapping[str, Any], environ: Mapping[str, str]) -> Address:
    missing = [name for name in ("base_url", "model") if not entry.get(name)]
    if missing:
        raise LaneStopped(
            f"The model {alias!r} has no {' and no '.join(missing)}. Add it to AIOPS_MODELS[{alias!r}].",
            kind="config",
        )
    variable = entry.get("api_key_env", "")
    lane = entry.get("lane") or name_of(entry["base_url"], entry["model"], variable)
    return Address(
        base_url=entry["base_url"],
        model=entry["model"],
        key=_key(alias, lane, variable, environ),
        caveat=entry.get("caveat", ""),
        lane=lane,
        limits=_limits(f"AIOPS_MODELS[{alias!r}]", entry.get("limits", {})),
    )


def _key(alias: str, lane: str, variable: str, environ: Mapping[str, str]) -> str:
    if variable and not environ.get(variable):
        refused = LaneStopped(
            f"The key of the model {alias!r} is read from {variable}, which is not set. "
            "Set it for the workers, restart them, and resume the lane.",
            kind="config",
        )
        refused.lane = lane
        raise refused
    return environ[variable] if variable else ""


def _limits(where: str, entry: Mapping[str, Any]) -> Limits:
    try:
        return Limits.of(entry)
    except ValueError as error:
        raise LaneStopped(f"The limits of {where} are wrong: {error}.", kind="config") from None


def _from_environ(
    prefix: str, environ: Mapping[str, str], local_model: str, local_caveat: str
) -> Address:
    """Read <prefix>_URL, _NAME, _KEY and the limits; without the first, use the local model."""
    if url := environ.get(f"{prefix}_URL"):
        name = environ.get(f"{prefix}_NAME")
        if not name:
            raise LaneStopped(
                f"{prefix}_URL is set, but {prefix}_NAME is not. "
                "Set it to the name of the model to ask at that address.",
                kind="config",
            )
        key = environ.get(f"{prefix}_KEY", "")
        lane = name_of(url, name, f"{prefix}_KEY" if key else "")
        return Address(url, name, key, lane=lane, limits=_environ_limits(prefix, environ))
    local = environ.get("AIOPS_LOCAL_MODEL_URL") or LOCAL_URL
    limits = _environ_limits(prefix, environ)
    lane = name_of(local, local_model, "")
    return Address(local, local_model, caveat=local_caveat, lane=lane, limits=limits)


def _environ_limits(prefix: str, environ: Mapping[str, str]) -> Limits:
    """Read <prefix>_REQUESTS_PER_MIN, _TOKENS_PER_MIN and _CONCURRENCY."""
    names = ("requests_per_min", "tokens_per_min", "concurrency")
    given = {name: environ.get(f"{prefix}_{name.upper()}", "") for name in names}
    wrong = next(
        (f"{prefix}_{n.upper()}={v!r}" for n, v in given.items() if v and not v.isdigit()), ""
    )
    if wrong:
        raise LaneStopped(f"{wrong} is no whole number. Mend it and restart.", kind="config")
    return Limits(**{name: int(value) for name, value in given.items() if value})


def _unknown(alias: str, known: set[str]) -> str:
    near = difflib.get_close_matches(alias, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"No model is called {alias!r}.{hint} Known: {', '.join(sorted(known))}. "
        "Add it to AIOPS_MODELS in the settings."
    )
