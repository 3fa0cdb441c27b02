"""Look for what is wrong with this installation."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from aiops.management.acting import OperatorCommand
from aiops.management.telling import number
from aiops.upkeep.doctor import Finding
from aiops.upkeep.examination import examine


class Command(OperatorCommand):
    help = "Check settings, broker, database, processes and limbo; exit with 1 if one is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON, one finding a line")

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for finding in examine():
            wrong += finding.is_wrong
            self.stdout.write(_entry(finding) if options["json"] else self._told(finding))
        if wrong:
            raise CommandError(f"{number(wrong, 'thing')} to put right; see above", returncode=1)

    def _told(self, finding: Finding) -> str:
        if not finding.do:
            return f"{self.style.SUCCESS('ok    ')} {finding.check}: {finding.what}"
        paint = self.style.ERROR if finding.is_wrong else self.style.WARNING
        word = "WRONG " if finding.is_wrong else "note  "
        return f"{paint(word)} {finding.check}: {finding.what}\n       {finding.do}"


def _entry(finding: Finding) -> str:
    return json.dumps({**asdict(finding), "is_wrong": finding.is_wrong})
