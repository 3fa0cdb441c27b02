"""python -m bench.metrics: how long a scrape of /metrics takes among many runs, and what traces cost when off."""

from __future__ import annotations

import argparse
import os
import sys
import time
import timeit
from datetime import timedelta
from statistics import median
from uuid import uuid4

import django

from aiops.servers.errors import ServerError
from bench.pages import play
from bench.stack import Stack

ROUNDS = 20
#: What a scrape may take, in seconds.
BOUND_S = 0.3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.metrics", description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000, help="how many runs (100,000)")
    parser.add_argument("--days", type=float, default=30, help="over how many days (30)")
    options = parser.parse_args()
    try:
        with Stack() as stack:
            stack.env["AIOPS_WORKFLOWS"] = "tasks.demo.flows"
            os.environ.update(stack.env)
            django.setup()
            tell(stack, options.runs, options.days)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def tell(stack: Stack, runs: int, days: float) -> None:
    from bench import crowd

    play(stack)
    crowd.SPAN = timedelta(days=days)
    number = crowd.multiply(runs)
    leads()
    first_s, times, parts, size = scrapes()
    verdict = "pass" if median(times) <= BOUND_S else "MISS"
    print(f"{number:,} runs over {days:g} days: {size / 1024:.0f} KB")
    print(f"the first scrape of a process: {first_s * 1e3:.0f} ms")
    print(
        f"then: {median(times) * 1e3:.0f} ms, at most {max(times) * 1e3:.0f} ms of {ROUNDS}: {verdict}"
    )
    print(", ".join(f"{part} {took_s * 1e3:.1f}" for part, took_s in parts))
    print(f"traces that are off: {off_ns():.0f} ns for each attempt and each model call")


def leads() -> None:
    """The keeper was stopped; say what it would, so that the scrape does not prove in its place."""
    from django.utils import timezone

    from aiops.models import Node

    soon = timezone.now() + timedelta(hours=1)
    fields = {"role": "keeper", "host": "here", "pid": 1, "is_leader": True, "seen_at": soon}
    Node.objects.create(name="keeper@bench", counters={"limbo": 0}, **fields)


def scrapes() -> tuple[float, list[float], list[tuple[str, float]], int]:
    from prometheus_client import CollectorRegistry, generate_latest

    from aiops.upkeep.metrics.collect import Record

    registry = CollectorRegistry()
    registry.register(Record())
    times = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        text = generate_latest(registry)
        times.append(time.perf_counter() - began)
        time.sleep(0.1)
    parts = [
        (sample.labels["part"], sample.value)
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "aiops_scrape_seconds"
    ]
    return times[0], times[1:], parts, len(text)


def off_ns() -> float:
    """What the looks at the setting cost, compared with nothing."""
    from aiops.telemetry import spans

    run, step, times = uuid4(), uuid4(), 200_000

    def attempt() -> None:
        with spans.inside(run, step, 1):
            pass

    def nothing() -> None:
        pass

    took = min(timeit.repeat(attempt, number=times, repeat=5))
    return (took - min(timeit.repeat(nothing, number=times, repeat=5))) / times * 1e9


if __name__ == "__main__":
    sys.exit(main())
