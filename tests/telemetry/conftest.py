"""What tests of traces, metrics and logs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_django.fixtures import Settings

from aiops.telemetry import spans
from tests.execution.conftest import engine, flows, no_session_left, script

__all__ = ["engine", "flows", "no_session_left", "script"]


@pytest.fixture
def exported(settings: Settings) -> Iterator[InMemorySpanExporter]:
    """Traces are on, and what would leave is kept here."""
    settings.AIOPS_TRACES = True
    kept = InMemorySpanExporter()
    spans.use(SimpleSpanProcessor(kept))
    yield kept
    spans.use(None)
