"""/metrics: for whoever knows the token; without one, for this machine alone."""

from __future__ import annotations

import hmac
from functools import cache
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from aiops.upkeep.metrics.collect import Record

#: With one of these, the other end of the connection is a proxy, whoever stands behind it.
_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via")
_REFUSED = (
    "Metrics are for this machine alone. To read them from elsewhere, set AIOPS_METRICS_TOKEN and "
    "send it as: Authorization: Bearer <token>\n"
)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not may_read(request):
        return HttpResponseForbidden(_REFUSED, content_type="text/plain")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(_registry()), content_type=content_type)


def may_read(request: HttpRequest) -> bool:
    """Whether the token is right; where none is set, whether it was asked on this machine."""
    token = settings.AIOPS_METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


@cache
def _registry() -> CollectorRegistry:
    """Made on the first scrape; what has been added up stays with the process."""
    registry = CollectorRegistry()
    registry.register(Record())
    return registry
