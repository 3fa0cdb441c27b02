"""Seeing what runs are about: content is handed out together with the event that says who saw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from aiops.execution.catalog import plan_of
from aiops.execution.payloads import check_out
from aiops.execution.undo import undone
from aiops.execution.values import RunInfo, Values, output
from aiops.models import CallContent, Escalation, ModelCall, Run, Signal, Step, transitions

#: The kind of the event. It changes nothing that a page of a run shows of the run itself.
VIEWED = "payload.viewed"


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody was shown."""

    title: str
    #: JSON by its name: "Input", "Result".
    values: Mapping[str, Any]


def record(run_id: UUID, *, actor: str, what: str, step: UUID | None = None) -> None:
    """Write down that somebody is shown content, in the transaction that reads it."""
    transitions.tell(run_id, VIEWED, step=step, actor=actor, what=what)


@transaction.atomic
def at_run(run_id: UUID, actor: str) -> Seen:
    """A run's input and metadata. Raises Run.DoesNotExist."""
    run = Run.objects.only("workflow", "title", "input", "input_ref", "metadata").get(id=run_id)
    record(run_id, actor=actor, what="the run's input")
    more = {"Metadata": run.metadata} if run.metadata else {}
    return Seen(run.title or run.workflow, {"Input": _read(run.input, run.input_ref), **more})


@transaction.atomic
def at_result(run_id: UUID, actor: str) -> Any:
    """What a run has produced. Raises Run.DoesNotExist, and FileNotFoundError when it was removed."""
    run = Run.objects.only("version_id").get(id=run_id)
    record(run_id, actor=actor, what="the run's result")
    return output(run)


#: The results of so many steps leave with a run; a map's items are counted.
MOST_RESULTS = 1_000


@transaction.atomic
def at_whole_run(run_id: UUID, actor: str) -> Seen:
    """A run's input, metadata and the results of its steps. Raises Run.DoesNotExist."""
    columns = ("workflow", "title", "input", "input_ref", "metadata")
    run = Run.objects.only(*columns).get(id=run_id)
    record(run_id, actor=actor, what="all of the run, in a file")
    steps = Step.objects.filter(run=run_id).order_by("id")
    rows = steps.only("name", "item", "result", "result_ref")[:MOST_RESULTS]
    results = {str(step): _read(step.result, step.result_ref) for step in rows}
    given = {"input": _read(run.input, run.input_ref), "metadata": run.metadata}
    return Seen(run.title or run.workflow, {**given, "results": results})


@transaction.atomic
def at_step(step_id: UUID, actor: str) -> Seen:
    """A step's item, result and progress, as far as there are any. Raises Step.DoesNotExist."""
    columns = ("name", "item", "run_id", "map_id", "item_value", "result", "result_ref", "progress")
    step = Step.objects.only(*columns).get(id=step_id)
    record(step.run_id, actor=actor, what=f"what {step} is about", step=step.id)
    item = {} if step.item is None else {"Item": step.item_value}
    progress = {} if step.progress is None else {"Progress": step.progress}
    newest = list(ModelCall.objects.filter(step=step_id).order_by("-id")[:MOST_CALLS])
    calls = {
        f"Attempt {call.attempt}: {call.alias} was asked{_under(call)}": asked
        for call, asked in zip(newest, _asked(newest), strict=True)
        if asked is not None
    }
    result = {"Result": _read(step.result, step.result_ref)}
    return Seen(str(step), {**item, **result, **progress, **calls})


#: The prompts of so many calls are shown of a step.
MOST_CALLS = 20

#: Why there is no prompt to show.
NOT_KEPT = "Not kept: its workflow's policy keeps no text, or its days are over."


@transaction.atomic
def at_call(call_id: int, actor: str) -> Seen:
    """What a model was asked and answered, as far as it was kept. Raises ModelCall.DoesNotExist."""
    call = ModelCall.objects.get(id=call_id)
    what = f"what {call.step_name} asked {call.alias}, call {call.pk}"
    record(call.run_id, actor=actor, what=what, step=call.step_id)
    (asked,) = _asked([call])
    shown = {"Prompt and answer": NOT_KEPT if asked is None else asked}
    return Seen(f"{call.step_name} asked {call.alias}{_under(call)}", shown)


