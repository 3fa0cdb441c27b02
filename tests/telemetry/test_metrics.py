"""Metrics: what the record says when somebody asks, bounded, and for whom it is meant."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Count
from django.test import RequestFactory
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from aiops.admin import metrics as page
from aiops.models import Attempt, Escalation, Event, Lane, ModelCall, Node, Run, Step
from aiops.upkeep.metrics import today
from aiops.upkeep.metrics.declared import METRICS, MOST_WORKFLOWS, OTHER
from aiops.upkeep.metrics.samples import Samples
from tests.execution.engine import COMMITS, Engine, the_step
from tests.fault_server.control import FaultServer
from tests.flows.script import Script

pytestmark = COMMITS

Told = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(autouse=True)
def _nothing_added_up() -> None:
    page._registry.cache_clear()


def scrape() -> Told:
    response = page.metrics(RequestFactory().get("/metrics"))
    assert response.status_code == 200, response.content
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def value(told: Told, name: str, **labels: str) -> float:
    return told[name, frozenset(labels.items())]


def total(told: Told, name: str, **labels: str) -> float:
    return sum(
        number for (other, has), number in told.items() if other == name and labels.items() <= has
    )


def test_every_part_can_be_read_when_there_is_nothing(flows: None) -> None:
    told = scrape()

    parts = [labels for name, labels in told if name == "aiops_scrape_ok"]
    assert len(parts) == 11
    assert total(told, "aiops_scrape_ok") == len(parts)
    assert value(told, "aiops_limbo_steps") == 0
    assert value(told, "aiops_keeper_leader") == 0


def test_work_that_ended_is_counted_by_workflow_and_model(
    engine: Engine, faults: FaultServer, settings: Settings
) -> None:
    settings.AIOPS_PRICES = {"faulty": {"input": 1.0, "output": 1.0}}
    engine.run("thinking", input={"label": "tea"})
    told = scrape()

    by = {"workflow": "thinking"}
    assert total(told, "aiops_attempts_total", outcome="succeeded", **by) == 2
    assert total(told, "aiops_attempt_seconds_count", **by) == 2
    assert total(told, "aiops_model_calls_total", model="faulty", outcome="answered") == 3
    assert total(told, "aiops_model_tokens_total", kind="input", **by) == sum(
        n or 0 for n in ModelCall.objects.values_list("tokens_in", flat=True)
    )
    cost = sum(c or 0 for c in ModelCall.objects.values_list("cost_microusd", flat=True))
    assert cost > 0
    assert total(told, "aiops_model_cost_usd_total", purpose="first", **by) == cost / 1e6
    assert value(told, "aiops_runs_ended_total", state="succeeded", **by) == 1
    assert value(told, "aiops_run_seconds_count", **by) == 1
    assert value(told, "aiops_user_status_lag_seconds_count") == 1
    assert value(told, "aiops_user_status_lag_seconds_bucket", le="5.0") == 1


def test_counters_rise_from_scrape_to_scrape_and_are_the_same_in_every_process(
    engine: Engine, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when what cannot change any more is added up, in small pieces."""
    made = today.sources()
    for source in made.values():
        source.settled_s = 0
    monkeypatch.setattr(today, "MARGIN", 0)
    monkeypatch.setattr(today, "CHUNK", 1)
    monkeypatch.setattr(today, "sources", lambda: made)
    for number in range(1, 5):
        engine.run("thinking", input={"label": str(number)})
        assert total(scrape(), "aiops_model_calls_total") == 3 * number
        assert total(scrape(), "aiops_attempts_total") == 2 * number
        assert total(scrape(), "aiops_runs_ended_total") == number
    first = scrape()
    assert made["attempts"]._after == Attempt.objects.latest("id").id
    monkeypatch.undo()
    page._registry.cache_clear()
    other = scrape()

    same = [key for key in first if key[0].endswith(("_total", "_count", "_bucket"))]
    assert same
    assert [first[key] for key in same] == pytest.approx([other[key] for key in same])


