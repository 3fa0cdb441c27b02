"""Numbers on their way to Prometheus: gathered by name and labels, bounded, then turned into families."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from aiops.upkeep.metrics.declared import (
    METRICS,
    MOST_LANES,
    MOST_MODELS,
    MOST_WORKFLOWS,
    OTHER,
)

Labels = tuple[str, ...]

_MOST = {"workflow": MOST_WORKFLOWS, "model": MOST_MODELS, "lane": MOST_LANES}


@dataclass(slots=True)
class Parts:
    """A histogram: how many fell into each part, and their sum."""

    counts: Counter[int] = field(default_factory=Counter)
    total: float = 0.0

    def __add__(self, other: Parts) -> Parts:
        return Parts(self.counts + other.counts, self.total + other.total)


T = TypeVar("T", float, Parts)


@dataclass(slots=True)
class Samples:
    """What was read: plain numbers, and histograms."""

    numbers: defaultdict[tuple[str, Labels], float] = field(
        default_factory=lambda: defaultdict(float)
    )
    parts: defaultdict[tuple[str, Labels], Parts] = field(
        default_factory=lambda: defaultdict(Parts)
    )

    def add(self, name: str, value: float, *labels: str) -> None:
        self.numbers[name, labels] += value

    def most(self, name: str, value: float, *labels: str) -> None:
        self.numbers[name, labels] = max(value, self.numbers[name, labels])

    def put(self, name: str, part: int, count: int, total: float, *labels: str) -> None:
        """Count into a part of a histogram: `part` is as PostgreSQL's width_bucket numbers them."""
        parts = self.parts[name, labels]
        parts.counts[part] += count
        parts.total += total

    def update(self, other: Samples) -> None:
        for key, value in other.numbers.items():
            self.numbers[key] += value
        for key, parts in other.parts.items():
            self.parts[key] = self.parts[key] + parts

    def families(self) -> Iterator[Metric]:
        """As Prometheus wants them, also those of which there is nothing to tell."""
        numbers: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
        for (name, labels), value in self.numbers.items():
            numbers[name][labels] = value
        parts: defaultdict[str, dict[Labels, Parts]] = defaultdict(dict)
        for (name, labels), one in self.parts.items():
            parts[name][labels] = one
        for name, metric in METRICS.items():
            if metric.kind == "histogram":
                yield _histogram(name, _bounded(parts[name], metric.labels, Parts()))
            else:
                yield _plain(name, _bounded(numbers[name], metric.labels, 0.0))


def _plain(name: str, values: dict[Labels, float]) -> Metric:
    metric = METRICS[name]
    make = GaugeMetricFamily if metric.kind == "gauge" else CounterMetricFamily
    family = make(name, metric.says, labels=metric.labels)
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)
    return family


def _histogram(name: str, values: dict[Labels, Parts]) -> Metric:
    metric = METRICS[name]
    family = HistogramMetricFamily(name, metric.says, labels=metric.labels)
    bounds = [*(str(float(bound)) for bound in metric.bounds_s), "+Inf"]
    for labels, parts in sorted(values.items(), key=lambda pair: pair[0]):
        sums = accumulate(parts.counts[part] for part in range(len(bounds)))
        family.add_metric(labels, list(zip(bounds, sums, strict=True)), parts.total)
    return family


def _bounded(values: Mapping[Labels, T], names: Labels, zero: T) -> dict[Labels, T]:
    """Tell what is beyond the bound of a label together, as OTHER. Pure."""
    found = dict(values)
    for place, name in enumerate(names):
        if name in _MOST:
            found = _merged(found, place, _MOST[name], zero)
    return found


def _merged(values: Mapping[Labels, T], place: int, most: int, zero: T) -> dict[Labels, T]:
    kept = frozenset(sorted({key[place] for key in values})[:most])
    found: dict[Labels, T] = {}
    for key, value in values.items():
        told = _told_as(key, place, kept)
        found[told] = found.get(told, zero) + value
    return found


def _told_as(labels: Labels, place: int, kept: frozenset[str]) -> Labels:
    if labels[place] in kept:
        return labels
    return (*labels[:place], OTHER, *labels[place + 1 :])
