"""python -m bench.pages: how long the console's pages take, and how much they ask, among many runs."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import django

from aiops.servers.errors import ServerError
from bench import table
from bench.stack import Stack

if TYPE_CHECKING:
    from django.test import Client

#: Real runs that are multiplied, and how long they get to come to rest.
ORIGINALS = 92
REST_S = 75.0
ROUNDS = 5
#: What a page may take, in seconds.
BOUND_S = 0.5
BEGIN, END = "<!-- pages: begin -->", "<!-- pages: end -->"


@dataclass(frozen=True, slots=True)
class Shown:
    """One page: how long it took in the middle of several rounds, and how much it asked."""

    name: str
    seconds: float
    queries: int
    kilobytes: float

    def __str__(self) -> str:
        verdict = "pass" if self.seconds <= BOUND_S else "MISS"
        return (
            f"| {self.name} | {self.seconds * 1e3:,.0f} | {self.queries} |"
            f" {self.kilobytes:,.0f} | {verdict} |"
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000, help="how many runs (100,000)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into the file")
    options = parser.parse_args()
    try:
        with Stack() as stack:
            stack.env["AIOPS_WORKFLOWS"] = "tasks.demo.flows"
            os.environ.update(stack.env)
            django.setup()
            text = tell(stack, options.runs)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    print(text)
    if options.write:
        table.write(options.write, text, BEGIN, END)
    return 0


def tell(stack: Stack, runs: int) -> str:
    from aiops.models import Step
    from bench.crowd import multiply

    play(stack)
    number = multiply(runs)
    steps = Step.objects.count()
    head = (
        f"`python -m bench.pages` on {os.cpu_count()} cores: {number:,} runs with {steps:,} steps."
        f" Caches emptied before each request; the middle of {ROUNDS}; at most {BOUND_S} s is asked."
    )
    lines = [str(one) for one in measured(signed_in())]
    titles = "| page | ms | queries | KB | |\n| --- | --- | --- | --- | --- |"
    return "\n".join([head, "", titles, *lines])


def play(stack: Stack) -> None:
    """Let real runs come to rest in every state, then stop everything that moves them."""
    from tasks.demo.rehearsal import Rehearsal

    stack.start()
    for pool in ("cpu", "effects", "batch"):
        stack.add_worker(pool, pool)
    rehearsal = Rehearsal(say=lambda text: None)
    rehearsal.start(ORIGINALS, seed=1)
    end = time.monotonic() + REST_S
    while time.monotonic() < end:
        rehearsal.act(1.0)
        time.sleep(0.5)
    for name in ("keeper", "control", "io", "llm", "cpu", "effects", "batch"):
        stack.stop(name)


def signed_in() -> Client:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    settings.DEBUG = False
    client = Client()
    client.force_login(User.objects.create_superuser("bench"))
    return client


def pages() -> Iterator[tuple[str, str]]:
    """The pages by name, with an address for each."""
    from django.urls import reverse

    from aiops.models import Escalation, Run

    for name, url in (
        ("dashboard", "index"),
        ("inbox", "aiops_escalation_changelist"),
        ("failure groups", "aiops_failuregroup_changelist"),
        ("queues & workers", "aiops_node_changelist"),
        ("workflows", "aiops_workflowversion_changelist"),
        ("operator actions", "aiops_operatoraction_changelist"),
        ("bulk jobs", "aiops_bulkjob_changelist"),
        ("lanes", "aiops_lane_changelist"),
        ("budgets", "aiops_budget_changelist"),
    ):
        yield name, reverse(f"admin:{url}")
    runs = reverse("admin:aiops_run_changelist")
    for view in ("all", "needs_you", "active", "waiting", "failed", "finished"):
        yield f"runs, {view}", f"{runs}?view={view}"
    for query in ("verdict=safe,keyed", "workflow=invoice_intake", "q=Lumen", "queue=llm"):
        yield f"runs, {query}", f"{runs}?{query}"
    for state in ("failed", "attention", "waiting", "succeeded"):
        if run := Run.objects.filter(state=state).first():
            yield f"a run, {state}", reverse("admin:aiops_run_change", args=[run.id])
    if asked := Escalation.objects.filter(state="open").first():
        yield "a request", reverse("admin:aiops_escalation_change", args=[asked.id])


def measured(client: Client) -> Iterator[Shown]:
    from django.core.cache import cache
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for name, url in pages():
        times: list[float] = []
        for _ in range(ROUNDS + 1):
            cache.clear()
            began = time.perf_counter()
            response = client.get(url)
            times.append(time.perf_counter() - began)
            if response.status_code != 200:
                raise AssertionError(f"{url} answers {response.status_code}")
        cache.clear()
        with CaptureQueriesContext(connection) as asked:
            client.get(url)
        # The first one fills what a process keeps: templates, plans.
        yield Shown(name, median(times[1:]), len(asked), len(response.content) / 1024)


if __name__ == "__main__":
    sys.exit(main())
