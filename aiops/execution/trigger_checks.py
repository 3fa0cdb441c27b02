"""Whether a trigger can do what it says: checked when it is written, and tried without doing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from aiops.execution import expressions, triggers
from aiops.execution.catalog import workflow_named
from aiops.execution.cloud_event import CloudEvent
from aiops.execution.expressions import WrongExpression
from aiops.execution.triggers import ANY, Happening, Rule, judge
from aiops.flow import data
from aiops.flow.errors import PermanentInput
from aiops.flow.refusals import WorkflowError
from aiops.models import Run, Signal, Trigger


def problems(rule: Rule) -> dict[str, str]:
    """What is wrong with a trigger, by field, as far as it can be known without an event."""
    found = {
        "condition": _of_expressions([rule.condition] if rule.condition.strip() else []),
        "input": _of_expressions(list(expressions.expressions_in(rule.input))),
        "key": _of_expressions(list(expressions.expressions_in(rule.key))),
        "title": _of_expressions(list(expressions.expressions_in(rule.title))),
        "event": _of_pattern(rule.event),
        "source": _of_pattern(rule.source),
    }
    try:
        accepts = workflow_named(rule.workflow).input
    except WorkflowError as error:
        found["workflow"] = str(error)
    else:
        found["input"] = found["input"] or "; ".join(_of_input(rule, accepts))
    if rule.key and expressions.is_fixed(rule.key):
        found["key"] = found["key"] or (
            "every event would have the same key, and start no second run: take something of the "
            "event in, such as =join(':', [source, id])"
        )
    return {field: told for field, told in found.items() if told}


def _of_expressions(texts: list[str]) -> str:
    try:
        for text in texts:
            expressions.parsed(text)
    except WrongExpression as error:
        return str(error)
    return ""


def _of_pattern(pattern: str) -> str:
    if ANY in pattern.removesuffix(ANY):
        return f"{ANY} may stand at its end only"
    return ""


def _of_input(rule: Rule, accepts: Any) -> Iterator[str]:
    """What no event could make right: fields that are missing or unknown, and fixed values."""
    if expressions.is_fixed(rule.input):
        try:
            fixed = expressions.filled(rule.input, {})
            data.accepted_input(workflow_named(rule.workflow), fixed)
        except PermanentInput as error:
            yield str(error)
        return
    if not isinstance(rule.input, dict) or not _is_model(accepts):
        return
    fields: Mapping[str, FieldInfo] = accepts.model_fields
    names = {name: {name, field.alias or name} for name, field in fields.items()}
    known = {alias for aliases in names.values() for alias in aliases}
    if accepts.model_config.get("extra") == "forbid":
        yield from (
            f"{name}: {rule.workflow} has no such field" for name in rule.input if name not in known
        )
    for name, field in fields.items():
        given = names[name] & set(rule.input)
        if field.is_required() and not given:
            yield f"{name}: {rule.workflow} needs it"
        for key in given:
            yield from _of_fixed(key, rule.input[key], field)


def _is_model(accepts: Any) -> bool:
    return isinstance(accepts, type) and issubclass(accepts, BaseModel)


def _of_fixed(name: str, template: Any, field: FieldInfo) -> Iterator[str]:
    if not expressions.is_fixed(template):
        return
    takes: Any = field.annotation
    try:
        TypeAdapter(takes).validate_python(expressions.filled(template, {}))
    except ValidationError as error:
        yield f"{name}: {error.errors(include_url=False, include_input=False)[0]['msg']}"


@dataclass(frozen=True, slots=True)
class Would:
    """What a trigger would do with an event."""

    trigger: str
    is_active: bool
    workflow: str
    #: Why it is not for this event; "" when it is.
    passes: str = ""
    #: Why it could not start its run; "" when it could.
    error: str = ""
    #: The run, as it would be started.
    input: Any = None
    key: str = ""
    title: str = ""
    #: The run that has this key already.
    known: UUID | None = None

    @property
    def is_for_it(self) -> bool:
        return not self.passes


def happening_of(event: CloudEvent, tenant: str) -> Happening:
    """An event that is not in the inbox, as triggers look at it."""
    given = event.incoming(tenant=tenant, actor="")
    seen = triggers.seen_of(given)
    return Happening(tenant, given.name, given.source, given.source_id, seen)


def newest_unfit(trigger: Trigger) -> str:
    """What would go wrong with the newest event of the inbox that a trigger is for; "" for nothing."""
    whose = Signal.objects.filter(tenant=trigger.tenant) if trigger.tenant else Signal.objects
    begins = trigger.event.removesuffix(ANY)
    types = Q(name__startswith=begins) if trigger.event.endswith(ANY) else Q(name=begins)
    newest = whose.filter(types).order_by("-received_at").first()
    if newest is None:
        return ""
    found = would(trigger, triggers.happening_of(newest))
    if found.passes or not found.error:
        return ""
    return f"The newest such event, {newest.source_id}, could not start a run: {found.error}"


def what_would(event: Happening) -> list[Would]:
    """What every trigger would make of an event; nothing is written. Those that it is for first."""
    found = [would(trigger, event) for trigger in Trigger.objects.order_by("name")]
    return sorted(found, key=lambda one: (not one.is_for_it, not one.is_active))


def would(trigger: Trigger, event: Happening) -> Would:
    """What a trigger would make of an event; nothing is written."""
    judged = judge(trigger, event)
    about = (trigger.name, trigger.is_active, trigger.workflow)
    start = judged.start
    if start is None:
        return Would(*about, passes=judged.passes, error=judged.error)
    try:
        given = data.accepted_input(workflow_named(start.workflow), start.input)
    except (PermanentInput, WorkflowError) as error:
        return Would(*about, error=str(error), input=start.input, key=start.key, title=start.title)
    runs = Run.objects.filter(workflow=start.workflow, tenant=event.tenant, key=start.key)
    known = runs.order_by("-turn").values_list("id", flat=True).first()
    return Would(*about, input=given, key=start.key, title=start.title, known=known)
