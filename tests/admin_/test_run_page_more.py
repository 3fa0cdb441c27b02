"""The page of a run: what is recorded beside its answers, what is left out, and its budgets."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from aiops.admin.page import graph
from aiops.admin.page.aside import aside
from aiops.admin.page.links import shown_if_there
from aiops.models import Attempt, Budget, Run, Step, transitions
from tests.admin_.doing import text
from tests.admin_.test_compare import call
from tests.execution.orders import ask, begun, edit, map_of, set_run, stop_at, tried

pytestmark = pytest.mark.django_db

PAGE_QUERIES, POLL_QUERIES = 15, 3


def page(run: Run, **query: str) -> str:
    return reverse("admin:aiops_run_change", args=[run.pk], query=query)


def stopped(fingerprint: str = "the-same") -> Run:
    run = begun()
    stop_at(run, "charge", fingerprint=fingerprint)
    return run


def test_models_tokens_and_budget_are_told_where_they_are_recorded(
    as_: Callable[[str], Client],
) -> None:
    run = stopped()
    row = Step.objects.get(run=run, name="charge")
    call(row, 1, "small-1")
    Budget.objects.create(scope="run", name=str(run.id), limit_microusd=2_000_000)

    shown = text(as_("viewer").get(page(run)))

    assert "small-1 · 1,250 tokens" in shown
    assert "not known of $2.000, 1,250 tokens" in shown


def test_runs_that_failed_alike_and_the_failure_lead_to_their_group(
    as_: Callable[[str], Client],
) -> None:
    run = stopped()
    stopped()
    stopped("another")
    group = shown_if_there("admin:aiops_failuregroup_change", "the-same")

    shown = text(as_("viewer").get(page(run)))

    assert "1 other run has failed the same way." in shown
    assert (group == "") or shown.count(f'href="{group}"') == 2


def test_a_run_that_is_open_tells_how_long_it_usually_takes_and_what_is_left(
    as_: Callable[[str], Client],
) -> None:
    run = begun()
    for name, took_s in (("read", 4), ("charge", 6), ("notify", 2), ("pack", 1)):
        row = tried(Step.objects.get(run=begun(), name=name))
        end = row.started_at + timedelta(seconds=took_s)
        Attempt.objects.filter(id=row.pk).update(finished_at=end)

    beside = aside(run, "", ["read", "charge"])
    shown = text(as_("viewer").get(page(run)))

    assert beside.usual_s == {"read": pytest.approx(4), "charge": pytest.approx(6)}
    assert "13.0 s of work, 13.0 s left" in shown


def test_failures_alone_can_be_listed_and_the_page_keeps_to_them(
    as_: Callable[[str], Client],
) -> None:
    run = stopped()
    transitions.tell(run.id, "step.failed", message="boom")
    transitions.tell(run.id, "run.retried", actor="ann", steps=["charge"])
    client = as_("viewer")

    shown = text(client.get(page(run, events="failed")))

    assert "attempt failed – boom" in shown
    assert "Retried charge" not in shown
    assert re.search(r'data-live="[^"]*&amp;events=failed"', shown)


def test_a_large_graph_is_shown_whole_on_request() -> None:
    names = [f"n{number}" for number in range(graph.MOST_NODES + 50)]
    needs = dict(zip(names[1:], names, strict=False))
    nodes = [graph.Node(name, (needs[name],) if name in needs else (), "pending") for name in names]

    assert graph.draw(nodes).count('class="cx-node') < graph.MOST_NODES
    assert graph.draw(nodes, whole=True).count('class="cx-node') == len(nodes)
    assert graph.left_out(nodes)
    assert not graph.left_out(nodes, whole=True)


# What the pages cost


def like(run: Run, number: int) -> None:
    """So many more runs like this one, with steps, attempts and events."""
    with connection.cursor() as cursor:
        for table, column in (
            ("aiops_run", "id"),
            ("aiops_step", "run_id"),
            ("aiops_event", "run_id"),
        ):
            cursor.execute(
                _LIKE.format(table=table, column=column, names=_names(table)), [number, run.id]
            )
        cursor.execute("ANALYZE aiops_run, aiops_step, aiops_event")


_LIKE = """
INSERT INTO {table} SELECT copied.* FROM {table} AS one
CROSS JOIN generate_series(1, %s) AS place
CROSS JOIN LATERAL jsonb_populate_record(one, jsonb_build_object({names})) AS copied
WHERE one.{column} = %s
"""


def _names(table: str) -> str:
    """Columns that no two rows share; the copies of one run belong together by their number."""
    run = "overlay(one.{}::text placing to_char(place, 'FM00000000') from 1 for 8)"
    if table == "aiops_run":
        return "'id', " + run.format("id")
    key = run.format("id") if table == "aiops_step" else "nextval('aiops_event_id_seq')"
    return f"'id', {key}, 'run_id', {run.format('run_id')}"


def cost(client: Client, url: str, status: int = 200) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == status
    return len(queries)


@pytest.mark.parametrize("number", [200, 2_000])
def test_page_and_poll_keep_their_budgets_among_so_many_runs(
    as_: Callable[[str], Client], number: int
) -> None:
    like(stopped(), number)
    failed, asking = stopped(), begun()
    stop_at(asking, "charge", state="attention", in_doubt=True, fingerprint="the-same")
    ask(asking, "charge")
    running = begun()
    map_of(running, succeeded=30, failed=3, running=2)
    set_run(edit(running, "read", state="succeeded").run, state="running")
    client = as_("admin")
    shown = text(client.get(page(failed)))
    live = re.search(r'data-live="([^"]*)"', shown)

    assert Run.objects.count() == number + 4
    assert "100+ other runs have failed the same way." in shown
    assert [cost(client, page(run)) <= PAGE_QUERIES for run in (failed, asking, running)] == [
        True
    ] * 3
    assert live is not None
    assert cost(client, live[1], status=204) <= POLL_QUERIES
