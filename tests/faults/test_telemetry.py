"""Real processes export to a collector: one trace for a run, also of a worker that was killed; logs as JSON."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from aiops.telemetry import ids
from tests.fault_server.control import FaultServer
from tests.faults.aftermath import nothing_is_lost
from tests.faults.record import eventually
from tests.faults.stack import Stack, sabotaged
from tests.faults.test_paid_calls import asking
from tests.telemetry.receiver import Receiver, receiving

pytestmark = pytest.mark.faults


def exporting(receiver: Receiver) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_SERVICE_NAME": "the-engine",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }


def test_steps_on_different_workers_are_one_trace_at_the_collector(
    stack: Stack, fault_server: FaultServer
) -> None:
    fault_server.reset()
    with receiving() as receiver:
        environ = {**asking(fault_server), **exporting(receiver)}
        production = {"AIOPS_ENV": "production", "SECRET_KEY": "x" * 50, "OTEL_LOG_LEVEL": "error"}
        stack.up("keeper", "control", "io", env=environ)
        stack.up("llm", env={**environ, **production})
        run = stack.caller.start("posting", about="a-private-word")
        nothing_is_lost(stack, [run])
        trace = ids.trace_hex(UUID(run))
        eventually(lambda: len(receiver.of(trace)) >= 6, what="the spans of the run")
        stack.down("keeper", "control", "io", "llm")

    spans = {span.name: span for span in receiver.of(trace)}
    assert set(spans) == {
        *("run posting", "step weigh", "step label", "attempt weigh", "attempt label"),
        "chat faulty",
    }
    assert spans["run posting"].parent == ""
    assert {spans[f"step {name}"].parent for name in ("weigh", "label")} == {
        spans["run posting"].span
    }
    assert spans["attempt label"].parent == spans["step label"].span
    assert spans["chat faulty"].parent == spans["attempt label"].span
    assert {span.service for span in spans.values()} == {"the-engine"}
    workers = {spans[f"attempt {n}"].attributes["aiops.worker"][:3] for n in ("weigh", "label")}
    assert workers == {"io@", "llm"}
    assert all(b"a-private-word" not in body for body in receiver.bodies)

    [line] = [line for line in stack.log("llm").splitlines() if "label.begun" in line]
    told = json.loads(line)
    assert (told["run"], told["step"], told["attempt"]) == (run, "label", 1)
    assert (told["event"], told["grams"], told["logger"]) == ("label.begun", 250, "an.author")
    assert told["task_id"]


def test_what_a_killed_worker_did_is_in_the_trace_as_lost(
    stack: Stack, fault_server: FaultServer
) -> None:
    fault_server.reset()
    with receiving() as receiver:
        environ = {**asking(fault_server), **exporting(receiver)}
        stack.up("keeper", "control", env=environ)
        stack.up("llm", env={**environ, **sabotaged("held_before_settling")})
        stack.world.hold("answered.2")
        run = stack.caller.start("letter")
        stack.world.arrived("answered.2")
        stack.down("llm")
        stack.up("llm", env=environ)
        nothing_is_lost(stack, [run])
        trace = ids.trace_hex(UUID(run))
        eventually(
            lambda: "run letter" in {span.name for span in receiver.of(trace)},
            what="the span of the run",
        )
        eventually(lambda: len(_attempts(receiver, trace)) == 2, what="both attempts")
        stack.down("keeper", "control", "llm")

    lost, done = sorted(_attempts(receiver, trace).items())
    assert (lost[0], lost[1]) == (1, ("lost", True))
    assert (done[0], done[1]) == (2, ("succeeded", False))
    # Of the killed worker's calls nobody knows which it handed over: those come twice, under one id.
    outcomes = {
        span.span: span.attributes["aiops.call.outcome"]
        for span in receiver.of(trace)
        if span.name == "chat faulty"
    }
    assert sorted(outcomes.values()) == ["answered", "answered", "answered", "lost", "reused"]


def _attempts(receiver: Receiver, trace: str) -> dict[int, tuple[str, bool]]:
    return {
        span.attributes["aiops.attempt"]: (
            span.attributes["aiops.attempt.outcome"],
            span.is_error,
        )
        for span in receiver.of(trace)
        if span.name == "attempt sketch"
    }
