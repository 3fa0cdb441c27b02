"""A step: the author's function, and what the engine must know about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar, overload

from pydantic import TypeAdapter

from aiops.flow import loops
from aiops.flow.answers import Unsure
from aiops.flow.checks import Finding
from aiops.flow.errors import CodeGone
from aiops.flow.options import Options
from aiops.flow.retry import Effect, Retry
from aiops.flow.signature import Signature, check_checks, check_hook, check_job, read
from aiops.flow.where import Where, defined

P = ParamSpec("P")
R = TypeVar("R")
Hook = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Step:
    """One unit of work. Call it as the plain function it is; `call` is the engine's way in."""

    fn: Callable[..., Any]
    signature: Signature = field(repr=False)
    options: Options
    where: Where
    reconcile: Hook | None = field(default=None, repr=False)
    undo: Hook | None = field(default=None, repr=False)
    checks: tuple[Hook, ...] = field(default=(), repr=False)
    poll: Hook | None = field(default=None, repr=False)
    cancel: Hook | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return self.signature.name

    @property
    def code(self) -> str:
        """Where a worker finds it again: "module:qualname"."""
        return self.signature.code

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameter name -> annotation."""
        return self.signature.params

    @property
    def returns(self) -> Any:
        return self.signature.returns

    @property
    def readers(self) -> Mapping[str, TypeAdapter[Any]]:
        """For each parameter that takes data, what builds its value."""
        return self.signature.readers

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.fn(*args, **kwargs)

    def call(self, arguments: Mapping[str, Any], *, timeout_s: float | None = None) -> Any:
        """Run it, `async def` too. `timeout_s` ends an async step; a plain one minds its own."""
        return _run(self.fn, arguments, timeout_s)

    def ask(self, arguments: Mapping[str, Any]) -> Any:
        """Ask `reconcile` whether it happened: a result, Absent() or Unsure()."""
        if self.reconcile is None:
            return Unsure()
        return _run(self.reconcile, _wanted(self.reconcile, arguments))

    def take_back(self, arguments: Mapping[str, Any], result: Any) -> None:
        """Run `undo`, if there is one; `result` is the step's own result as it was kept."""
        if self.undo is not None:
            _run(self.undo, _wanted(self.undo, {**arguments, "result": self.read_result(result)}))

    def check(self, arguments: Mapping[str, Any], result: Any) -> tuple[Finding, ...]:
        """Run `checks` on a result as it would be kept."""
        known = {**arguments, "result": self.read_result(result)}
        answers = [_run(check, _wanted(check, known)) for check in self.checks]
        return tuple(one for found in answers for one in _findings(found))

    def look(self, arguments: Mapping[str, Any], handle: Any) -> Any:
        """Run `poll` on a job that was submitted: a result, or Later."""
        if self.poll is None:
            raise CodeGone(f"{self.name} has a job outside, and no poll any more: put it back")
        return _run(self.poll, _wanted(self.poll, {**arguments, "handle": handle}))

    def give_up(self, arguments: Mapping[str, Any], handle: Any) -> None:
        """Run `cancel`, if there is one, on a job that nobody wants any more."""
        if self.cancel is not None:
            _run(self.cancel, _wanted(self.cancel, {**arguments, "handle": handle}))

    def validate_result(self, value: Any) -> Any:
        """Check a result against the annotation and make it JSON-able; pydantic's errors pass."""
        return self.dump(self.signature.result.validate_python(value, by_alias=True, by_name=True))

    def dump(self, value: Any) -> Any:
        """Make a value of the annotated type JSON-able, so that it reads back as it was."""
        return self.signature.result.dump_python(
            value, mode="json", by_alias=False, round_trip=True, warnings="error"
        )

    def read_result(self, value: Any) -> Any:
        """Rebuild a result from what `dump` made of it."""
        return self.signature.result.validate_python(
            value, strict=False, by_alias=True, by_name=True
        )


