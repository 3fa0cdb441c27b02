"""The language in which workflows are written. Nothing here knows Django or Celery."""

from aiops.flow.answers import Absent, Decision, Unsure
from aiops.flow.build import (
    approval,
    choose,
    for_each,
    parallel,
    run_workflow,
    series,
    sleep,
    wait_for,
)
from aiops.flow.checks import Finding
from aiops.flow.context import StepContext
from aiops.flow.declare import workflow
from aiops.flow.errors import (
    Ambiguous,
    BadOutput,
    BudgetSpent,
    Cancelled,
    CodeGone,
    LaneStopped,
    NeedsHuman,
    PermanentInput,
    RateLimited,
    StepError,
    TimedOut,
    Transient,
)
from aiops.flow.later import Later
from aiops.flow.retry import Retry
from aiops.flow.steps import step
from aiops.flow.tells import Tells

__all__ = [
    "Absent",
    "Ambiguous",
    "BadOutput",
    "BudgetSpent",
    "Cancelled",
    "CodeGone",
    "Decision",
    "Finding",
    "LaneStopped",
    "Later",
    "NeedsHuman",
    "PermanentInput",
    "RateLimited",
    "Retry",
    "StepContext",
    "StepError",
    "Tells",
    "TimedOut",
    "Transient",
    "Unsure",
    "approval",
    "choose",
    "for_each",
    "parallel",
    "run_workflow",
    "series",
    "sleep",
    "step",
    "wait_for",
    "workflow",
]
