"""System checks: what is wrong is told before anything starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from aiops.api.origins import is_origin
from aiops.execution import addresses, notify
from aiops.flow.registry import registry
from aiops.providers import capture, routes
from aiops.providers.models import known_aliases


@register("aiops")
def workflow_files(**_: Any) -> list[CheckMessage]:
    """aiops.E001: a workflow file is wrong, with its file and line."""
    registry.load(settings.AIOPS_WORKFLOWS)
    return [Error(str(error), id="aiops.E001") for error in registry.errors]


@register("aiops")
def lease_and_renewal(**_: Any) -> list[CheckMessage]:
    """aiops.E002: a lease must outlive two renewals, or a busy second loses it."""
    if settings.AIOPS_LEASE_S >= 2 * settings.AIOPS_RENEW_S:
        return []
    return [
        Error(
            f"AIOPS_LEASE_S ({settings.AIOPS_LEASE_S:g}) is less than twice AIOPS_RENEW_S "
            f"({settings.AIOPS_RENEW_S:g})",
            hint="Raise the lease, or renew more often.",
            id="aiops.E002",
        )
    ]


@register("aiops")
def notifications(**_: Any) -> list[CheckMessage]:
    """aiops.W003: somebody is to be told of questions who cannot be."""
    found = notify.wrong(
        settings.AIOPS_NOTIFY,
        secret=settings.AIOPS_NOTIFY_SECRET,
        can_mail=settings.AIOPS_CAN_MAIL,
    )
    return [Warning(sentence, id="aiops.W003") for sentence in found]


@register("aiops")
def model_routes(**_: Any) -> list[CheckMessage]:
    """aiops.E004: a route between models is written wrongly, or leads nowhere."""
    found = routes.wrong(settings.AIOPS_ROUTES, known_aliases())
    return [Error(sentence, id="aiops.E004") for sentence in found]


@register("aiops")
def captured(**_: Any) -> list[CheckMessage]:
    """aiops.E005: a policy for prompts and answers that nobody knows; nothing would be kept."""
    found = capture.wrong(settings.AIOPS_CAPTURE)
    return [Error(sentence, id="aiops.E005") for sentence in found]


@register("aiops")
def front_door(**_: Any) -> list[CheckMessage]:
    """aiops.E006: a bound or an origin of the API that would let nobody in, or everybody."""
    found = [
        f"{name} is {number}: it must be 1 or more"
        for name in ("AIOPS_API_IN_FLIGHT", "AIOPS_API_FAILURES_PER_MINUTE")
        if (number := getattr(settings, name)) < 1
    ]
    found += [
        f"AIOPS_CORS_ORIGINS has {origin!r}, which is no origin: give scheme and host only, such "
        "as https://shop.example.com, separated by commas"
        for origin in settings.CORS_ALLOWED_ORIGINS
        if not is_origin(origin)
    ]
    return [Error(sentence, id="aiops.E006") for sentence in found]


@register("aiops")
def webhook_addresses(**_: Any) -> list[CheckMessage]:
    """aiops.E020: something is meant to be allowed that nothing can match."""
    found = addresses.wrong(settings.AIOPS_WEBHOOKS_ALLOW)
    return [Error(sentence, id="aiops.E020") for sentence in found]
