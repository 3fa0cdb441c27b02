"""The record: one file per noun."""

from aiops.models.attempt import Attempt, Outcome
from aiops.models.escalation import Escalation, EscalationKind, EscalationState
from aiops.models.event import Event
from aiops.models.node import Node
from aiops.models.run import Priority, Run, RunState
from aiops.models.signal import Signal
from aiops.models.step import Reason, Step, StepState
from aiops.models.workflow import WorkflowVersion

__all__ = [
    "Attempt",
    "Escalation",
    "EscalationKind",
    "EscalationState",
    "Event",
    "Node",
    "Outcome",
    "Priority",
    "Reason",
    "Run",
    "RunState",
    "Signal",
    "Step",
    "StepState",
    "WorkflowVersion",
]
