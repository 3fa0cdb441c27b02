"""The words an author builds a flow with."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from aiops.flow.assignable import type_name
from aiops.flow.names import check_name
from aiops.flow.nodes import (
    Approval,
    Choose,
    ForEach,
    Node,
    Parallel,
    RunWorkflow,
    Series,
    Sleep,
    Source,
    WaitFor,
)
from aiops.flow.options import Severity, check_asking, check_pool, is_number
from aiops.flow.refusals import BadNode, BadStep, UnboundedMap, UnknownName, did_you_mean
from aiops.flow.signature import read
from aiops.flow.steps import Step, chooser
from aiops.flow.where import Where, caller, defined
from aiops.flow.workflows import Workflow

MOST_PARALLEL = 256
LONGEST_H = 24 * 366
MOST_PEOPLE = 9
NODES = (Step, Series, Parallel, ForEach, Approval, WaitFor, Sleep, Choose, RunWorkflow)


def series(*nodes: Node) -> Series:
    """Run nodes one after the other."""
    where = caller()
    return Series(_checked(nodes, "series", where), where)


def parallel(*nodes: Node) -> Parallel:
    """Run nodes at the same time; what follows waits for all of them."""
    where = caller()
    return Parallel(_checked(nodes, "parallel", where), where)


def for_each(items: Source, do: Step, *, max_parallel: int = 8, tolerate: float = 0.0) -> ForEach:
    """Run the step `do` once for each item of a list; its results are a list in the same order.

    items: "input.tickets", "listing.rows", or the step that returns the list.
    do: its parameter `item` takes the item (or the one parameter that is named after nothing else).
    max_parallel: how many items run at once, 1 to 256.
    tolerate: share of the items that may fail (0.0 to 1.0); a failed one leaves None in the list.
    """
    where = caller()
    if not isinstance(do, Step):
        raise BadNode(
            f"for_each(do=...) takes one step, not {_shown(do)}: for several steps per item make "
            "them a workflow and call it from one step, or write one step that does it all",
            where,
        )
    if do.undo is not None:
        raise BadNode(
            f"for_each over {do.name!r}: its `undo` would not be called for items; take them back "
            "in a step of your own, or leave `undo` out",
            where,
        )
    if not isinstance(max_parallel, int) or not 1 <= max_parallel <= MOST_PARALLEL:
        raise UnboundedMap(
            f"for_each over {do.name!r} has max_parallel={max_parallel!r}, an unbounded map: give "
            f"1 to {MOST_PARALLEL}",
            where,
        )
    if not is_number(tolerate) or not 0 <= tolerate <= 1:
        raise BadNode(
            f"for_each over {do.name!r} has tolerate={tolerate!r}: give the share of items that "
            "may fail, 0.0 to 1.0",
            where,
        )
    return ForEach(items, do, max_parallel, float(tolerate), where)


def approval(
    question: str,
    *,
    shows: Source | Sequence[Source] = (),
    due_h: float = 24,
    if_nobody: Literal["wait", "approve", "reject"] = "wait",
    on_reject: Literal["stop", "continue"] = "stop",
    people: int = 1,
    not_by_starter: bool = False,
    group: str = "",
    severity: Severity | Literal[""] = "",
    name: str | None = None,
    says: str = "",
) -> Approval:
    """Ask a person; later steps may take the Decision by the node's name.

    shows: the steps whose results the person sees.
    due_h: hours until the answer is due; then `if_nobody` happens ("wait" reminds and waits on).
    on_reject: "stop" ends the run; "continue" leaves it to later steps, which take the Decision.
    people: how many different people must approve; one rejection is enough.
    not_by_starter: who started the run is not one of them.
    group: whom it is for. severity: how much depends on it. Both are the workflow's unless said.
    says: what the user reads meanwhile.
    """
    where = caller()
    if not isinstance(question, str) or not question.strip():
        raise BadNode("an approval needs a question: approval('Send this reply?')", where)
    _check_duration("approval", "due_h", due_h, LONGEST_H, where)
    _check_one_of("approval", "if_nobody", if_nobody, ("wait", "approve", "reject"), where)
    _check_one_of("approval", "on_reject", on_reject, ("stop", "continue"), where)
    _check_people(people, not_by_starter, if_nobody, where)
    check_asking("approval", group, severity, where)
    _check_own_name("an approval", name, where)
    shown = (shows,) if isinstance(shows, str) or not isinstance(shows, Sequence) else tuple(shows)
    return Approval(
        question=question,
        shows=shown,
        due_h=due_h,
        if_nobody=if_nobody,
        on_reject=on_reject,
        people=people,
        not_by_starter=not_by_starter,
        group=group,
        severity=severity,
        name=name,
        says=says,
        where=where,
    )


def wait_for(
    event: str,
    *,
    match: str,
    gives: Any = dict,
    timeout_h: float,
    name: str | None = None,
    says: str = "",
) -> WaitFor:
    """Wait until something outside tells us.

    match: the source of the key that tells this run's event from others, as in "input.order_id".
    gives: the type of what comes with the event; later steps take it by the node's name.
    """
    where = caller()
    if not isinstance(event, str) or not event.strip():
        raise BadNode("wait_for needs the event's name: wait_for('order.paid', ...)", where)
    _check_duration("wait_for", "timeout_h", timeout_h, LONGEST_H, where)
    _check_own_name("a wait_for", name, where)
    try:
        TypeAdapter(gives)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise BadNode(
            f"wait_for({event!r}) gives {type_name(gives)}, which cannot travel as JSON: use a "
            "pydantic model or dict",
            where,
        ) from error
    return WaitFor(event, match, gives, timeout_h, name, says, where)


def sleep(
    *,
    seconds: float = 0,
    minutes: float = 0,
    hours: float = 0,
    days: float = 0,
    name: str | None = None,
    says: str = "",
) -> Sleep:
    """Let time pass; no worker is held meanwhile."""
    where = caller()
    parts = (seconds, minutes, hours, days)
    if not all(is_number(part) for part in parts):
        raise BadNode("sleep takes numbers: sleep(hours=2)", where)
    sleep_s = seconds + 60 * minutes + 3_600 * hours + 86_400 * days
    _check_duration("sleep", "its length in hours", sleep_s / 3_600, LONGEST_H, where)
    _check_own_name("a sleep", name, where)
    return Sleep(sleep_s, name, says, where)


def choose(
    by: Callable[..., str | Coroutine[Any, Any, str]],
    branches: Mapping[str, Node | None],
    *,
    pool: str = "io",
    name: str | None = None,
) -> Choose:
    """Go on with the branch whose key the function `by` returns; None is a branch without steps.

    by: a plain function of the input and of earlier results, named as in a step; it has no effects.
    """
    where = caller()
    if isinstance(by, Step):
        raise BadNode(f"choose takes a plain function: remove @step from {by.name!r}", where)
    if not isinstance(branches, Mapping) or not branches:
        raise BadNode('choose needs branches: choose(is_urgent, {"yes": page, "no": None})', where)
    for key in branches:
        if not isinstance(key, str) or not key:
            raise BadNode(f"choose: the branch {key!r} needs a text as its key", where)
    _checked([node for node in branches.values() if node is not None], "choose", where, empty=True)
    _check_own_name("a choose", name, where)
    by_place = defined(by)
    found = read(by, by_place)
    check_pool(found.name, pool, where)
    _check_keys(found.name, found.returns, tuple(branches), by_place)
    return Choose(chooser(by, found, pool), dict(branches), name, where)


def run_workflow(
    child: Workflow | str, *, input: Source = "input", name: str | None = None, says: str = ""
) -> RunWorkflow:
    """Run another workflow as one step of this; its output is the result.

    child: the workflow, or its name (then its output is not checked here).
    input: where its input comes from: "input.order", or the step that returns it.
    """
    where = caller()
    if not isinstance(child, Workflow):
        check_name(child, "a workflow", where, BadNode)
    _check_own_name("a run_workflow", name, where)
    return RunWorkflow(child, input, name, says, where)


def _checked(
    nodes: Sequence[Any], word: str, where: Where, *, empty: bool = False
) -> tuple[Node, ...]:
    """Refuse what is no node, and a group of nothing."""
    if not nodes and not empty:
        raise BadNode(f"{word}() is empty: give it steps, or leave it out", where)
    for node in nodes:
        if not isinstance(node, NODES):
            raise BadNode(f"{word} takes steps and other nodes, not {_shown(node)}", where)
    return tuple(nodes)


def _check_keys(name: str, returns: Any, keys: tuple[str, ...], where: Where) -> None:
    """The function must be able to return every branch, and nothing else."""
    if returns is str:
        return
    if get_origin(returns) is not Literal:
        raise BadStep(
            f"{name!r} chooses a branch, so it returns str or Literal{list(keys)!r}, not "
            f"{type_name(returns)}",
            where,
        )
    named = get_args(returns)
    for key in named:
        if key not in keys:
            raise UnknownName(
                f"{name!r} may return {key!r}, which has no branch; {did_you_mean(key, keys)}",
                where,
            )
    for key in keys:
        if key not in named:
            raise UnknownName(
                f"{name!r} never returns {key!r}, which has a branch; {did_you_mean(key, named)}",
                where,
            )


def _check_people(people: object, not_by_starter: object, if_nobody: str, where: Where) -> None:
    """Refuse a rule about people that silence would break."""
    if not isinstance(people, int) or isinstance(people, bool) or not 1 <= people <= MOST_PEOPLE:
        raise BadNode(f"approval: people is {people!r}; give 1 to {MOST_PEOPLE}", where)
    if not isinstance(not_by_starter, bool):
        raise BadNode(f"approval: not_by_starter is {not_by_starter!r}; give True or False", where)
    if if_nobody == "approve" and (people > 1 or not_by_starter):
        raise BadNode(
            "approval: if_nobody='approve' lets it through without the people that it asks for; "
            "say 'wait' or 'reject'",
            where,
        )


def _check_duration(word: str, option: str, value: object, most: float, where: Where) -> None:
    if not is_number(value) or not 0 < value <= most:  # type: ignore[operator]  # a number by now
        raise BadNode(
            f"{word}: {option} is {value!r}; give more than 0 and at most {most:g}", where
        )


def _check_one_of(
    word: str, option: str, value: object, allowed: Sequence[str], where: Where
) -> None:
    if value not in allowed:
        hint = did_you_mean(str(value), allowed)
        raise BadNode(f"{word}: {option} is {value!r}; {hint}", where)


def _check_own_name(what: str, name: str | None, where: Where) -> None:
    if name is not None:
        check_name(name, what, where, BadNode)


def _shown(thing: object) -> str:
    """How to speak of something that is no node."""
    match thing:
        case Workflow():
            return f"the workflow {thing.name!r} (say run_workflow({thing.name}))"
        case Series() | Parallel() | ForEach() | Approval() | WaitFor() | Sleep() | Choose():
            return f"a {type(thing).__name__.lower()}"
        case _ if callable(thing):
            return f"{getattr(thing, '__name__', thing)!r} (is its @step missing?)"
        case _:
            return repr(thing)
