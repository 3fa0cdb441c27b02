"""Making, changing and steering endpoints: what the console and the shell share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from aiops.execution import addresses, webhook_question
from aiops.execution.addresses import Refused
from aiops.execution.resume import NotPossible
from aiops.models import (
    DeliveryState,
    EndpointState,
    WebhookDelivery,
    WebhookEndpoint,
    webhook_moves,
)
from aiops.models.ids import new_id
from aiops.models.webhook_kinds import KINDS
from aiops.webhooks import signing

#: Somebody waits for the name service here.
_RESOLVE_S = 3.0
#: So many deliveries are sent again at once.
MOST_REPLAYED = 10_000


@dataclass(frozen=True, slots=True)
class Given:
    """What a person says of an endpoint."""

    name: str
    url: str
    tenant: str = "default"
    kinds: Sequence[str] = ()
    workflows: Sequence[str] = ()
    gives_result: bool = False


def make(given: Given, *, actor: str, id_: UUID | None = None) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; returns it with its signing secret, which nobody can read again.

    A second time with the same id it is not made: the secret is "" then. Raises NotPossible.
    """
    fields = _checked(given)
    secret = signing.new_secret()
    endpoint = WebhookEndpoint(
        id=id_ or new_id(),
        made_by=actor,
        secrets=signing.first(secret, timezone.now()),
        **fields,
    )
    is_new = webhook_moves.make(endpoint, actor=actor)
    return WebhookEndpoint.objects.get(id=endpoint.id), secret if is_new else ""


def edit(endpoint: WebhookEndpoint, given: Given, *, actor: str) -> list[str]:
    """Change an endpoint; returns the names of what is different now. Raises NotPossible."""
    _refuse_removed(endpoint)
    return webhook_moves.edit(endpoint, actor=actor, **_checked(given))


def rotate(endpoint: WebhookEndpoint, *, actor: str, overlap: timedelta = signing.OVERLAP) -> str:
    """Give an endpoint a new secret, beside which the old one signs for a while; returns the new one."""
    _refuse_removed(endpoint)
    secret = signing.new_secret()
    kept = signing.rotated(endpoint.secrets, secret, timezone.now(), overlap=overlap)
    if not webhook_moves.set_secrets(endpoint, kept, actor=actor):
        raise NotPossible("somebody else has just rotated it: look again")
    return secret


def pause(endpoint: WebhookEndpoint, *, actor: str, reason: str) -> None:
    if not webhook_moves.pause(endpoint, actor=actor, reason=reason):
        raise NotPossible("it is not active: there is nothing to pause")


def resume(endpoint: WebhookEndpoint, *, actor: str, reason: str) -> None:
    """Let what waits go. A question about it is closed: its cause is gone."""
    asked = endpoint.question
    if not webhook_moves.resume(endpoint, actor=actor, reason=reason):
        raise NotPossible("it is neither paused nor disabled: it goes on by itself")
    if asked is not None:
        webhook_question.close(endpoint, why=f"{actor} has let the webhook go on")


def remove(endpoint: WebhookEndpoint, *, actor: str, reason: str) -> None:
    """Send nothing there any more; what was sent stays in the record."""
    if not webhook_moves.remove(endpoint, actor=actor, reason=reason):
        raise NotPossible("it is removed already")
    webhook_question.close(endpoint, why=f"{actor} has removed the webhook")


def test(endpoint: WebhookEndpoint, *, actor: str) -> WebhookDelivery:
    """Send a message of the kind `webhook.test`, once."""
    if endpoint.state != EndpointState.ACTIVE:
        raise NotPossible("it is not active: resume it first")
    return webhook_moves.test(endpoint, actor=actor)


# Sending again

#: What may be sent again: what is over. The rest comes by itself.
OVER = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.DROPPED)


def failed_since(endpoint: WebhookEndpoint, since: datetime) -> list[WebhookDelivery]:
    """What was given up since a time, and not sent again yet."""
    found = WebhookDelivery.objects.filter(
        endpoint=endpoint, state=DeliveryState.FAILED, made_at__gte=since
    )
    again = WebhookDelivery.objects.filter(endpoint=endpoint, replay_of__isnull=False)
    left = found.exclude(id__in=again.values("replay_of"))
    return list(left.order_by("id")[:MOST_REPLAYED])


def replay(found: Sequence[WebhookDelivery], *, actor: str, reason: str) -> int:
    """Send deliveries again that are over; returns how many. Raises NotPossible."""
    over = [one for one in found if one.state in OVER and not one.endpoint.is_removed]
    if not over:
        raise NotPossible("none of them can be sent again: what waits comes by itself")
    return webhook_moves.replay(over, actor=actor, reason=reason)


# Looking at what was given


def _checked(given: Given) -> dict[str, object]:
    fields = asdict(given)
    fields |= {"name": given.name.strip(), "url": given.url.strip(), "tenant": given.tenant.strip()}
    fields |= {"kinds": sorted(set(given.kinds)), "workflows": sorted(set(given.workflows))}
    if not fields["name"] or len(given.name) > 100:
        raise NotPossible("give it a name of at most 100 characters")
    if unknown := set(given.kinds) - set(KINDS):
        raise NotPossible(
            f"there is no kind {', '.join(sorted(unknown))}: choose among {', '.join(KINDS)}"
        )
    check_url(given.url)
    return fields


def check_url(url: str) -> None:
    """Look at an address as sending does; raises NotPossible with what to do."""
    if len(url) > 500:
        raise NotPossible("the URL is longer than 500 characters: give a shorter one")
    rules = addresses.rules()
    try:
        target = addresses.target(url, rules)
        addresses.judged(target, rules, within_s=_RESOLVE_S)
    except Refused as error:
        raise NotPossible(f"the URL cannot be used. {error}") from None


def _refuse_removed(endpoint: WebhookEndpoint) -> None:
    if endpoint.is_removed:
        raise NotPossible("it was removed: make another one")
