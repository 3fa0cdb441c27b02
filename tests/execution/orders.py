"""A small workflow with every kind of effect, and rows of it in any state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from pydantic import BaseModel

from aiops.execution import escalate
from aiops.execution.start import start_run
from aiops.flow import StepContext, approval, for_each, series, step, workflow
from aiops.models import Attempt, Run, Step

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Order(BaseModel):
    id: str = "A1"
    lines: list[str] = ["cup", "plate", "spoon"]


@step(says="Reading your order")
def read(order: Order) -> str:
    return order.id


@step(says="Packing your order")
def pack(item: str) -> str:
    return item


@step(pool="effects", effect="once", says="Taking the payment")
def charge(order: Order) -> str:
    return "paid"


@step(pool="effects", effect="idempotent", says="Writing to you")
def notify(order: Order, context: StepContext) -> str:
    return "written"


order_flow = workflow(
    "answers_order",
    input=Order,
    flow=series(
        read,
        for_each("input.lines", pack),
        approval("Ship it?", shows=read, due_h=4, name="agree"),
        charge,
        notify,
    ),
)


def begun(**options: Any) -> Run:
    """A run of the workflow, accepted and nothing more."""
    return start_run(order_flow, Order(), started_by="cli:ann", **options)


def edit(run: Run, name: str, **fields: Any) -> Step:
    """Change the row of a step as if the engine had."""
    Step.objects.filter(run=run, name=name, map__isnull=True).update(**fields)
    return Step.objects.get(run=run, name=name, map__isnull=True)


def set_run(run: Run, **fields: Any) -> Run:
    Run.objects.filter(id=run.id).update(**fields)
    return Run.objects.get(id=run.id)


def done(run: Run, *names: str) -> None:
    """Let steps have succeeded."""
    for name in names:
        edit(
            run,
            name,
            state="succeeded",
            reason="",
            dispatch_due=None,
            wake_at=None,
            started_at=timezone.now() - timedelta(seconds=2),
            finished_at=timezone.now(),
        )


def failed(
    run: Run, name: str, *, state: str = "failed", in_doubt: bool = False, **error: Any
) -> Step:
    """Let a step have failed, with its attempt."""
    told = {"word": "transient", "type": "Transient", "message": "boom", "sent": "no", **error}
    found = edit(
        run,
        name,
        state=state,
        reason="person" if state == "attention" else "",
        error=told,
        fence=1,
        dispatch_due=None,
        started_at=timezone.now(),
        finished_at=timezone.now() if state == "failed" else None,
        in_doubt=in_doubt,
    )
    tried(found, outcome="failed", sent=told["sent"], error=told)
    return found


def tried(found: Step, *, outcome: str = "succeeded", **fields: Any) -> Attempt:
    """Write an attempt of a step."""
    number = Attempt.objects.filter(step=found).count() + 1
    now = timezone.now()
    values = {"started_at": now, "finished_at": now, "number": number, **fields}
    return Attempt.objects.create(step=found, run_id=found.run_id, outcome=outcome, **values)


def stop_at(run: Run, name: str, state: str = "failed", **what: Any) -> Step:
    """Let everything before a step be done, and the step (and so the run) have failed."""
    names = [node.name for node in order_flow.plan.nodes]
    done(run, *names[: names.index(name)])
    found = failed(run, name, state=state, **what)
    set_run(
        run,
        state=state,
        reason=f"{name} failed",
        finished_at=timezone.now() if state == "failed" else None,
    )
    return found


def ask(run: Run, name: str, kind: str = "in_doubt", **fields: Any) -> None:
    """Open a question on a step."""
    found = Step.objects.get(run=run, name=name, map__isnull=True)
    fields = {"question": "Did it happen?", **fields}
    escalate.ask(run_id=run.id, step_id=found.id, kind=kind, **fields)


def map_of(run: Run, **states: int) -> Step:
    """Open the map with so many items in each state."""
    done(run, "read")
    whole = edit(
        run,
        "pack",
        state="waiting",
        reason="items",
        dispatch_due=timezone.now() + timedelta(seconds=10),
    )
    now, item = timezone.now(), 0
    rows = []
    for state, number in states.items():
        for _ in range(number):
            rows.append(_item(run, whole, item, state, now))
            item += 1
    Step.objects.bulk_create(rows)
    return whole


def _item(run: Run, whole: Step, item: int, state: str, now: datetime) -> Step:
    error = {"word": "transient", "type": "Transient", "message": f"item {item}", "sent": "no"}
    return Step(
        run=run,
        map=whole,
        item=item,
        item_value=f"line {item}",
        name="pack",
        kind="item",
        pool="io",
        state=state,
        reason="lease" if state == "running" else "",
        error=error if state in ("failed", "attention") else None,
        worker="io@a/1" if state == "running" else "",
        lease_until=now + timedelta(seconds=30) if state == "running" else None,
        wake_at=now + timedelta(seconds=30) if state == "retrying" else None,
        fence=1,
    )