@transaction.atomic
def at_attempts(attempts: Sequence[tuple[UUID, int]], actor: str) -> list[list[str]]:
    """The texts of the calls of these attempts (step, number), in order, for a comparison."""
    found = []
    for step_id, number in attempts:
        rows = ModelCall.objects.filter(step=step_id, attempt=number).order_by("id")
        calls = list(rows[:MOST_CALLS])
        if calls:
            what = f"the prompts of attempt {number} of {calls[0].step_name}"
            record(calls[0].run_id, actor=actor, what=what, step=step_id)
        found.append([NOT_KEPT if asked is None else asked for asked in _asked(calls)])
    return found


def _under(call: ModelCall) -> str:
    return f" ({call.template})" if call.template else ""


def _asked(calls: Sequence[ModelCall]) -> list[str | None]:
    """What was asked and answered, as texts; None where nothing is kept.

    An answer that was used again has the text of the call that paid for it.
    """
    ids = [call.memo_of or call.pk for call in calls]
    kept = {row.call_id: row for row in CallContent.objects.filter(call_id__in=ids)}
    return [_script(kept[id_]) if id_ in kept else None for id_ in ids]


def _script(kept: CallContent) -> str:
    """A conversation as it is read: who says what."""
    value = _read(kept.value, kept.value_ref)
    if not isinstance(value, dict):
        return str(value)
    turns = [("system", value["system"])] if value.get("system") else []
    turns += [(turn["role"], turn["content"]) for turn in value.get("conversation", ())]
    answer = value.get("answer")
    turns.append(("answer", "(none came)" if answer is None else answer))
    return "\n\n".join(f"[{who}]\n{said}" for who, said in turns)


@transaction.atomic
def at_question(escalation_id: UUID, actor: str) -> Seen:
    """What a person is shown who is asked. Raises Escalation.DoesNotExist."""
    asked = Escalation.objects.only("run_id", "step_id", "question", "shows").get(id=escalation_id)
    record(asked.run_id, actor=actor, what="what a question shows", step=asked.step_id)
    return Seen(asked.question, {"Shown to who decides": asked.shows})


@transaction.atomic
def at_event(signal_id: UUID, actor: str) -> Seen:
    """What an event from outside carries. Raises Signal.DoesNotExist."""
    signal = Signal.objects.get(id=signal_id)
    about = f"{signal} from {signal.source}"
    transitions.tell(None, VIEWED, actor=actor, what="what an event carries", about=about)
    more = {"Attributes": signal.extensions} if signal.extensions else {}
    return Seen(str(signal), {"Data": signal.payload, **more})


@transaction.atomic
def at_both(step_ids: Sequence[UUID], actor: str) -> list[Seen]:
    """What each of these steps took and gave, as the record has it now. Raises Step.DoesNotExist.

    Of two attempts of one step the same is read twice, and told once.
    """
    steps = [Step.objects.select_related("run").get(id=step_id) for step_id in step_ids]
    for step in {step.id: step for step in steps}.values():
        record(step.run_id, actor=actor, what=f"what {step} took and gave", step=step.id)
    return [Seen(str(step), {"Input": _taken(step), "Output": _given(step)}) for step in steps]


def _taken(step: Step) -> dict[str, Any]:
    """The values of a step's parameters; those of a map are too many for a page."""
    plan = plan_of(step.run.version_id)
    node = plan.by_name.get(undone(step.name) or step.name)
    sources = set(node.takes.values()) - {"context", "item"} if node else set()
    maps = {name for name in sources if name in plan.by_name and plan.by_name[name].kind == "map"}
    found = Values(RunInfo.of(step.run), plan).get(sorted(sources - maps))
    item = {} if step.item is None else {"item": step.item_value}
    return {
        **found,
        **dict.fromkeys(sorted(maps), "The results of a map: look at its items."),
        **item,
    }


def _given(step: Step) -> Any:
    return _read(step.result, step.result_ref)


def _read(value: Any, ref: str) -> Any:
    """A payload; that its file is gone is said in its place."""
    try:
        return check_out(value, ref)
    except FileNotFoundError:
        return f"The file {ref} is not there any more."
