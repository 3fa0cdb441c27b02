"""Starting a run: rows in the caller's transaction, and nothing else. Accepted means durable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone
from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from aiops.execution import advance, rows
from aiops.execution.board import Board
from aiops.execution.canvas import StepView
from aiops.execution.catalog import version_of, workflow_named
from aiops.execution.payloads import check_in, dumps
from aiops.execution.values import RunInfo, Values
from aiops.flow import data
from aiops.flow.errors import PermanentInput
from aiops.flow.plan import Plan, PlanNode
from aiops.flow.workflows import Workflow
from aiops.models import Priority, Run, StepState, transitions
from aiops.telemetry import spans

IfExists = Literal["return", "reject", "replace", "queue"]


class StartRefused(Exception):
    """A run was not started, and nothing was written. The message says what to change."""


class InvalidInput(StartRefused):
    """The input does not fit the workflow: correct the fields that the message names."""


class InputTooLarge(StartRefused):
    """The input is above AIOPS_MAX_INPUT_BYTES: store it, and give the run its address."""


class KeyTaken(StartRefused):
    """The key belongs to a run already: use another key, or another `if_exists`."""


def _keepable(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse what PostgreSQL's JSON does not keep."""
    try:
        has_nul = "\\u0000" in dumps(value)
    except TypeError as error:
        raise ValueError(str(error)) from None
    if has_nul:
        raise ValueError("it holds a NUL character")
    return value


