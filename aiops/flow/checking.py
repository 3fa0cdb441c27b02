"""Running a step's checks on its result: what does not pass is no result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiops.flow.checks import Finding
from aiops.flow.errors import BadOutput, CodeGone
from aiops.flow.plan import PlanNode
from aiops.flow.steps import Step


def demand(
    node: PlanNode, step: Step, arguments: Mapping[str, Any], result: Any
) -> tuple[Finding, ...]:
    """Check a result as it would be kept. Raises BadOutput with everything that was found to be wrong."""
    _demand_all_there(node, step)
    found = step.check(arguments, result) if step.checks else ()
    wrong = [one for one in found if not one.passed]
    if wrong:
        told = "; ".join(f"{one.check}: {one.told or 'it does not pass'}" for one in wrong)
        error = BadOutput(
            f"The result of {step.name!r} fails {len(wrong)} of {len(found)} checks: {told}.",
            kind="check",
        )
        error.findings = found
        raise error
    return found


def _demand_all_there(node: PlanNode, step: Step) -> None:
    """A run that began with a check does not go on without it because a file was edited."""
    gone = set(node.checks) - {check.__name__ for check in step.checks}
    if gone:
        raise CodeGone(
            f"the check {sorted(gone)[0]!r} of step {step.name!r} is gone. Put it back, or cancel the run"
        )
