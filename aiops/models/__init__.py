"""The record: one file per noun."""

from aiops.models.api_key import ApiKey, Scope
from aiops.models.api_request import ApiRequest
from aiops.models.attempt import Attempt, Outcome
from aiops.models.budget import Budget, BudgetScope
from aiops.models.bulk import BulkItem, BulkJob, BulkOutcome, BulkState
from aiops.models.call_content import CallContent, Capture
from aiops.models.escalation import (
    SEVERITIES,
    Escalation,
    EscalationKind,
    EscalationState,
    Severity,
)
from aiops.models.event import Event
from aiops.models.failure_group import FailureGroup, GroupState
from aiops.models.lane import Lane, LaneCause, LaneState
from aiops.models.model_call import CallOutcome, CostSource, ModelCall, PaidAnswer, Purpose
from aiops.models.node import Node
from aiops.models.notification import Channel, Notification, NotificationState
from aiops.models.operator_action import OperatorAction
from aiops.models.pause import Pausable, Pause
from aiops.models.run import Priority, Run, RunState
from aiops.models.signal import Signal
from aiops.models.step import Reason, Step, StepState
from aiops.models.workflow import WorkflowVersion

__all__ = [
    "SEVERITIES",
    "ApiKey",
    "ApiRequest",
    "Attempt",
    "Budget",
    "BudgetScope",
    "BulkItem",
    "BulkJob",
    "BulkOutcome",
    "BulkState",
    "CallContent",
    "CallOutcome",
    "Capture",
    "Channel",
    "CostSource",
    "Escalation",
    "EscalationKind",
    "EscalationState",
    "Event",
    "FailureGroup",
    "GroupState",
    "Lane",
    "LaneCause",
    "LaneState",
    "ModelCall",
    "Node",
    "Notification",
    "NotificationState",
    "OperatorAction",
    "Outcome",
    "PaidAnswer",
    "Pausable",
    "Pause",
    "Priority",
    "Purpose",
    "Reason",
    "Run",
    "RunState",
    "Scope",
    "Severity",
    "Signal",
    "Step",
    "StepState",
    "WorkflowVersion",
]
