"""Make, list, rotate and revoke the API keys of other programs."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from aiops.access import keys
from aiops.access.caller import EVERY_TENANT
from aiops.access.keys import KeyRefused
from aiops.management.acting import OperatorCommand, actor
from aiops.management.telling import span
from aiops.models import ApiKey, KeyState, Scope

_COLOURS = {KeyState.WORKS: "SUCCESS", KeyState.REPLACED: "WARNING"}


def days(text: str) -> int:
    """A number of days, for argparse."""
    if not text.isdecimal() or not 1 <= int(text) <= 3_650:
        raise ArgumentTypeError(f"{text!r} is no number of days: give 1 to 3650")
    return int(text)


def hours(text: str) -> float:
    """A number of hours, for argparse."""
    most = keys.LONGEST_OVERLAP / timedelta(hours=1)
    try:
        found = float(text)
    except ValueError:
        found = -1
    if not 0 <= found <= most:
        raise ArgumentTypeError(f"{text!r} is no number of hours: give 0 to {most:g}")
    return found


class Command(OperatorCommand):
    help = (
        "Make, list, rotate or revoke the keys with which other programs call the API. make and "
        "rotate write the key to standard output, once, and everything else to standard error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        make = verbs.add_parser("make", help="make a key")
        make.add_argument("name", help="the program that will use it")
        make.add_argument(
            "--scope",
            action="append",
            choices=Scope.values,
            required=True,
            metavar="SCOPE",
            help=f"what it may do, may be repeated: {', '.join(Scope.values)}",
        )
        whose = make.add_mutually_exclusive_group()
        whose.add_argument("--tenant", default="default", help="whose runs it reaches (default)")
        whose.add_argument(
            "--every-tenant", action="store_true", help="for a program that serves them all"
        )
        make.add_argument("--days", type=days, help="works for so many days (else until revoked)")
        make.add_argument("--per-minute", type=int, default=600, help="requests a minute (600)")
        make.add_argument("--streams", type=int, default=100, help="streams at once (100)")
        listed = verbs.add_parser("list", help="list the keys that work")
        listed.add_argument("--all", action="store_true", help="also those that have ended")
        listed.add_argument("--json", action="store_true", help="as JSON, one key a line")
        rotate = verbs.add_parser("rotate", help="replace a key by a new one with the same rights")
        rotate.add_argument(
            "--overlap-h", type=hours, default=24, help="both work for so many hours (24)"
        )
        revoke = verbs.add_parser("revoke", help="let a key open nothing any more")
        for verb in (rotate, revoke):
            verb.add_argument("key", help="its prefix, as list shows it, or the key itself")
        for verb in (make, rotate, revoke):
            verb.add_argument("--reason", default="", help="why; it is kept in the audit")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except KeyRefused as error:
            raise CommandError(f"{str(error).rstrip('.')}. Nothing was changed.") from None

    def _make(self, options: dict[str, Any]) -> None:
        lasts = timedelta(days=options["days"]) if options["days"] else None
        row, key = keys.make(
            options["name"],
            scopes=options["scope"],
            tenant=EVERY_TENANT if options["every_tenant"] else options["tenant"],
            made_by=actor(),
            expires_at=timezone.now() + lasts if lasts else None,
            per_minute=options["per_minute"],
            streams=options["streams"],
            reason=options["reason"],
        )
        self._show_once(row, key)

    def _rotate(self, options: dict[str, Any]) -> None:
        row = _named(options["key"])
        overlap = timedelta(hours=options["overlap_h"])
        new, key = keys.rotate(row, overlap=overlap, by=actor(), reason=options["reason"])
        self._show_once(new, key)
        self.stderr.write(f"{row} works until {row.expires_at:%Y-%m-%d %H:%M} UTC.")

    def _revoke(self, options: dict[str, Any]) -> None:
        row = _named(options["key"])
        keys.revoke(row, by=actor(), reason=options["reason"])
        self.stdout.write(f"{row} opens nothing any more.")

    def _list(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        found = ApiKey.objects.select_related("replaced_by").order_by("name", "made_at")
        shown = [row for row in found if options["all"] or row.opens(now)]
        for row in shown:
            self.stdout.write(_entry(row) if options["json"] else self._line(row))
        if not shown and not options["json"]:
            self.stderr.write("No key works: manage.py apikey make NAME --scope start makes one.")

    def _show_once(self, row: ApiKey, key: str) -> None:
        self.stderr.write(f"{row} is made. The key is shown this once:")
        # Alone on a line, so that a script can take it.
        self.stdout.write(key)

    def _line(self, row: ApiKey) -> str:
        now = timezone.now()
        state = row.state(now)
        paint = getattr(self.style, _COLOURS.get(state, "HTTP_INFO"))
        ends = row.expires_at if row.opens(now) else None
        parts = (
            row.prefix,
            paint(f"{state.label:<9}"),
            f"{row.name:<24}",
            f"{row.tenant or '(every tenant)':<16}",
            ",".join(row.scopes),
            f"expires in {span((ends - now).total_seconds())}" if ends else "",
            f"replaced by {row.replaced_by.prefix}" if row.replaced_by else "",
            f"used {span((now - row.last_used_at).total_seconds())} ago"
            if row.last_used_at
            else "never used",
        )
        return "  ".join(part for part in parts if part)


def _named(text: str) -> ApiKey:
    """The key of a prefix, or of the key itself: who has found one in a log has that."""
    prefix = keys.prefix_of(text) or text.removeprefix(f"{keys.MARK}_").partition("_")[0]
    found = ApiKey.objects.select_related("replaced_by").filter(prefix=prefix)
    row = found.first() if prefix.isalnum() else None
    if row is None:
        raise CommandError("there is no such key: manage.py apikey list --all names them")
    return row


def _entry(row: ApiKey) -> str:
    times = {
        name: moment.isoformat() if (moment := getattr(row, name)) else None
        for name in ("made_at", "expires_at", "revoked_at", "last_used_at")
    }
    return json.dumps(
        {
            "prefix": row.prefix,
            "name": row.name,
            "tenant": row.tenant or None,
            "scopes": row.scopes,
            "state": row.state(timezone.now()).value,
            "per_minute": row.per_minute,
            "streams": row.streams,
            "made_by": row.made_by,
            "replaced_by": row.replaced_by.prefix if row.replaced_by else None,
            **times,
        }
    )
