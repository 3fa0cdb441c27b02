"""Make, list and rotate webhooks, and send again what was given up."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from aiops.management.acting import OperatorCommand, actor, refusals_told
from aiops.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from aiops.webhooks import configure
from aiops.webhooks.configure import Given


class Command(OperatorCommand):
    help = "Make, list and rotate webhooks, and send again what was given up, as the console does."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="make one; its signing secret is printed once")
        add.add_argument("name")
        add.add_argument("url")
        add.add_argument("--tenant", default="default", help='"" for every tenant')
        add.add_argument("--kind", action="append", default=[], help="only this kind; repeatable")
        add.add_argument(
            "--workflow", action="append", default=[], help="only of this workflow; repeatable"
        )
        add.add_argument("--gives-result", action="store_true", help="send results of runs too")
        verbs.add_parser("list", help="list them, and how each does")
        rotate = verbs.add_parser("rotate", help="make a new secret; it is printed once")
        rotate.add_argument("webhook", help="its name or id")
        rotate.add_argument(
            "--overlap-h", type=float, default=24, help="how long the old one signs too"
        )
        replay = verbs.add_parser("replay", help="send again what was given up")
        replay.add_argument("webhook", help="its name or id")
        replay.add_argument("--since-h", type=float, default=24, help="in so many hours")
        replay.add_argument("--reason", default="", help="why; it is kept")
        replay.add_argument("--yes", action="store_true", help="do it; without, it is counted")

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals_told():
            match options["verb"]:
                case "add":
                    self._add(options)
                case "list":
                    self._list()
                case "rotate":
                    self._rotate(options)
                case "replay":
                    self._replay(options)

    def _add(self, options: dict[str, Any]) -> None:
        given = Given(
            name=options["name"],
            url=options["url"],
            tenant=options["tenant"],
            kinds=options["kind"],
            workflows=options["workflow"],
            gives_result=options["gives_result"],
        )
        endpoint, secret = configure.make(given, actor=actor())
        self.stderr.write(f"{endpoint.id}  {endpoint.name}")
        self._secret(secret)

    def _list(self) -> None:
        found = WebhookEndpoint.objects.exclude(state=EndpointState.REMOVED).order_by("name")
        for one in found:
            waiting = one.deliveries.filter(state=DeliveryState.WAITING).count()
            error = f"  {one.last_error}" if one.failing_since else ""
            self.stdout.write(
                f"{one.id}  {one.state:<9} {waiting:>6} waiting  {one.name} ({one.tenant or '*'}){error}"
            )

    def _rotate(self, options: dict[str, Any]) -> None:
        overlap = timedelta(hours=options["overlap_h"])
        self._secret(configure.rotate(_found(options["webhook"]), actor=actor(), overlap=overlap))

    def _replay(self, options: dict[str, Any]) -> None:
        since = timezone.now() - timedelta(hours=options["since_h"])
        found: list[WebhookDelivery] = configure.failed_since(_found(options["webhook"]), since)
        if not options["yes"]:
            self.stdout.write(f"{len(found)} would be sent again. Add --yes to do it.")
            return
        number = configure.replay(found, actor=actor(), reason=options["reason"])
        self.stdout.write(f"{number} will be sent again.")

    def _secret(self, secret: str) -> None:
        """Alone on standard output, so that a script can take it."""
        self.stderr.write("The signing secret, which nobody can see again:")
        self.stdout.write(secret)


def _found(text: str) -> WebhookEndpoint:
    """The endpoint of this name or id."""
    wanted = Q(name=text)
    # A name is no id.
    with suppress(ValueError):
        wanted |= Q(id=UUID(text))
    found = list(WebhookEndpoint.objects.exclude(state=EndpointState.REMOVED).filter(wanted)[:2])
    if len(found) != 1:
        many = "several webhooks have the name" if found else "there is no webhook"
        raise CommandError(f"{many} {text}: manage.py webhook list shows their ids")
    return found[0]
