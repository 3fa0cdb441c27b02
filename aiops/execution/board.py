"""The board: a locked run with the state of its steps, as the decisions see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.db.models import Count, Q

from aiops.execution.canvas import StepView
from aiops.execution.catalog import plan_of
from aiops.flow.plan import Plan
from aiops.models import Reason, Run, RunState, Step, StepState


@dataclass(slots=True)
class Board:
    """One run under its lock. `views` holds the plan's own steps; `items` counts a map's rows."""

    run: Run
    plan: Plan
    views: dict[str, StepView]
    #: Name of an open map -> step state -> number of items.
    items: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def load(cls, run: Run) -> Board:
        plan = plan_of(run.version_id)
        rows = Step.objects.filter(run=run, map__isnull=True).values_list(
            "name", "id", "state", "reason", "epoch", "wake_at", "until"
        )
        # Steps of undoing are rows without a place in the plan.
        views = {row[0]: StepView(*row[1:]) for row in rows if row[0] in plan.by_name}
        board = cls(run, plan, views)
        if any(view.reason == Reason.ITEMS for view in views.values()):
            board.count_items()
        return board

    def count_items(self) -> None:
        rows = (
            Step.objects.filter(run=self.run, map__isnull=False)
            .values_list("name", "state")
            .annotate(number=Count("id"))
        )
        self.items = {}
        for name, state, number in rows:
            self.items.setdefault(name, {})[state] = number

    @property
    def states(self) -> dict[str, str]:
        return {name: view.state for name, view in self.views.items()}

    def becomes(self, name: str, state: str, reason: str = "") -> None:
        """Note a move that has been written."""
        self.views[name] = replace(self.views[name], state=state, reason=reason)

    def chosen(self) -> dict[str, str]:
        """The branch of each finished choose node."""
        names = [
            node.name
            for node in self.plan.nodes
            if node.kind == "choose" and self.views[node.name].state == StepState.SUCCEEDED
        ]
        if not names:
            return {}
        rows = Step.objects.filter(run=self.run, map__isnull=True, name__in=names)
        return {name: str(result) for name, result in rows.values_list("name", "result")}


@dataclass(frozen=True, slots=True)
class Standing:
    """The state a run is in, as its steps show it, with the reason in one sentence."""

    state: str
    reason: str = ""


def standing(views: Mapping[str, StepView], items: Mapping[str, Mapping[str, int]]) -> Standing:
    """Derive a run's state from its steps. Pure; pause and cancellation are the caller's."""
    where: dict[str, list[str]] = {}
    for name, view in views.items():
        # An open map is where its items are.
        states = items.get(name, {}) if view.reason == Reason.ITEMS else {view.state: 1}
        for state in states:
            where.setdefault(state, []).append(name)
    for state, told in _STANDINGS.items():
        if names := where.get(state):
            more = " and more" if len(names) > 3 else ""
            sentence = told[1].format(names=", ".join(names[:3]) + more)
            if state == StepState.WAITING:
                sentence = _wait(names[0], views[names[0]])
            return Standing(told[0], sentence)
    return Standing(RunState.SUCCEEDED)


#: In this order: what a person must see first, then what is on the move, then what is over.
_STANDINGS: dict[str, tuple[str, str]] = {
    StepState.ATTENTION: (RunState.ATTENTION, "{names}: a person must decide"),
    StepState.RUNNING: (RunState.RUNNING, ""),
    StepState.QUEUED: (RunState.QUEUED, ""),
    StepState.RETRYING: (RunState.RETRYING, "{names}: will be tried again"),
    StepState.WAITING: (RunState.WAITING, ""),
    StepState.FAILED: (RunState.FAILED, "{names} failed"),
    StepState.CANCELLED: (RunState.CANCELLED, ""),
    StepState.PENDING: (RunState.QUEUED, ""),
}

_WAITS: dict[str, str] = {
    Reason.APPROVAL: "waits for an approval",
    Reason.EVENT: "waits for an event",
    Reason.TIMER: "waits for its time",
    Reason.CHILD: "waits for its child run",
    Reason.LANE: "waits for its provider",
    Reason.BUDGET: "waits for its budget",
    Reason.JOB: "waits for its job outside",
}


def _wait(name: str, view: StepView) -> str:
    return f"{name} {_WAITS.get(view.reason, 'waits')}"


def left_out(run: Run) -> str:
    """What a finished run did without, by a tolerance or a person; "" for nothing.

    A branch that was not chosen is no loss: its steps carry no word of why they were skipped.
    """
    rows = Step.objects.filter(run=run).filter(
        Q(map__isnull=False, state=StepState.FAILED)
        | Q(state=StepState.SKIPPED, error__isnull=False)
    )
    counts = rows.values_list("name").annotate(number=Count("id"))
    return ", ".join(f"{name} ({number})" if number > 1 else name for name, number in counts)
