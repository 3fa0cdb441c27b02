"""List the workflows of this project."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from aiops.flow.plan import Plan
from aiops.flow.registry import registry
from aiops.flow.workflows import Workflow
from aiops.management.acting import OperatorCommand
from aiops.management.telling import number


class Command(OperatorCommand):
    help = "List workflows with their pools and steps, and tell what is wrong with their files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON, one workflow a line")

    def handle(self, *args: Any, **options: Any) -> None:
        registry.load(settings.AIOPS_WORKFLOWS)
        for workflow in registry.all():
            entry = _entry(workflow)
            self.stdout.write(json.dumps(entry) if options["json"] else self._told(entry))
        if errors := registry.errors:
            told = "\n".join(f"  {error}" for error in errors)
            raise CommandError(
                f"{number(len(errors), 'file')} refused; correct them, then start again:\n{told}"
            )
        if not registry.all():
            packages = ", ".join(settings.AIOPS_WORKFLOWS)
            self.stderr.write(f"No workflow is declared: save one as a file in {packages}.")

    def _told(self, entry: dict[str, Any]) -> str:
        head = self.style.MIGRATE_HEADING(f"{entry['name']} v{entry['version']}")
        says = f"  {entry['says']}" if entry["says"] else ""
        pools = ", ".join(entry["pools"]) or "none"
        return "\n".join(
            [
                f"{head}  {entry['hash']}{says}",
                f"  pools: {pools}   file: {entry['where']}",
                f"  steps: {', '.join(entry['steps'])}",
            ]
        )


def _entry(workflow: Workflow) -> dict[str, Any]:
    plan = workflow.plan
    return {
        "name": workflow.name,
        "version": workflow.version,
        "hash": plan.hash,
        "says": plan.says,
        "where": str(workflow.where),
        "pools": sorted({node.pool for node in plan.nodes if node.pool}),
        "steps": _steps(plan),
    }


def _steps(plan: Plan) -> list[str]:
    return [
        node.name if node.kind == "step" else f"{node.name} ({node.kind})" for node in plan.nodes
    ]
