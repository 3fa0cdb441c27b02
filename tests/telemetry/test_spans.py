"""Traces: one for each run, whoever works on it; what was said stays here unless a setting asks for it."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from pytest_django.fixtures import Settings

from aiops.execution.start import start_run
from aiops.models import Step
from aiops.telemetry import ids, spans
from aiops.upkeep.tracing import Recorder
from tests.execution.engine import COMMITS, Engine, fresh, time_passes
from tests.fault_server.control import FaultServer
from tests.flows.script import Script

pytestmark = COMMITS


def named(exported: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exported.get_finished_spans()}


def numbers(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def told(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(name)


def test_a_run_is_one_trace_of_its_steps_their_attempts_and_their_model_calls(
    engine: Engine, faults: FaultServer, exported: InMemorySpanExporter
) -> None:
    recorder = Recorder()
    recorder.look()
    run = engine.run("thinking", input={"label": "tea"}, tenant="acme")
    recorder.look()

    found = named(exported)
    assert set(found) == {
        "run thinking",
        "step think",
        "step conclude",
        "attempt think",
        "attempt conclude",
        "chat faulty",
    }
    step = Step.objects.get(run=run, name="think")
    assert {numbers(span)[0] for span in found.values()} == {ids.trace_id(run.id)}
    assert numbers(found["run thinking"])[1] == ids.run_span(run.id)
    assert parent(found["run thinking"]) is None
    assert parent(found["step think"]) == ids.run_span(run.id)
    assert parent(found["attempt think"]) == numbers(found["step think"])[1]
    assert parent(found["chat faulty"]) == ids.attempt_span(step.id, 1)
    assert told(found["run thinking"], "aiops.tenant") == "acme"
    assert told(found["attempt think"], "aiops.attempt.outcome") == "succeeded"
    chats = [span for span in exported.get_finished_spans() if span.name == "chat faulty"]
    assert len(chats) == 3


def test_a_model_call_follows_the_conventions_and_says_nothing_of_its_content(
    engine: Engine, faults: FaultServer, exported: InMemorySpanExporter
) -> None:
    engine.run("thinking", input={"label": "a-private-word"})
    Recorder().look()

    call = named(exported)["chat faulty"]
    assert call.kind is trace.SpanKind.CLIENT
    assert told(call, "gen_ai.operation.name") == "chat"
    assert told(call, "gen_ai.provider.name") == "openai"
    assert told(call, "gen_ai.request.model") == "faulty"
    assert told(call, "gen_ai.request.max_tokens") == 100
    assert told(call, "gen_ai.response.model") == "faulty-2026"
    assert told(call, "gen_ai.response.finish_reasons") == ("stop",)
    assert told(call, "gen_ai.usage.input_tokens") == 6
    assert told(call, "gen_ai.usage.output_tokens") == 6
    assert told(call, "server.address") == "127.0.0.1"
    everything = "".join(span.to_json() for span in exported.get_finished_spans())
    assert "a-private-word" not in everything


def test_the_content_is_told_where_a_setting_asks_for_it(
    engine: Engine, faults: FaultServer, exported: InMemorySpanExporter, settings: Settings
) -> None:
    settings.AIOPS_TRACE_CONTENT = True
    engine.run("thinking", input={"label": "a-private-word"})

    call = named(exported)["chat faulty"]
    asked = json.loads(str(told(call, "gen_ai.input.messages")))
    assert asked[0]["role"] == "user"
    assert "a-private-word" in asked[0]["parts"][0]["content"]
    answered = json.loads(str(told(call, "gen_ai.output.messages")))
    assert answered[0]["role"] == "assistant"


def test_what_fails_is_an_error_with_its_class_and_not_its_message(
    engine: Engine, faults: FaultServer, script: Script, exported: InMemorySpanExporter
) -> None:
    script.tell("conclude", ValueError("a-private-word"), ValueError("a-private-word"))
    recorder = Recorder()
    run = engine.run("thinking")
    time_passes(run)
    engine.work()
    recorder.look()

    attempts = [s for s in exported.get_finished_spans() if s.name == "attempt conclude"]
    assert attempts
    assert {span.status.status_code for span in attempts} == {StatusCode.ERROR}
    assert {told(span, "error.type") for span in attempts} == {"ValueError"}
    everything = "".join(span.to_json() for span in exported.get_finished_spans())
    assert "a-private-word" not in everything


def test_a_wait_for_a_lane_is_a_moment_of_its_step(
    engine: Engine, faults: FaultServer, exported: InMemorySpanExporter
) -> None:
    from aiops.models import Lane, lane_moves

    engine.run("thinking", input={"label": "first"})
    lane = Lane.objects.get()
    lane_moves.stop(lane.name, cause="quota", reason="no credit")
    run = engine.run("thinking", input={"label": "second"})
    assert fresh(run).state == "waiting"
    Lane.objects.update(state="open", cause="", line="")
    time_passes(run)
    engine.work()
    Recorder().look()

    steps = [
        span
        for span in exported.get_finished_spans()
        if span.name == "step think" and numbers(span)[0] == ids.trace_id(run.id)
    ]
    assert [span.name for span in steps] == ["step think"]
    parked = [event for event in steps[0].events if event.name == "step.parked"]
    assert parked
    assert (parked[0].attributes or {})["aiops.lane"] == lane.name


def test_nothing_is_written_twice_and_what_commits_late_is_not_missed(
    engine: Engine, faults: FaultServer, exported: InMemorySpanExporter
) -> None:
    recorder = Recorder()
    recorder.look()
    engine.run("thinking")
    # As if another transaction had taken a number and not committed yet.
    late = max(recorder._attempts.fresh(1000))
    recorder._attempts._gaps[late] = 10**9
    recorder.look()
    recorder.look()

    written = [span.name for span in exported.get_finished_spans()]
    assert written.count("run thinking") == 1
    assert written.count("step think") == 1
    assert written.count("attempt conclude") == 1


def test_a_resumed_run_gets_a_span_for_what_came_after_its_first_end(
    engine: Engine, faults: FaultServer, exported: InMemorySpanExporter
) -> None:
    from aiops.models import Event

    run = engine.run("thinking")
    Event.objects.create(run=run, kind="run.succeeded", data={})
    Recorder().look()

    again = named(exported)["run thinking, resumed"]
    assert parent(again) == ids.run_span(run.id)


def test_a_run_is_linked_to_the_span_in_which_it_was_started(
    engine: Engine, faults: FaultServer, exported: InMemorySpanExporter
) -> None:
    tracer = spans._provider().get_tracer("a shop")
    with tracer.start_as_current_span("checkout") as outer:
        run = engine.start("thinking")
    engine.work()
    Recorder().look()

    links = named(exported)["run thinking"].links
    assert [link.context.span_id for link in links] == [outer.get_span_context().span_id]
    assert fresh(run).metadata["traceparent"].startswith("00-")


def test_an_authors_own_span_belongs_to_the_attempt(exported: InMemorySpanExporter) -> None:
    run_id, step_id = uuid4(), uuid4()
    tracer = spans._provider().get_tracer("an author's library")
    with spans.inside(run_id, step_id, 2), tracer.start_as_current_span("GET /policies"):
        pass

    own = named(exported)["GET /policies"]
    assert numbers(own)[0] == ids.trace_id(run_id)
    assert parent(own) == ids.attempt_span(step_id, 2)


def test_a_sampler_decides_alike_for_every_part_of_a_trace(
    exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.3")
    spans.use(SimpleSpanProcessor(exported))
    tracer = spans._provider().get_tracer("x")
    runs = [UUID(int=number << 80 | 0x7000_8000_0000_0000_0000 | number) for number in range(300)]
    for run_id in runs:
        with spans.inside(run_id, run_id, 1), tracer.start_as_current_span("inner"):
            pass
        spans.write(_span(run_id))

    by_trace: dict[int, set[str]] = {}
    for span in exported.get_finished_spans():
        by_trace.setdefault(numbers(span)[0], set()).add(span.name)
    assert 50 < len(by_trace) < 130
    assert all(names == {"inner", "run x"} for names in by_trace.values())


def _span(run_id: UUID) -> spans.Span:
    from django.utils import timezone

    return spans.Span(
        name="run x",
        run_id=run_id,
        span_id=ids.run_span(run_id),
        parent_id=None,
        begin=timezone.now(),
        end=timezone.now(),
    )


def test_off_no_part_of_opentelemetry_is_touched(
    engine: Engine, faults: FaultServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AIOPS_TRACES = False
    monkeypatch.setattr(spans, "_provider", lambda: pytest.fail("a provider was made"))

    run = start_run("thinking", {"label": "tea"})
    engine.work()

    assert fresh(run).metadata == {}
    assert spans.inside(run.id, run.id, 1) is spans.inside(run.id, run.id, 2)


def test_a_foreign_traceparent_that_is_none_is_not_followed() -> None:
    assert ids.parsed("00-" + "0" * 32 + "-" + "1" * 16 + "-01") is None
    assert ids.parsed("rubbish") is None
    assert ids.parsed(None) is None
    assert ids.parsed("00-" + "a" * 32 + "-" + "b" * 16 + "-01") == (
        int("a" * 32, 16),
        int("b" * 16, 16),
    )
