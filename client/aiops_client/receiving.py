"""Receiving webhooks: believe a message only when its signature is right (needs aiops-client[webhooks])."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

__all__ = ["Event", "WebhookVerificationError", "read"]


@dataclass(frozen=True, slots=True)
class Event:
    """A CloudEvent of the server."""

    #: The same for every delivery of this event: keep it, and do nothing the second time.
    id: str
    #: "aiops.run.succeeded", ...
    type: str
    run_id: str
    data: Mapping[str, Any]


def read(body: bytes, headers: Mapping[str, str], secret: str) -> Event:
    """The event of a request. Raises WebhookVerificationError: answer 401, and do nothing."""
    lowered = {name.lower(): value for name, value in headers.items()}
    Webhook(secret).verify(body, lowered)
    said = json.loads(body)
    data = said.get("data") or {}
    return Event(str(said["id"]), str(said["type"]), str(data.get("run_id", "")), data)