class TypedStep(Step, Generic[P, R]):
    """The same, for type checkers: it is called, and answers, as the function it was made of."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.fn(*args, **kwargs)  # type: ignore[no-any-return]  # fn is the function given


@overload
def step(fn: Callable[P, R], /) -> TypedStep[P, R]: ...


@overload
def step(
    *,
    pool: str = "io",
    effect: Effect = "pure",
    timeout_s: float = 60,
    retry: Retry | None = None,
    says: str = "",
    reconcile: Hook | None = None,
    undo: Hook | None = None,
    checks: Sequence[Hook] = (),
    poll: Hook | None = None,
    cancel: Hook | None = None,
    streams: bool = False,
) -> Callable[[Callable[P, R]], TypedStep[P, R]]: ...


def step(
    fn: Callable[P, R] | None = None,
    /,
    *,
    pool: str = "io",
    effect: Effect = "pure",
    timeout_s: float = 60,
    retry: Retry | None = None,
    says: str = "",
    reconcile: Hook | None = None,
    undo: Hook | None = None,
    checks: Sequence[Hook] = (),
    poll: Hook | None = None,
    cancel: Hook | None = None,
    streams: bool = False,
) -> TypedStep[P, R] | Callable[[Callable[P, R]], TypedStep[P, R]]:
    """Make a function a step.

    effect: what repeating it may do outside: "pure", "idempotent" (give `context.idempotency_key`
    to the service), or "once" (never repeated blindly).
    retry: None means three attempts, and one for the effect "once".
    says: what the user reads while it runs.
    reconcile: asks the outside world whether a "once" step happened; it takes any of the step's
    parameters, and returns the step's result, Absent() or Unsure().
    undo: takes a finished step back when the run fails and its workflow says `on_failure="undo"`;
    it takes any of the step's parameters, and `result`.
    checks: functions of `result` and any of the step's parameters that return a `Finding`, or several; a
    result that does not pass is made again once, with what was found, and then a person is asked.
    poll: for a step that submits a job and returns Later[R]: looks after it; it takes any of the step's
    parameters, and `handle`, and returns an R or another Later.
    cancel: stops that job when the run is stopped; it takes the same.
    streams: the user sees what `context.partial` shows while it runs; say so only of text that is meant
    for them.
    """

    def made(function: Callable[P, R]) -> TypedStep[P, R]:
        where = defined(function)
        found = read(function, where)
        policy = retry or (Retry(attempts=1) if effect == "once" else Retry())
        options = Options(pool, effect, timeout_s, policy, says, streams)
        options.check(found.name, where, has_reconcile=reconcile is not None)
        check_job(found, effect, where, has_poll=poll is not None, has_cancel=cancel is not None)
        hooks = {
            "reconcile": _plain(reconcile),
            "undo": _plain(undo),
            "poll": _plain(poll),
            "cancel": _plain(cancel),
        }
        for kind, hook in hooks.items():
            check_hook(kind, hook, found, where)
        check_checks(checks, found, where, effect=effect)
        return TypedStep(function, found, options, where, **hooks, checks=tuple(checks))

    return made if fn is None else made(fn)


def chooser(function: Callable[..., Any], found: Signature, pool: str) -> Step:
    """A plain function that chooses a branch, as a step that workers can run."""
    return Step(function, found, Options(pool, "pure", 60, Retry(), ""), defined(function))


def _plain(hook: Hook | None) -> Hook | None:
    """An undo may be a step of its own; its function is what is called."""
    return hook.fn if isinstance(hook, Step) else hook


def _run(
    fn: Callable[..., Any], arguments: Mapping[str, Any], timeout_s: float | None = None
) -> Any:
    if inspect.iscoroutinefunction(fn):
        return loops.run(fn(**arguments), timeout_s)
    return fn(**arguments)


def _findings(found: Any) -> Sequence[Finding]:
    several = [found] if isinstance(found, Finding) else list(found)
    if not all(isinstance(one, Finding) for one in several):
        raise TypeError(f"a check returns a Finding, or a list of them, not {found!r}")
    return several


def _wanted(hook: Hook, known: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the arguments that a hook has parameters for."""
    return {name: known[name] for name in inspect.signature(hook).parameters}
