"""The record: one file per noun."""

from aiops.models.api_key import ApiKey, KeyState, Scope
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
from aiops.models.promise import Promise, PromiseState
from aiops.models.run import Priority, Run, RunState
from aiops.models.schedule import (
    Backfill,
    BackfillState,
    CatchUp,
    Occurrence,
    OccurrenceState,
    Overlap,
    Schedule,
)
from aiops.models.sign_in_failure import SignInFailure
from aiops.models.signal import Became, Signal
from aiops.models.step import Reason, Step, StepState
from aiops.models.trigger import Firing, SameKey, Trigger
from aiops.models.webhook import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from aiops.models.workflow import WorkflowVersion

__all__ = [
    "SEVERITIES",
    "ApiKey",
    "ApiRequest",
    "Attempt",
    "Backfill",
    "BackfillState",
    "Became",
    "Budget",
    "BudgetScope",
    "BulkItem",
    "BulkJob",
    "BulkOutcome",
    "BulkState",
    "CallContent",
    "CallOutcome",
    "Capture",
    "CatchUp",
    "Channel",
    "CostSource",
    "DeliveryState",
    "EndpointState",
    "Escalation",
    "EscalationKind",
    "EscalationState",
    "Event",
    "FailureGroup",
    "Firing",
    "GroupState",
    "KeyState",
    "Lane",
    "LaneCause",
    "LaneState",
    "ModelCall",
    "Node",
    "Notification",
    "NotificationState",
    "Occurrence",
    "OccurrenceState",
    "OperatorAction",
    "Outcome",
    "Overlap",
    "PaidAnswer",
    "Pausable",
    "Pause",
    "Priority",
    "Promise",
    "PromiseState",
    "Purpose",
    "Reason",
    "Run",
    "RunState",
    "SameKey",
    "Schedule",
    "Scope",
    "Severity",
    "SignInFailure",
    "Signal",
    "Step",
    "StepState",
    "Trigger",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WorkflowVersion",
]
