"""What a response may load, run and be framed by: one policy for pages, one for everything else."""

from __future__ import annotations

from typing import Any

from csp.constants import NONCE, NONE, SELF
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

#: Pages: everything from here, nothing inline, no eval. The nonce belongs to the one style that unfold
#: writes into a page, its colours.
PAGES: dict[str, Any] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF, NONCE],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
    "base-uri": [NONE],
    "object-src": [NONE],
}
#: Answers of the API, streams, files: shown as a page by mistake, they can do nothing.
NOTHING: dict[str, Any] = {"default-src": [NONE], "frame-ancestors": [NONE], "base-uri": [NONE]}

#: Nothing here asks for a camera or a place.
_PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in (
        *("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation"),
        *("gyroscope", "hid", "idle-detection", "magnetometer", "microphone", "midi", "payment"),
        *("publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
    )
)


class Policy(CSPMiddleware):
    """Gives every response its policy. A view may widen its own with the decorators of django-csp.

    A page that others may frame needs two of them:
    `@csp_replace({"frame-ancestors": [...]})` and Django's `@xframe_options_exempt`.
    """

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and parts.config is None and not is_page(response):
            parts.config = NOTHING
        return parts

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        # What a person or a program has asked about is kept by nobody on the way.
        response.headers.setdefault("Cache-Control", "no-store")
        return super().process_response(request, response)


def is_page(response: HttpResponseBase) -> bool:
    """Whether a browser would show it as a page."""
    return response.headers.get("Content-Type", "").startswith(("text/html", "application/xhtml"))
