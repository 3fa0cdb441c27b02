"""Writing spans: whole, after the fact, under ids that are known before. Off, it costs one look at a setting."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from django.conf import settings

from aiops.telemetry import ids

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import SpanContext, Tracer

log = logging.getLogger(__name__)

#: How long a process that ends tries to hand over what it still has.
FLUSH_S = 3.0

Value = str | int | float | bool | Sequence[str]


@dataclass(frozen=True, slots=True)
class Happened:
    """A moment within a span."""

    name: str
    at: datetime
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a run, with everything that is known of it when it is over."""

    name: str
    run_id: UUID
    #: None: nobody needs to know it before.
    span_id: int | None = None
    #: None: the span is the run itself.
    parent_id: int | None
    begin: datetime
    end: datetime
    attributes: Mapping[str, Value | None] = field(default_factory=dict)
    events: Sequence[Happened] = ()
    #: Spans of other traces that it belongs to: (trace, span).
    links: Sequence[tuple[int, int]] = ()
    #: The class of what went wrong, never its message; "" when nothing did.
    error: str = ""
    kind: Literal["internal", "client"] = "internal"


def is_on() -> bool:
    return bool(settings.AIOPS_TRACES)


_OUTSIDE: AbstractContextManager[None] = nullcontext()


def inside(run_id: UUID, step_id: UUID, number: int) -> AbstractContextManager[None]:
    """Let what the block's code traces by itself, and sends elsewhere, belong to this attempt."""
    if not is_on():
        return _OUTSIDE
    return _attached(run_id, ids.attempt_span(step_id, number))


def write(span: Span) -> None:
    """Hand a span to the exporter. What is wrong with it is logged, and hinders nobody."""
    try:
        _write(span)
    except Exception:
        log.exception("telemetry.span_failed run=%s", span.run_id)


def with_caller(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a run that is started inside of somebody's span, which the run's trace links to."""
    kept = dict(metadata)
    if is_on() and "traceparent" not in kept:
        from opentelemetry import trace

        now = trace.get_current_span().get_span_context()
        if now.is_valid:
            flags = int(now.trace_flags)
            kept["traceparent"] = f"00-{now.trace_id:032x}-{now.span_id:016x}-{flags:02x}"
    return kept


def flush() -> None:
    """Hand over what waits: a process is about to end."""
    if _made.provider is not None and _made.pid == os.getpid():
        _made.provider.force_flush(int(FLUSH_S * 1000))


def use(processor: SpanProcessor | None) -> None:
    """Hand spans to this instead of the exporter; None: back to what the environment says."""
    with _lock:
        _made.provider, _made.pid = (None, 0) if processor is None else _make(processor)


@dataclass(slots=True)
class _Made:
    """What this process exports with; a process that was forked makes its own."""

    provider: TracerProvider | None = None
    pid: int = 0


_made = _Made()
_lock = threading.Lock()
#: The ids of the span that this thread is about to make.
_next = threading.local()


def _provider() -> TracerProvider:
    with _lock:
        if _made.provider is None or _made.pid != os.getpid():
            _made.provider, _made.pid = _make(_exporting())
            _offer(_made.provider)
        return _made.provider


def _exporting() -> SpanProcessor:
    # Half a second and 10 MB that only processes with something to export pay.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter())


def _make(processor: SpanProcessor) -> tuple[TracerProvider, int]:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """The ids that were laid out, else random ones."""

        def generate_trace_id(self) -> int:
            return getattr(_next, "trace", None) or super().generate_trace_id()

        def generate_span_id(self) -> int:
            return getattr(_next, "span", None) or super().generate_span_id()

    name = os.environ.get("OTEL_SERVICE_NAME", "aiops")
    provider = TracerProvider(id_generator=Ids(), resource=Resource.create({"service.name": name}))
    provider.add_span_processor(processor)
    return provider, os.getpid()


def _offer(provider: TracerProvider) -> None:
    """Let an author's own spans go the same way, unless he has set up another."""
    from opentelemetry import trace

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(provider)


@contextmanager
def _attached(run_id: UUID, span_id: int) -> Iterator[None]:
    from opentelemetry import context

    try:
        token = context.attach(_under(_provider(), ids.trace_id(run_id), span_id))
    except Exception:
        log.exception("telemetry.not_attached run=%s", run_id)
        yield
        return
    try:
        yield
    finally:
        context.detach(token)


def _write(span: Span) -> None:
    from opentelemetry import trace
    from opentelemetry.context import Context

    provider = _provider()
    number = ids.trace_id(span.run_id)
    parent = Context() if span.parent_id is None else _under(provider, number, span.parent_id)
    kinds = {"internal": trace.SpanKind.INTERNAL, "client": trace.SpanKind.CLIENT}
    _next.trace, _next.span = number, span.span_id
    try:
        made = _tracer(provider).start_span(
            span.name,
            context=parent,
            kind=kinds[span.kind],
            attributes={k: v for k, v in span.attributes.items() if v is not None},
            links=[trace.Link(_context(*link)) for link in span.links],
            start_time=_ns(span.begin),
        )
    finally:
        _next.trace = _next.span = None
    for one in span.events:
        made.add_event(one.name, dict(one.attributes), _ns(one.at))
    if span.error:
        made.set_attribute("error.type", span.error)
        made.set_status(trace.StatusCode.ERROR, span.error)
    made.end(_ns(max(span.begin, span.end)))


def _under(provider: TracerProvider, trace_number: int, span_id: int) -> Context:
    """A parent that another process has, sampled or not as its trace is everywhere."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace.sampling import Decision

    decision = provider.sampler.should_sample(None, trace_number, "run").decision
    parent = _context(trace_number, span_id, is_sampled=decision is Decision.RECORD_AND_SAMPLE)
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))


def _context(trace_number: int, span_id: int, *, is_sampled: bool = True) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(trace_number, span_id, is_remote=True, trace_flags=TraceFlags(is_sampled))


def _tracer(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("aiops")


def _ns(moment: datetime) -> int:
    # Not a float of nanoseconds, which would lose some hundreds of them.
    return int(moment.timestamp() * 1_000_000) * 1000
