"""The record: one file per noun."""

from aiops.models.attempt import Attempt, Outcome
from aiops.models.bulk import BulkItem, BulkJob, BulkOutcome, BulkState
from aiops.models.escalation import (
    SEVERITIES,
    Escalation,
    EscalationKind,
    EscalationState,
    Severity,
)
from aiops.models.event import Event
from aiops.models.failure_group import FailureGroup, GroupState
from aiops.models.node import Node
from aiops.models.notification import Channel, Notification, NotificationState
from aiops.models.pause import Pausable, Pause
from aiops.models.run import Priority, Run, RunState
from aiops.models.signal import Signal
from aiops.models.step import Reason, Step, StepState
from aiops.models.workflow import WorkflowVersion

__all__ = [
    "SEVERITIES",
    "Attempt",
    "BulkItem",
    "BulkJob",
    "BulkOutcome",
    "BulkState",
    "Channel",
    "Escalation",
    "EscalationKind",
    "EscalationState",
    "Event",
    "FailureGroup",
    "GroupState",
    "Node",
    "Notification",
    "NotificationState",
    "Outcome",
    "Pausable",
    "Pause",
    "Priority",
    "Reason",
    "Run",
    "RunState",
    "Severity",
    "Signal",
    "Step",
    "StepState",
    "WorkflowVersion",
]