def test_a_day_that_is_too_much_for_one_scrape_is_not_told_by_halves(
    engine: Engine, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = today.sources()
    made["attempts"].settled_s = 0
    monkeypatch.setattr(today, "MARGIN", 0)
    monkeypatch.setattr(today, "CHUNK", 1)
    monkeypatch.setattr(today, "MOST_S", -1.0)
    monkeypatch.setattr(today, "sources", lambda: made)
    engine.run("thinking")
    behind = scrape()
    monkeypatch.setattr(today, "MOST_S", 60.0)
    there = scrape()

    assert value(behind, "aiops_scrape_ok", part="attempts") == 0
    assert total(behind, "aiops_attempts_total") == 0
    assert value(there, "aiops_scrape_ok", part="attempts") == 1
    assert total(there, "aiops_attempts_total") == 2


def test_yesterday_is_not_counted(engine: Engine, faults: FaultServer) -> None:
    engine.run("thinking")
    yesterday = timezone.now() - timedelta(days=1)
    Attempt.objects.update(finished_at=yesterday)
    ModelCall.objects.update(started_at=yesterday)
    Run.objects.update(since=yesterday)
    told = scrape()

    assert total(told, "aiops_attempts_total") == 0
    assert total(told, "aiops_model_calls_total") == 0
    assert total(told, "aiops_runs_ended_total") == 0


def test_what_waits_is_told_by_pool_reason_and_lane(
    engine: Engine, faults: FaultServer, script: Script
) -> None:
    from aiops.models import lane_moves

    engine.run("thinking", input={"label": "first"})
    lane = Lane.objects.get()
    lane_moves.stop(lane.name, cause="quota", reason="no credit")
    engine.run("thinking", input={"label": "second"})
    engine.start("thinking", input={"label": "third"})
    told = scrape()

    assert value(told, "aiops_queue_steps", pool="llm", state="waiting") == 1
    assert value(told, "aiops_parked_steps", reason="lane") == 1
    assert value(told, "aiops_lane_state", lane=lane.name, state="stopped") == 1
    assert value(told, "aiops_lane_state", lane=lane.name, state="open") == 0
    assert value(told, "aiops_lane_in_flight", lane=lane.name) == 0
    assert value(told, "aiops_lane_counted") == 1
    assert total(told, "aiops_runs_open") == 2
    assert value(told, "aiops_escalations_open", kind="lane") == 1
    assert value(told, "aiops_escalations_overdue", kind="lane") == 0


def test_an_overdue_question_is_told(engine: Engine, script: Script, faults: FaultServer) -> None:
    script.tell("conclude", *[ValueError("x")] * 5)
    engine.run("thinking")
    the_past = timezone.now() - timedelta(hours=1)
    run = Run.objects.get()
    Escalation.objects.create(
        run=run, kind="by_hand", question="?", due_at=the_past, opened_at=the_past
    )
    told = scrape()

    assert value(told, "aiops_escalations_overdue", kind="by_hand") == 1
    assert value(told, "aiops_escalation_age_seconds", kind="by_hand") >= 3600


def test_a_lease_that_is_over_shows_and_so_does_the_status_that_is_not_true(
    engine: Engine, faults: FaultServer
) -> None:
    run = engine.start("thinking")
    past = timezone.now() - timedelta(minutes=2)
    Step.objects.filter(id=the_step(run, "think").id).update(
        state="running", reason="lease", worker="gone", lease_until=past
    )
    told = scrape()

    assert value(told, "aiops_leases", state="expired") == 1
    assert value(told, "aiops_leases", state="live") == 0
    assert value(told, "aiops_limbo_steps") == 1
    assert 110 < value(told, "aiops_user_status_stale_seconds") < 200


def test_nodes_tell_of_a_leader_and_of_messages_that_were_sent_again(flows: None) -> None:
    now = timezone.now()
    Node.objects.create(
        name="k", role="keeper", host="h", pid=1, is_leader=True, seen_at=now, skew_s=-1.5,
        counters={"resent": 7, "stale": 2},
    )  # fmt: skip
    told = scrape()

    assert value(told, "aiops_keeper_leader") == 1
    assert value(told, "aiops_messages_resent_total") == 7
    assert value(told, "aiops_messages_ignored_total", cause="stale") == 2
    assert value(told, "aiops_clock_skew_seconds") == 1.5


def test_labels_are_bounded_whatever_the_record_holds() -> None:
    told = Samples()
    for number in range(MOST_WORKFLOWS + 20):
        told.add("aiops_runs_ended", 1, f"flow{number:03}", "succeeded")
        told.put("aiops_run_seconds", 2, 1, 1.0, f"flow{number:03}")
    families = {family.name: family for family in told.families()}

    ended = families["aiops_runs_ended"].samples
    assert len(ended) == MOST_WORKFLOWS + 1
    assert sum(sample.value for sample in ended) == MOST_WORKFLOWS + 20
    assert [s.value for s in ended if s.labels["workflow"] == OTHER] == [20]
    counts = [s for s in families["aiops_run_seconds"].samples if s.name.endswith("_count")]
    assert len(counts) == MOST_WORKFLOWS + 1
    assert sum(sample.value for sample in counts) == MOST_WORKFLOWS + 20


def test_no_label_holds_a_run_a_tenant_or_a_key() -> None:
    labels = {label for metric in METRICS.values() for label in metric.labels}

    assert labels == {
        *("pool", "state", "reason", "role", "cause", "lane", "what", "kind", "channel"),
        *("workflow", "outcome", "model", "purpose", "part"),
    }


def test_a_part_that_fails_leaves_the_others(flows: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from aiops.upkeep import queues

    monkeypatch.setattr(queues, "messages", lambda: None)
    told = scrape()

    assert value(told, "aiops_scrape_ok", part="broker") == 0
    assert value(told, "aiops_scrape_ok", part="pools") == 1
    assert not [name for name, _ in told if name == "aiops_queue_messages"]


def test_a_slow_database_is_not_waited_for(flows: None) -> None:
    from django.db import OperationalError, transaction

    from aiops.upkeep.metrics import collect

    with transaction.atomic():
        collect._bound()
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == (f"{collect.MOST_S}s",)
            cursor.execute("SET LOCAL statement_timeout = '20ms'")
            with pytest.raises(OperationalError):
                cursor.execute("SELECT pg_sleep(5)")
        transaction.set_rollback(True)


def test_a_scrape_writes_nothing_and_asks_a_bounded_number_of_queries(
    engine: Engine, faults: FaultServer
) -> None:
    from django.test.utils import CaptureQueriesContext

    engine.run("thinking")
    scrape()
    before = Event.objects.count()
    with CaptureQueriesContext(connection) as few:
        scrape()
    for number in range(5):
        engine.run("thinking", input={"label": str(number)})
    with CaptureQueriesContext(connection) as more:
        scrape()

    assert len(few) <= 70
    assert len(more) <= len(few)
    words = {query["sql"].split()[0].upper() for query in few}
    assert words <= {"SELECT", "WITH", "SET", "SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"}
    assert before == Event.objects.filter(run=Run.objects.earliest("created_at")).count()


def test_what_the_leading_keeper_has_proved_is_not_proved_again(
    flows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiops.upkeep import prove

    Node.objects.create(name="k", role="keeper", host="h", pid=1, is_leader=True, limbo=3)
    monkeypatch.setattr(prove, "number", lambda: pytest.fail("it was proved once more"))
    told = scrape()
    assert value(told, "aiops_limbo_steps") == 3

    monkeypatch.setattr(prove, "number", lambda: 5)
    Node.objects.update(seen_at=timezone.now() - timedelta(hours=1))
    assert value(scrape(), "aiops_limbo_steps") == 5


def test_every_kind_of_wait_is_found_by_its_own_index(engine: Engine, script: Script) -> None:
    """The counts are those of a look at every step."""
    script.tell("use", ValueError("x"))
    script.tell("two", ValueError("x"))
    script.tell("square", *[ValueError("x")] * 9)
    for name in ("letter", "payment", "nap", "family", "retried", "squares", "side_by_side"):
        engine.run(name, input={"items": [1, 2, 3], "label": "A1"})
    waits = Step.objects.filter(
        state__in=["waiting", "retrying", "attention"], run__finished_at__isnull=True
    ).exclude(reason="")
    told = scrape()

    expected = dict(waits.values_list("reason").annotate(number=Count("id")))
    assert set(expected) >= {"approval", "event", "timer", "child", "retry"}
    found = {reason: value(told, "aiops_parked_steps", reason=reason) for reason in expected}
    assert found == expected
    assert total(told, "aiops_parked_steps") == sum(expected.values())
