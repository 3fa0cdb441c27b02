"""Reads an author's function: its name, its parameters, its types. Refuses what cannot be run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from aiops.flow.assignable import type_name
from aiops.flow.context import StepContext
from aiops.flow.later import Later, promised
from aiops.flow.names import check_name
from aiops.flow.refusals import BadStep, UnknownName, WrongType, did_you_mean
from aiops.flow.where import Where

_VARIABLE = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


@dataclass(frozen=True, slots=True)
class Signature:
    """What was read from a function."""

    name: str
    #: "module:qualname".
    code: str
    params: Mapping[str, Any]
    returns: Any
    #: For each parameter that takes data, what builds its value.
    readers: Mapping[str, TypeAdapter[Any]]
    #: What checks and dumps the result.
    result: TypeAdapter[Any]
    #: Whether it submits a job, and gives its result later.
    is_later: bool = False


def read(function: Callable[..., Any], where: Where) -> Signature:
    """Read a function that workers must find again by its name, and feed from JSON."""
    _check_findable(function, where)
    name = function.__name__
    check_name(name, "a step", where, BadStep)
    hints = _hints(function, where)
    parameters = inspect.signature(function).parameters
    for parameter in parameters.values():
        _check_parameter(name, parameter, hints, where)
    if "return" not in hints:
        raise BadStep(f"step {name!r} does not say what it returns: add -> and a type", where)
    params = {parameter: hints[parameter] for parameter in parameters}
    returns, is_later = _result(name, hints["return"], where)
    return Signature(
        name=name,
        code=f"{function.__module__}:{function.__qualname__}",
        params=params,
        returns=returns,
        readers={
            parameter: _adapter(annotation, f"the parameter {parameter!r} of step {name!r}", where)
            for parameter, annotation in params.items()
            if not is_context(parameter, annotation)
        },
        result=_adapter(returns, f"the result of step {name!r}", where),
        is_later=is_later,
    )


def _result(name: str, returns: Any, where: Where) -> tuple[Any, bool]:
    """The type of a step's result, and whether it comes later."""
    if returns is Later:
        raise BadStep(f"step {name!r} returns Later: say of what, as in Later[list[str]]", where)
    later = promised(returns)
    return (returns, False) if later is None else (later, True)


def is_context(name: str, annotation: Any) -> bool:
    """Whether a parameter takes the StepContext rather than data."""
    return name == "context" or annotation is StepContext


def check_hook(kind: str, hook: Callable[..., Any] | None, found: Signature, where: Where) -> None:
    """Refuse a `reconcile`, `undo` or check that asks for what the step does not have."""
    if hook is None:
        return
    if not callable(hook):
        raise BadStep(f"step {found.name!r}: {kind} must be a function, not {hook!r}", where)
    more = {
        "undo": ["result"],
        "check": ["result"],
        "poll": ["handle"],
        "cancel": ["handle"],
    }.get(kind, [])
    known = [*found.params, *more]
    if "handle" in more and "handle" in found.params:
        raise BadStep(
            f"step {found.name!r} has a {kind} and a parameter 'handle', which that reads as the job's: "
            "rename the parameter",
            where,
        )
    if "result" in more and "result" in found.params:
        raise BadStep(
            f"step {found.name!r} has {'an' if kind == 'undo' else 'a'} {kind} and a parameter "
            f"'result', which {'an' if kind == 'undo' else 'a'} {kind} reads as the "
            "step's own result: rename the parameter",
            where,
        )
    for name, parameter in inspect.signature(hook).parameters.items():
        if parameter.kind in _VARIABLE or name not in known:
            raise UnknownName(
                f"the {kind} of step {found.name!r} asks for {name!r}, which it cannot have; "
                f"{did_you_mean(name, known)}",
                where,
            )


def check_checks(
    checks: Sequence[Callable[..., Any]], found: Signature, where: Where, *, effect: str
) -> None:
    """Refuse checks that cannot be told apart, or that come when it is too late."""
    if checks and effect != "pure":
        raise BadStep(
            f"step {found.name!r} has checks and the effect {effect!r}: when they run, it has gone "
            "out. Put them on the step that makes what is sent",
            where,
        )
    names = [getattr(check, "__name__", "<lambda>") for check in checks]
    if "<lambda>" in names or len(set(names)) < len(names):
        raise BadStep(
            f"step {found.name!r}: each check needs a name of its own, by which it is shown: "
            "define it with def",
            where,
        )
    for check in checks:
        check_hook("check", check, found, where)


def check_job(
    found: Signature, effect: str, where: Where, *, has_poll: bool, has_cancel: bool
) -> None:
    """Refuse a job that nobody would look after, and a `poll` or `cancel` without a job."""
    if found.is_later and not has_poll:
        raise BadStep(
            f"step {found.name!r} returns Later, and nobody would ask for its result: add poll=",
            where,
        )
    if not found.is_later and (has_poll or has_cancel):
        which = "poll" if has_poll else "cancel"
        raise BadStep(
            f"step {found.name!r} has a {which} and submits no job: let it return Later[...]", where
        )
    if found.is_later and effect == "pure":
        raise BadStep(
            f"step {found.name!r} submits a job, which is no 'pure' effect: say effect='once' with a "
            "reconcile that finds it, or 'idempotent' where the other side drops a second one",
            where,
        )


def _check_findable(function: Any, where: Where) -> None:
    """A worker imports the function by its name; a lambda or an inner function has none."""
    if not inspect.isfunction(function):
        raise BadStep(f"{function!r} cannot be a step: use a plain function (def)", where)
    if "<" in function.__qualname__:  # <lambda>, or outer.<locals>.inner
        what = "a lambda" if function.__name__ == "<lambda>" else f"{function.__qualname__!r}"
        raise BadStep(
            f"{what} cannot be a step, because workers could not find it: move it to the top of "
            "the file, with def and a name",
            where,
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise BadStep(
            f"step {function.__name__!r} yields: return one value, and show what is there so far "
            "with context.partial(text)",
            where,
        )


def _hints(function: Callable[..., Any], where: Where) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError, SyntaxError, AttributeError) as error:
        raise BadStep(
            f"a type of step {function.__name__!r} cannot be read ({error}): define or import it "
            "above the step, and not only under TYPE_CHECKING",
            where,
        ) from error


def _check_parameter(
    step: str, parameter: inspect.Parameter, hints: Mapping[str, Any], where: Where
) -> None:
    name = parameter.name
    if parameter.kind in _VARIABLE:
        raise BadStep(
            f"step {step!r} has {_VARIABLE[parameter.kind]}{name}: name each parameter after what "
            "it takes",
            where,
        )
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        raise BadStep(f"step {step!r}: {name!r} is given by name, so remove the '/'", where)
    if name not in hints:
        raise BadStep(f"step {step!r}: the parameter {name!r} needs a type", where)
    if name == "context" and hints[name] is not StepContext:
        raise WrongType(
            f"step {step!r}: 'context' is a StepContext, not {type_name(hints[name])}: rename the "
            "parameter, or correct its type",
            where,
        )


def _adapter(annotation: Any, what: str, where: Where) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise WrongType(
            f"{what} is {type_name(annotation)}, which cannot travel as JSON: use a pydantic "
            "model, a dataclass or plain types",
            where,
        ) from error
