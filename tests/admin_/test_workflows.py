"""Workflows: how each does, its versions side by side, and how to start it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.admin.page.starting import sample, starting
from aiops.admin.page.workflow_numbers import share, worse
from aiops.execution import workflow_numbers
from aiops.execution.known_workflows import known_workflow, known_workflows
from aiops.execution.workflow_numbers import Numbers
from aiops.models import Attempt, Pause, Run, Step, WorkflowVersion
from tests.admin_.doing import text
from tests.execution.orders import ask, begun, done, order_flow, set_run, stop_at, tried

pytestmark = pytest.mark.django_db

NAME = order_flow.name
LIST = "admin:aiops_workflowversion_changelist"


def succeeded(*, took_s: float = 10, cost: int | None = None) -> Run:
    run = begun()
    done(run, *[node.name for node in order_flow.plan.nodes])
    tried(Step.objects.get(run=run, name="read"), cost_microusd=cost)
    end = run.created_at + timedelta(seconds=took_s)
    return set_run(run, state="succeeded", finished_at=end)


def failed(cost: int | None = None) -> Run:
    run = begun()
    row = stop_at(run, "charge")
    Attempt.objects.filter(step=row).update(cost_microusd=cost)
    return Run.objects.get(id=run.id)


def numbers(**changed: object) -> Numbers:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    plain = {
        **{"runs": 100, "good": 96, "failed": 4, "cancelled": 0, "escalated": 1},
        **{"p50_s": 5.0, "p95_s": 10.0, "first_at": noon, "last_at": noon, "cost_microusd": 9_600},
    }
    return Numbers(**{**plain, **changed})  # type: ignore[arg-type]  # a test's own values


# The numbers


def test_the_numbers_are_those_of_its_runs() -> None:
    for took_s in (10, 20, 30):
        succeeded(took_s=took_s, cost=1_000)
    failed(cost=3_000)
    ask(begun(), "read")

    found = workflow_numbers.of_workflows([NAME])[NAME]

    assert (found.runs, found.good, found.failed) == (5, 3, 1)
    assert found.success == 0.75
    assert found.p50_s == pytest.approx(20)
    assert found.escalated == 1
    # What the failed one cost was spent too.
    assert found.cost_per_success == 2_000


def test_a_planned_approval_is_no_escalation() -> None:
    ask(begun(), "agree", kind="approval")

    assert workflow_numbers.of_workflows([NAME])[NAME].escalated == 0


def test_what_nothing_says_about_cost_is_not_known_and_not_free() -> None:
    succeeded()

    found = workflow_numbers.of_workflows([NAME])[NAME]

    assert found.cost_microusd is None
    assert found.cost_per_success is None


def test_costs_of_more_attempts_than_are_added_up_are_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(3):
        succeeded(cost=1_000)
    monkeypatch.setattr(workflow_numbers, "LISTED_ATTEMPTS", 2)

    assert workflow_numbers.of_workflows([NAME])[NAME].cost_microusd is None


def test_only_so_many_of_the_newest_runs_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    old = failed()
    Run.objects.filter(id=old.id).update(created_at=timezone.now() - timedelta(days=2))
    for _ in range(3):
        succeeded()
    monkeypatch.setattr(workflow_numbers, "LISTED_RUNS", 3)

    assert workflow_numbers.of_workflows([NAME])[NAME].success == 1


def test_runs_are_counted_by_week_and_month_and_older_ones_not_at_all() -> None:
    for days in (0, 6, 8, 29, 31):
        run = begun()
        Run.objects.filter(id=run.id).update(created_at=timezone.now() - timedelta(days=days))

    found = workflow_numbers.counts([NAME])[NAME]

    assert (found.week, found.month) == (2, 4)
    assert workflow_numbers.open_runs() == {NAME: 5}


def test_each_step_has_its_times_failures_retries_escalations_and_cost() -> None:
    run = begun()
    row = stop_at(run, "charge")
    tried(row, outcome="failed", cost_microusd=700)
    ask(run, "charge")
    succeeded()

    found = workflow_numbers.of_steps(NAME, list(order_flow.plan.by_name))

    assert (found["charge"].failures, found["charge"].retries) == (2, 1)
    assert found["charge"].escalations == 1
    assert found["charge"].cost_microusd == 700
    assert found["read"].p50_s == pytest.approx(2, abs=0.1)
    assert found["notify"].failures == 0


def test_versions_are_told_apart() -> None:
    succeeded()
    other = WorkflowVersion.objects.create(name=NAME, version=0, hash="older", plan={})
    set_run(failed(), version=other)

    found = workflow_numbers.of_versions(NAME)

    assert found[other.pk].success == 0
    assert {numbers.success for numbers in found.values()} == {0, 1}


# Worse than before


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"good": 80, "failed": 20}, "succeeds less often: 80 % after 96 %"),
        ({"p95_s": 13.0}, "takes longer: p95 13.0 s after 10.0 s"),
        ({"cost_microusd": 192_000}, "costs more: $0.002 after $0.000"),
        ({"escalated": 9}, "asks people more often: 9 % after 1 %"),
    ],
)
def test_a_version_that_does_worse_says_in_what(changed: dict[str, object], told: str) -> None:
    assert worse(numbers(**changed), numbers()) == [told]


def test_too_few_runs_and_small_differences_say_nothing() -> None:
    assert worse(numbers(runs=19, good=0, failed=19), numbers()) == []
    assert worse(numbers(good=93, failed=7, p95_s=12.0), numbers()) == []
    assert worse(numbers(), None) == []


def test_what_is_not_quite_all_is_not_called_all() -> None:
    assert share(0.99999) == "99.9 %"
    assert share(1.0) == "100 %"
    assert share(None) == "not known"


# Which there are


def test_a_workflow_without_runs_and_one_whose_code_is_gone_are_both_known(
    settings: Settings,
) -> None:
    settings.AIOPS_WORKFLOWS = ["tests.flows"]
    WorkflowVersion.objects.create(name="of_old", version=3, hash="abc", plan={})

    found = {known.name: known for known in known_workflows()}

    assert found["of_old"].workflow is None
    assert found["of_old"].current is not None
    assert found["line"].current is None
    assert found["line"].plan is not None
    assert known_workflow("never_heard_of") is None


def test_its_description_is_the_docstring_of_its_file() -> None:
    known = known_workflow(NAME)

    assert known is not None
    assert known.about.startswith("A small workflow with every kind of effect")


# The pages


def test_the_list_tells_each_workflow_in_numbers(as_: Callable[[str], Client]) -> None:
    succeeded(took_s=12)
    failed()

    shown = text(as_("viewer").get(reverse(LIST)))

    assert reverse("admin:aiops_workflow_page", args=[NAME]) in shown
    assert "50 %" in shown
    assert "12.0 s" in shown
    assert "newest 300 runs" in shown


def test_a_paused_workflow_says_so_on_both_pages(as_: Callable[[str], Client]) -> None:
    begun()
    Pause.objects.create(what="workflow", name=NAME, reason="bad release", paused_by="bob")
    client = as_("viewer")

    for url in (reverse(LIST), reverse("admin:aiops_workflow_page", args=[NAME])):
        shown = text(client.get(url))
        assert "Paused" in shown
        assert "bad release" in shown


def test_the_page_shows_plan_versions_steps_and_how_to_start_it(
    as_: Callable[[str], Client],
) -> None:
    succeeded()

    shown = text(as_("viewer").get(reverse("admin:aiops_workflow_page", args=[NAME])))

    assert shown.count('class="cx-node') == len(order_flow.plan.nodes)
    assert 'id="step-charge"' in shown
    assert "Next run" in shown
    assert f"manage.py run {NAME}" in shown
    assert "&quot;lines&quot;" in shown


def test_only_who_may_pause_work_has_the_button(as_: Callable[[str], Client]) -> None:
    begun()
    url = reverse("admin:aiops_workflow_page", args=[NAME])

    shown = {role: text(as_(role).get(url)) for role in ("viewer", "operator")}

    assert "Pause workflow…" not in shown["viewer"]
    assert "Pause workflow…" in shown["operator"]


def test_a_workflow_that_nobody_knows_is_not_found(as_: Callable[[str], Client]) -> None:
    url = reverse("admin:aiops_workflow_page", args=["never_heard_of"])

    assert as_("viewer").get(url).status_code == 404


def test_the_pages_cost_the_same_for_one_run_or_many(as_: Callable[[str], Client]) -> None:
    client = as_("viewer")
    urls = (reverse(LIST), reverse("admin:aiops_workflow_page", args=[NAME]))

    def cost() -> list[int]:
        found = []
        for url in urls:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url).status_code == 200
            found.append(len(queries))
        return found

    succeeded()
    cost()
    few = cost()
    for _ in range(20):
        failed()

    assert cost() == few
    assert few[0] <= 13
    assert few[1] <= 15


# How to start it


def test_the_example_fits_the_input_of_its_workflow() -> None:
    schema = order_flow.input.model_json_schema()

    order_flow.input.model_validate(sample(schema, schema.get("$defs", {})))

    ways = dict(starting(order_flow)["ways"])
    assert "tasks.start_run" in ways["By a Celery message"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "minimum": 5}, 5),
        ({"enum": ["low", "high"]}, "low"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "..."),
        ({"type": "array", "items": {"type": "boolean"}}, [False]),
        ({"type": "object", "properties": {"a": {"default": 3}}}, {"a": 3}),
    ],
)
def test_an_example_has_the_plainest_value_of_each_type(schema: object, value: object) -> None:
    assert sample(schema, {}) == value  # type: ignore[arg-type]  # a schema as JSON has it


def test_a_schema_that_contains_itself_ends() -> None:
    defs = {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}}

    assert "next" in sample({"$ref": "#/$defs/Node"}, defs)