def _text(at_least: int, at_most: int) -> StringConstraints:
    return StringConstraints(min_length=at_least, max_length=at_most, pattern=r"^[^\x00]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything of a start but the workflow and its input."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    key: Annotated[str, _text(1, 200)] | None = None
    tenant: Annotated[str, _text(1, 100)] = "default"
    title: Annotated[str, _text(0, 200)] = ""
    priority: Priority = Priority.INTERACTIVE
    metadata: Annotated[dict[str, Any], AfterValidator(_keepable)] = field(default_factory=dict)
    started_by: Annotated[str, _text(0, 150)] = ""
    deadline_at: AwareDatetime | None = None
    #: What a second start of the same key does.
    if_exists: IfExists = "return"
    #: Called with the new run when its steps are written and before the first begins (replay).
    before_first: Callable[[Run], None] | None = None


_OPTIONS = TypeAdapter(Options)


def start_run(workflow: str | Workflow, input: Any, **options: Any) -> Run:
    """Start a run, within the caller's transaction if there is one. Needs no broker.

    `options` are the fields of `Options`. The run's `is_new` is False when its key had a run
    already and `if_exists` is "return".
    Raises UnknownWorkflow, or a StartRefused that says what to change.
    """
    found = workflow_named(workflow) if isinstance(workflow, str) else workflow
    chosen = _options(options)
    return _start(found, _accepted(found, input), chosen)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a start would do."""

    workflow: Workflow
    would: Literal["start", "return", "replace", "queue"]
    #: The run that the key has already.
    run: Run | None


def foresee(workflow: str, input: Any, **options: Any) -> Foreseen:
    """Check a start as `start_run` does, and tell what it would do; nothing is written."""
    found = workflow_named(workflow)
    chosen = _options(options)
    accepted = _accepted(found, input)
    earlier: Run | None = None if chosen.key is None else _runs_of(found, chosen).first()
    if earlier is None:
        return Foreseen(found, "start", None)
    if chosen.if_exists in ("replace", "queue"):
        return Foreseen(found, "start" if earlier.is_ended else chosen.if_exists, earlier)
    return Foreseen(found, "return", _existing(found, accepted, chosen))


def start_child(board: Board, node: PlanNode) -> Run:
    """Start the child run that a step waits for; its key makes a second start the same run."""
    step = board.views[node.name]
    values = Values(RunInfo.of(board.run), board.plan).get([node.input.split(".")[0]])
    workflow = workflow_named(node.workflow)
    options = Options(
        key=f"{step.id}:{step.epoch}",
        tenant=board.run.tenant,
        priority=Priority(board.run.priority),
        started_by=f"run {board.run.id}",
        deadline_at=board.run.deadline_at,
    )
    return _start(
        workflow, _accepted(workflow, data.select(node.input, values)), options, parent=step.id
    )


def _options(options: Mapping[str, Any]) -> Options:
    """Check options as they may come from any program; a wrong one is named."""
    try:
        return _OPTIONS.validate_python(dict(options))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_context=False)
        )
        known = ", ".join(Options.__dataclass_fields__)
        raise StartRefused(f"{wrong} (the options of a start are: {known})") from None


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A checked input, as JSON value and as text."""

    value: Any
    text: str

    @property
    def hash(self) -> str:
        canonical = json.dumps(self.value, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def _accepted(workflow: Workflow, input: Any) -> _Accepted:
    try:
        value = data.accepted_input(workflow, input)
        text = dumps(value)
    except (PermanentInput, ValueError) as error:
        raise InvalidInput(str(error)) from None
    size, limit = len(text.encode()), settings.AIOPS_MAX_INPUT_BYTES
    if size > limit:
        raise InputTooLarge(
            f"the input of {workflow.name} is {size} bytes, and {limit} are accepted: "
            "store it, and give the run its address"
        )
    return _Accepted(value, text)


def _start(
    workflow: Workflow, accepted: _Accepted, options: Options, parent: UUID | None = None
) -> Run:
    adds = options.if_exists in ("replace", "queue")
    with transaction.atomic():
        # Two starts at once may both want the next turn of a key; one of them tries again.
        for _ in range(5 if adds else 1):
            run = _insert(workflow, accepted, options, parent)
            if run is not None:
                break
        else:
            return _existing(workflow, accepted, options)
        if run.turn > 1:
            _place(run, options.if_exists)
        _begin(run, workflow.plan, options)
        return run


def _insert(
    workflow: Workflow, accepted: _Accepted, options: Options, parent: UUID | None
) -> Run | None:
    """Write the run's row; None when its key has a run and the policy is not to add another."""
    version = version_of(workflow)
    deadline_at = options.deadline_at
    if deadline_at is None and workflow.plan.deadline_h:
        deadline_at = timezone.now() + timedelta(hours=workflow.plan.deadline_h)
    run = Run(
        workflow=workflow.name,
        version=version,
        tenant=options.tenant,
        key=options.key,
        turn=_turn(workflow, options),
        title=options.title,
        priority=options.priority,
        metadata=spans.with_caller(options.metadata),
        started_by=options.started_by,
        deadline_at=deadline_at,
        input_hash=accepted.hash,
        parent_step_id=parent,
        created_at=timezone.now(),
        since=timezone.now(),
    )
    run.input, run.input_ref = check_in(accepted.value, run.id, accepted.text)
    try:
        # Only a key can be taken: without one there is nothing to take back.
        with transaction.atomic() if options.key is not None else nullcontext():
            run.save(force_insert=True)
    except IntegrityError as error:
        if run.input_ref:
            default_storage.delete(run.input_ref)
        if "run_one_per_key" not in str(error):
            raise
        return None
    run.is_new = True
    return run


def _turn(workflow: Workflow, options: Options) -> int:
    if options.key is None or options.if_exists not in ("replace", "queue"):
        return 1
    newest = _runs_of(workflow, options).first()
    return newest.turn + 1 if newest else 1


def _runs_of(workflow: Workflow, options: Options) -> Any:
    return Run.objects.filter(
        workflow=workflow.name, tenant=options.tenant, key=options.key
    ).order_by("-turn")


def _existing(workflow: Workflow, accepted: _Accepted, options: Options) -> Run:
    """The run that the key belongs to; refuses a key that is reused for another input."""
    run: Run = _runs_of(workflow, options).first()
    if options.if_exists != "return":
        raise KeyTaken(f"{workflow.name} has run {run.id} for the key {options.key!r} already")
    if run.input_hash != accepted.hash:
        raise KeyTaken(
            f"the key {options.key!r} belongs to run {run.id}, which was started with another "
            'input: use another key, or if_exists="replace" or "queue"'
        )
    run.is_new = False
    return run


def _place(run: Run, policy: str) -> None:
    """Stop the run that this one replaces, or put this one behind it."""
    earlier = Run.objects.get(
        workflow=run.workflow, tenant=run.tenant, key=run.key, turn=run.turn - 1
    )
    if earlier.is_ended:
        return
    if policy == "queue":
        transitions.mark_run(run, after_id=earlier.id)
        return
    locked = transitions.lock(earlier.id)
    if locked is not None and not locked.is_ended:
        advance.stop(locked, f"replaced by run {run.id}")


def _begin(run: Run, plan: Plan, options: Options) -> None:
    """Write the steps and mark the first ones ready."""
    ids = rows.insert_steps(run.id, plan)
    transitions.tell(run.id, "run.accepted", actor=run.started_by, workflow=run.workflow)
    if options.before_first is not None:
        options.before_first(run)
        advance.settle(run)
        return
    board = Board(run, plan, {name: StepView(id_, StepState.PENDING) for name, id_ in ids.items()})
    advance.settle(run, board)
