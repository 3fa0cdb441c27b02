"""A flow that could not run is refused where it is declared."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

HEAD = """\
from typing import Any, Literal
from pydantic import BaseModel
from aiops.flow import (
    Decision, Retry, StepContext, approval, choose, for_each, parallel, run_workflow, series, sleep,
    step, wait_for, workflow,
)
class Order(BaseModel):
    id: str
    lines: list[str]
    weight: float
    note: str | None
class Label(BaseModel):
    text: str
class Batch(BaseModel):
    orders: list[Order]
@step
def check(order: Order) -> bool: ...
@step
def label(order: Order) -> Label: ...
@step
def labels(order: Order) -> list[Label]: ...
@step
def pack(item: str) -> Label: ...
def is_heavy(order: Order) -> Literal["yes", "no"]: ...
def which(order: Order) -> str: ...
"""

NODES = {
    "an empty series": ("series()  # here", "series() is empty: give it steps, or leave it out"),
    "an empty parallel": (
        "series(label, parallel())  # here",
        "parallel() is empty: give it steps, or leave it out",
    ),
    "a plain function in a series": (
        "series(is_heavy)  # here",
        "series takes steps and other nodes, not 'is_heavy' (is its @step missing?)",
    ),
    "a workflow in a series": (
        "w = workflow('w', input=Order, flow=label)\nseries(w)  # here",
        "series takes steps and other nodes, not the workflow 'w' (say run_workflow(w))",
    ),
    "a text in a series": (
        "series('label')  # here",
        "series takes steps and other nodes, not 'label'",
    ),
    "a map of a step with an undo": (
        "@step(undo=lambda result: None)\ndef fold(item: str) -> Label: ...\n"
        "for_each('input.lines', fold)  # here",
        "for_each over 'fold': its `undo` would not be called for items; take them back in a step "
        "of your own, or leave `undo` out",
    ),
    "an unbounded map": (
        "for_each(items='input.lines', do=pack, max_parallel=None)  # here",
        "for_each over 'pack' has max_parallel=None, an unbounded map: give 1 to 256",
    ),
    "a map of nothing at once": (
        "for_each(items='input.lines', do=pack, max_parallel=0)  # here",
        "for_each over 'pack' has max_parallel=0, an unbounded map: give 1 to 256",
    ),
    "a huge map": (
        "for_each(items='input.lines', do=pack, max_parallel=257)  # here",
        "for_each over 'pack' has max_parallel=257, an unbounded map: give 1 to 256",
    ),
    "a map that tolerates more than all": (
        "for_each(items='input.lines', do=pack, tolerate=5)  # here",
        "for_each over 'pack' has tolerate=5: give the share of items that may fail, 0.0 to 1.0",
    ),
    "a map of several steps": (
        "for_each(items='input.lines', do=series(pack, label))  # here",
        "for_each(do=...) takes one step, not a series: for several steps per item make them a "
        "workflow and call it from one step, or write one step that does it all",
    ),
    "an approval without a question": (
        "approval('')  # here",
        "an approval needs a question: approval('Send this reply?')",
    ),
    "an approval without time": (
        "approval('Ship?', due_h=0)  # here",
        "approval: due_h is 0; give more than 0 and at most 8784",
    ),
    "an approval that cannot tell what happens": (
        "approval('Ship?', if_nobody='aprove')  # here",
        "approval: if_nobody is 'aprove'; did you mean 'approve'?",
    ),
    "an approval that neither stops nor goes on": (
        "approval('Ship?', on_reject='halt')  # here",
        "approval: on_reject is 'halt'; known: stop, continue",
    ),
    "an approval by nobody": (
        "approval('Ship?', people=0)  # here",
        "approval: people is 0; give 1 to 9",
    ),
    "an approval by more or fewer than the starter": (
        "approval('Ship?', not_by_starter='yes')  # here",
        "approval: not_by_starter is 'yes'; give True or False",
    ),
    "an approval by two that silence would give": (
        "approval('Ship?', people=2, if_nobody='approve')  # here",
        "approval: if_nobody='approve' lets it through without the people that it asks for; say "
        "'wait' or 'reject'",
    ),
    "an approval of a severity that is none": (
        "approval('Ship?', severity='hihg')  # here",
        "approval: severity is 'hihg'; did you mean 'high'?",
    ),
    "an approval for a group that is none": (
        "approval('Ship?', group=7)  # here",
        "approval: group is 7; give a group's name",
    ),
    "a name that is none": (
        "approval('Ship?', name='ask me')  # here",
        "an approval cannot be named 'ask me': use letters, digits and _, as in 'send_reply'",
    ),
    "a wait without an event": (
        "wait_for(' ', match='input.id', timeout_h=1)  # here",
        "wait_for needs the event's name: wait_for('order.paid', ...)",
    ),
    "a wait without an end": (
        "wait_for('paid', match='input.id', timeout_h=float('inf'))  # here",
        "wait_for: timeout_h is inf; give more than 0 and at most 8784",
    ),
    "a wait for what cannot travel": (
        "class Socket: ...\nwait_for('paid', match='input.id', gives=Socket, timeout_h=1)  # here",
        "wait_for('paid') gives Socket, which cannot travel as JSON: use a pydantic model or dict",
    ),
    "a sleep of no time": (
        "sleep(hours=0)  # here",
        "sleep: its length in hours is 0.0; give more than 0 and at most 8784",
    ),
    "a sleep of a text": ("sleep(hours='2')  # here", "sleep takes numbers: sleep(hours=2)"),
    "a choice without branches": (
        "choose(which, {})  # here",
        'choose needs branches: choose(is_urgent, {"yes": page, "no": None})',
    ),
    "a choice by a step": (
        "choose(check, {'yes': label})  # here",
        "choose takes a plain function: remove @step from 'check'",
    ),
    "a branch whose key is no text": (
        "choose(which, {True: label})  # here",
        "choose: the branch True needs a text as its key",
    ),
    "a branch that is no node": (
        "choose(which, {'yes': is_heavy})  # here",
        "choose takes steps and other nodes, not 'is_heavy' (is its @step missing?)",
    ),
    "a choice in a pool that is not there": (
        "def heavy(order: Order) -> str: ...\nchoose(heavy, {'a': label}, pool='oi')  # here",
        "step 'heavy': there is no pool 'oi'; known: io, llm, cpu, effects, batch",
    ),
    "a choice that may return what has no branch": (
        "def size(order: Order) -> Literal['big', 'small']: ...  # here\n"
        "choose(size, {'big': label, 'smal': None})",
        "'size' may return 'small', which has no branch; did you mean 'smal'?",
    ),
    "a choice that never returns a branch": (
        "def size(order: Order) -> Literal['big', 'small']: ...  # here\n"
        "choose(size, {'big': label, 'small': None, 'huge': None})",
        "'size' never returns 'huge', which has a branch; known: big, small",
    ),
    "a choice by a number": (
        "def size(order: Order) -> int: ...  # here\nchoose(size, {'big': label})",
        "'size' chooses a branch, so it returns str or Literal['big'], not int",
    ),
    "a child whose name is none": (
        "run_workflow('ship-it')  # here",
        "a workflow cannot be named 'ship-it': use letters, digits and _, as in 'send_reply'",
    ),
}

WORKFLOWS = {
    "a name that is none": (
        "workflow('ship-it', input=Order, flow=label)  # here",
        "a workflow cannot be named 'ship-it': use letters, digits and _, as in 'send_reply'",
    ),
    "version 0": (
        "workflow('ship', version=0, input=Order, flow=label)  # here",
        "workflow 'ship' has version=0: count from 1",
    ),
    "an input that is no model": (
        "workflow('ship', input=dict, flow=label)  # here",
        "workflow 'ship' has input=<class 'dict'>: give a pydantic model",
    ),
    "a flow that is none": (
        "workflow('ship', input=Order, flow=[label])  # here",
        "workflow 'ship' has flow=[Step(...)]: give a step or series(...)",
    ),
    "a way to fail that is not there": (
        "workflow('ship', input=Order, flow=label, on_failure='undoo')  # here",
        "workflow 'ship' has on_failure='undoo'; did you mean 'undo'?",
    ),
    "a deadline before the start": (
        "workflow('ship', input=Order, flow=label, deadline_h=-1)  # here",
        "workflow 'ship' has deadline_h=-1: hours, or 0 for none",
    ),
    "the same step twice": (
        "@step  # here\ndef send(order: Order) -> None: ...\n"
        "workflow('ship', input=Order, flow=series(send, label, send))",
        "workflow 'ship' has two nodes named 'send' (the other: FILE:26): use a step once per "
        "workflow; for a second use write a second step",
    ),
    "the same name twice": (
        "workflow('ship', input=Order, flow=series(\n"
        "    approval('A?', name='ask'),\n"
        "    approval('B?', name='ask'),  # here\n"
        "))",
        "workflow 'ship' has two nodes named 'ask' (the other: FILE:27): give one of them another "
        "name=",
    ),
    "a node named like the input": (
        "@step  # here\ndef order(input: Order) -> Order: ...\n"
        "workflow('ship', input=Order, flow=order)",
        "a node of workflow 'ship' is named 'order', as its input is: rename the node",
    ),
    "a parameter named after nothing": (
        "@step  # here\ndef send(order: Order, lable: Label) -> None: ...\n"
        "workflow('ship', input=Order, flow=series(label, send))",
        "'send' has the parameter 'lable', and workflow 'ship' has nothing of that name before it; "
        "did you mean 'label'?",
    ),
    "a parameter like nothing at all": (
        "@step  # here\ndef send(zebra: Label) -> None: ...\n"
        "workflow('ship', input=Order, flow=series(label, send))",
        "'send' has the parameter 'zebra', and workflow 'ship' has nothing of that name before it; "
        "known: label, input, order, context",
    ),
    "the result of a sibling": (
        "@step  # here\ndef send(label: Label) -> None: ...\n"
        "workflow('ship', input=Order, flow=parallel(label, send))",
        "'send' takes 'label', which may not have finished before it in workflow 'ship': put "
        "'label' before 'send' in a series",
    ),
    "the result of a later step": (
        "@step  # here\ndef send(label: Label) -> None: ...\n"
        "workflow('ship', input=Order, flow=series(send, label))",
        "'send' takes 'label', which may not have finished before it in workflow 'ship': put "
        "'label' before 'send' in a series",
    ),
    "a result of another type": (
        "@step  # here\ndef send(label: Order) -> None: ...\n"
        "workflow('ship', input=Order, flow=series(label, send))",
        "'send' takes label: Order, and 'label' gives Label in workflow 'ship': correct one of the "
        "two types",
    ),
    "an input of another type": (
        "@step  # here\ndef send(order: Label) -> None: ...\n"
        "workflow('ship', input=Order, flow=send)",
        "'send' takes order: Label, and 'input' gives Order in workflow 'ship': correct one of the "
        "two types",
    ),
    "a result that may be missing": (
        "@step  # here\ndef send(label: Label) -> None: ...\n"
        "workflow('ship', input=Order, flow=series(choose(which, {'a': label, 'b': None}), send))",
        "'send' takes label: Label, and 'label' gives Label | None in workflow 'ship': 'label' is "
        "in a branch that may be skipped, so say label: Label | None",
    ),
    "results of a map that may be missing": (
        "@step  # here\ndef send(pack: list[Label]) -> None: ...\n"
        "workflow('ship', input=Order, flow=series(\n"
        "    for_each('input.lines', pack, tolerate=0.1), send))",
        "'send' takes pack: list[Label], and 'pack' gives list[Label | None] in workflow 'ship': "
        "correct one of the two types",
    ),
    "items that are no list": (
        "workflow('ship', input=Order, flow=for_each('input.id', pack))  # here",
        "for_each over 'pack' needs a list, and 'input.id' is str: name the field that holds the "
        "list, as in 'input.tickets'",
    ),
    "items of a field that is not there": (
        "workflow('ship', input=Order, flow=for_each('input.liens', pack))  # here",
        "'pack' takes its data from 'input.liens', and Order has no 'liens'; did you mean 'lines'?",
    ),
    "items of a node that is not there": (
        "workflow('ship', input=Order, flow=series(labels, for_each('label', pack)))  # here",
        "'pack' takes its data from 'label', and 'label' is no earlier node of workflow 'ship'; "
        "did you mean 'labels'?",
    ),
    "items of a step that is not in the flow": (
        "workflow('ship', input=Order, flow=for_each(labels, pack))  # here",
        "'pack' takes its data from 'labels', which is no node of workflow 'ship': put it into the "
        "flow before 'pack'",
    ),
    "items of a field of what may be missing": (
        "workflow('ship', input=Order, flow=for_each('input.note.lines', pack))  # here",
        "'pack' takes its data from 'input.note.lines', and what comes before 'lines' may be None "
        "(str | None): take it in a step that returns what is needed",
    ),
    "items of a field of what has none": (
        "workflow('ship', input=Order, flow=for_each('input.id.lines', pack))  # here",
        "'pack' takes its data from 'input.id.lines', and str has no fields",
    ),
    "items of another type": (
        "@step  # here\ndef send(item: Order) -> None: ...\n"
        "workflow('ship', input=Order, flow=for_each('input.lines', send))",
        "'send' takes each item as item: Order, and the items of workflow 'ship' are str: correct "
        "one of the two types",
    ),
    "nothing that takes the item": (
        "@step  # here\ndef send(order: Order) -> None: ...\n"
        "workflow('ship', input=Order, flow=for_each('input.lines', send))",
        "'send' runs once for each item in workflow 'ship', and no parameter is left to take it: "
        "name one parameter 'item'",
    ),
    "two that may take the item": (
        "@step  # here\ndef send(line: str, other: str) -> None: ...\n"
        "workflow('ship', input=Order, flow=for_each('input.lines', send))",
        "'send' runs once for each item in workflow 'ship', and 'line' and 'other' could take it: "
        "name one parameter 'item'",
    ),
    "an item outside a map": (
        "@step  # here\ndef send(item: str) -> None: ...\nworkflow('ship', input=Order, flow=send)",
        "'send' has the parameter 'item', and workflow 'ship' has nothing of that name before it; "
        "known: input, order, context",
    ),
    "an approval that shows what is not there": (
        "workflow('ship', input=Order, flow=series(label, approval('Ship?', shows=labels)))  # here",
        "'approval' takes its data from 'labels', which is no node of workflow 'ship': put it into "
        "the flow before 'approval'",
    ),
    "an approval that shows what comes later": (
        "workflow('ship', input=Order, flow=series(approval('Ship?', shows=label), label))  # here",
        "'approval' takes 'label', which may not have finished before it in workflow 'ship': put "
        "'label' before 'approval' in a series",
    ),
    "an event matched by no key": (
        "workflow('ship', input=Order, flow=wait_for('paid', match='input.lines', timeout_h=1))  # here",
        "wait_for('paid') matches by 'input.lines', which is list[str]: match by a text or a whole "
        "number, such as an id",
    ),
    "a child with another input": (
        "w = workflow('w', input=Label, flow=sleep(seconds=1))\n"
        "workflow('ship', input=Order, flow=run_workflow(w))  # here",
        "workflow 'w' takes Label, and 'input' gives Order: add a step that returns what it takes",
    ),
    "a workflow that runs itself": (
        "workflow('ship', input=Order, flow=run_workflow('ship'))  # here",
        "workflow 'ship' runs itself, without an end: run another",
    ),
    "a step that lost its name": (
        "@step  # here\ndef send(order: Order) -> None: ...\n"
        "sender, send = send, None\n"
        "workflow('ship', input=Order, flow=sender)",
        "workers look for 'send' as 'send' in FILE, and would find something else: keep the step "
        "under the name of its function, with @step as its outermost decorator",
    ),
}


@pytest.mark.parametrize(("body", "message"), NODES.values(), ids=NODES)
def test_a_node_is_refused_with_its_line(
    body: str, message: str, refusal: Callable[[str], str]
) -> None:
    assert refusal(HEAD + body + "\n") == message


@pytest.mark.parametrize(("body", "message"), WORKFLOWS.values(), ids=WORKFLOWS)
def test_a_workflow_is_refused_with_its_line(
    body: str, message: str, refusal: Callable[[str], str]
) -> None:
    refused = refusal(HEAD + body + "\n")

    assert _without_module(refused) == message


def _without_module(message: str) -> str:
    message = re.sub(r"written_\d+(\.py)?", "FILE", message)
    return re.sub(r"\[TypedStep\(.*\)\]", "[Step(...)]", message)
