"""Each fault of a model, at each of the steps that ask one: the run's state, and how many mails went out."""

from __future__ import annotations

import pytest

from aiops.execution import lanes, resume
from aiops.flow import Retry
from aiops.models import Escalation, Lane, LaneState, Run
from tests.execution.engine import COMMITS, fresh, question, the_step, time_passes
from tests.workflows.desk import Desk

pytestmark = COMMITS

#: What part of the prompt tells the calls of a step from the others.
PROMPTS = {"classify": "My wallet or my cards are lost", "draft": "Customer ("}

FAULTS = {
    # Nothing was done, or it may have been: tried again by itself.
    **dict.fromkeys(("500", "502", "504", "408", "drop-before"), "retrying"),
    **dict.fromkeys(("drop-after", "half", "broken-json", "html", "empty-object"), "retrying"),
    # The provider is not there, or has said when it will be: it waits for its lane.
    **dict.fromkeys(("503", "529", "429", "429-bare", "429-day"), "waiting"),
    # Money, key or address: one question about the lane.
    **dict.fromkeys(("401", "402", "403", "404", "429-quota", "429-spend"), "stopped"),
    # This input will never do.
    **dict.fromkeys(("400", "413", "422"), "failed"),
    # Not with this model: a person may know better.
    **dict.fromkeys(("context-length", "content-policy"), "attention"),
}
#: An answer that is none of chat's: nothing like it comes from embeddings.
ANSWERS = {
    # The same again and again: a person.
    **dict.fromkeys(("no-finish", "says:", "says:As an AI I cannot help."), "attention"),
    **dict.fromkeys(("content-filter", "refusal"), "attention"),
    # A text that was cut is kept up to its last whole sentence, and a person reads it.
    "length": "approval",
}
CASES = [("classify", *case) for case in FAULTS.items()] + [
    ("draft", *case) for case in {**FAULTS, **ANSWERS}.items()
]


def state_of(run: Run) -> str:
    """Its state, in which a stopped lane and an approval are told from other waits."""
    if Lane.objects.filter(state=LaneState.STOPPED).exists():
        return "stopped"
    if Escalation.objects.filter(run=run, kind="approval", state="open").exists():
        return "approval"
    return fresh(run).state


@pytest.fixture(autouse=True)
def _nothing_is_tried_again_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a short wait is over while the test still works."""
    monkeypatch.setattr(Retry, "backoff_s", lambda *_, **__: 600.0)


@pytest.mark.parametrize(("step", "fault", "state"), CASES, ids=lambda value: str(value))
def test_a_fault_leads_to_its_state_and_after_it_one_mail_goes_out(
    desk: Desk, step: str, fault: str, state: str
) -> None:
    desk.faults.script({"prompt": PROMPTS[step], "then": fault})

    run = desk.receive()

    assert state_of(run) == state, the_step(run, step).error
    assert desk.mails(run) == 0
    desk.faults.script()
    _mend(desk, run, step, state)
    if state == "failed":
        resume.retry(run.id, actor="ann")
        desk.engine.work()
    run = desk.approve(run)
    assert run.state == "succeeded"
    assert desk.mails(run) == 1


def _mend(desk: Desk, run: Run, step: str, state: str) -> None:
    """The provider is well again: do what the state calls for, until a person may approve."""
    for lane in Lane.objects.exclude(state=LaneState.OPEN):
        lanes.resume(lane.name, actor="ann", reason="it is well again")
    match state:
        case "attention":
            asked = question(run)
            assert asked.kind in ("bad_output", "question")
            resume.retry_from(run.id, step, actor="ann", reason="once more")
        case "retrying" | "waiting" | "stopped":
            time_passes(run)
    desk.engine.work()
