"""What is wrong with an installation, check by check, and what to do about it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from aiops.flow.refusals import WorkflowFileError
from aiops.flow.registry import WorkflowRegistry
from aiops.models import Node
from aiops.pools import POOLS
from aiops.upkeep import doctor, examination
from aiops.upkeep.doctor import SILENT_S, Alive, Finding
from tests.execution.orders import begun, edit, set_run
from tests.management.calling import refusal, said


def node(name: str = "llm@a", **changes: object) -> Alive:
    facts = {"role": "worker", "pool": "llm", "is_leader": False, "skew_s": 0.0, "silent_s": 1.0}
    return Alive(name=name, **{**facts, **changes})  # type: ignore[arg-type]  # names of fields


def keeper(name: str = "keeper@a:1", **changes: object) -> Alive:
    return node(name, **{"role": "keeper", "pool": "", "is_leader": True, **changes})


def every_pool() -> list[Alive]:
    return [node(f"{pool}@a", pool=pool) for pool in POOLS]


def wrong(findings: list[Finding]) -> list[str]:
    return [finding.what for finding in findings if finding.is_wrong]


def test_the_broker_waits_longer_than_the_longest_step() -> None:
    assert not doctor.visibility_timeout(3600, {"a.b": 60.0, "a.c": 120.0}).is_wrong
    assert not doctor.visibility_timeout(3600, {}).is_wrong

    found = doctor.visibility_timeout(100, {"a.b": 60.0, "a.c": 120.0})

    assert found.is_wrong
    assert "a.c may run 120 s" in found.what


@pytest.mark.parametrize(("lease_s", "is_wrong"), [(30, False), (20, False), (19, True)])
def test_a_lease_outlives_two_renewals(lease_s: float, is_wrong: bool) -> None:
    assert doctor.lease(lease_s, 10).is_wrong is is_wrong


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "unknown"])
def test_a_broker_that_drops_messages_when_full_is_wrong(policy: str) -> None:
    assert not doctor.broker_memory({"maxmemory_policy": "noeviction"}).is_wrong
    assert policy in doctor.broker_memory({"maxmemory_policy": policy}).what
    assert doctor.broker_memory({"maxmemory_policy": policy}).is_wrong


def test_a_broker_without_persistence_is_worth_a_note_because_runs_survive_it() -> None:
    found = doctor.broker_persistence({"aof_enabled": 0})

    assert found.is_note
    assert not found.is_wrong
    assert not doctor.broker_persistence({"aof_enabled": 1}).do


def test_one_keeper_leads_and_others_stand_by() -> None:
    found = doctor.keepers([keeper(), keeper("keeper@b:1", is_leader=False), node()])

    assert (found.what, found.do) == ("keeper@a:1 leads, 1 ready behind it", "")


@pytest.mark.parametrize(
    ("nodes", "what"),
    [
        ([], "none is alive"),
        ([node()], "none is alive"),
        ([keeper(silent_s=SILENT_S + 1)], "none is alive"),
        ([keeper(is_leader=False)], "1 alive, and none leads"),
        ([keeper("a"), keeper("b")], "a and b both say that they lead"),
    ],
)
def test_without_exactly_one_leader_something_is_wrong(nodes: list[Alive], what: str) -> None:
    found = doctor.keepers(nodes)

    assert found.is_wrong
    assert what in found.what


def test_a_leader_that_died_does_not_count_against_its_successor() -> None:
    assert not doctor.keepers([keeper("old", silent_s=300), keeper("new")]).is_wrong


def test_every_pool_that_a_workflow_uses_needs_a_worker() -> None:
    assert wrong(doctor.workers(every_pool(), {"llm": ["reply"]})) == []

    found = doctor.workers([n for n in every_pool() if n.pool != "llm"], {"llm": ["reply"]})

    assert wrong(found) == ["pool llm has no live worker, and reply needs it"]
    assert found[0].do == "start one: manage.py worker llm"


def test_a_pool_that_nobody_uses_may_have_no_worker_but_control_must() -> None:
    assert wrong(doctor.workers([n for n in every_pool() if n.pool != "batch"], {})) == []
    [what] = wrong(doctor.workers([n for n in every_pool() if n.pool != "control"], {}))

    assert what.startswith("pool control has no live worker")


def test_a_silent_worker_is_no_worker() -> None:
    silent = [node(pool="llm", silent_s=SILENT_S + 1)]

    assert len(wrong(doctor.workers(silent, {"llm": ["reply"]}))) == 2


def test_a_clock_that_is_off_is_named_with_its_direction() -> None:
    assert wrong(doctor.clocks([node(skew_s=1.9)], 30)) == []
    assert wrong(doctor.clocks([node(skew_s=-3)], 30)) == ["llm@a is 3.0 s behind the database"]
    [far] = wrong(doctor.clocks([node(skew_s=20)], 30))

    assert far == "llm@a is 20.0 s ahead of the database: leases are taken for over while they hold"


def test_the_clock_of_a_node_that_is_gone_does_not_matter() -> None:
    assert wrong(doctor.clocks([node(skew_s=90, silent_s=SILENT_S + 1)], 30)) == []


@pytest.mark.parametrize(("version", "is_wrong"), [((13, 20), True), ((14, 0), False)])
def test_an_old_postgresql_is_wrong(version: tuple[int, int], is_wrong: bool) -> None:
    assert doctor.postgres(version).is_wrong is is_wrong


def test_missing_migrations_are_named() -> None:
    found = doctor.migrations(["aiops.0002_more"])

    assert found.is_wrong
    assert "aiops.0002_more" in found.what
    assert not doctor.migrations([]).is_wrong


def test_limbo_names_how_many_and_the_first() -> None:
    assert not doctor.limbo([]).is_wrong
    found = doctor.limbo(["run 1: its lease is over", "run 2: nobody is asked"])

    assert found.is_wrong
    assert found.what == "2 in limbo, the first: run 1: its lease is over"


def test_a_long_queue_is_worth_a_note() -> None:
    [short] = doctor.queues({"llm": 3, "io": 0})
    [long] = doctor.queues({"llm": 5_000, "io": 0})

    assert short.what == "messages waiting: llm 3"
    assert long.is_note
    assert "AIOPS_POOL_LLM" in long.do


def test_every_file_that_is_wrong_is_a_finding() -> None:
    assert wrong(doctor.workflow_files(["a.py:1: x", "b.py:2: y"])) == ["a.py:1: x", "b.py:2: y"]
    assert wrong(doctor.workflow_files([])) == []


@pytest.mark.django_db
def test_an_installation_in_order_is_found_in_order() -> None:
    for one in [keeper(), *every_pool()]:
        Node.objects.create(
            name=one.name, role=one.role, pool=one.pool, is_leader=one.is_leader, host="a", pid=1
        )

    found = list(examination.examine())

    assert wrong(found) == []
    assert {finding.check for finding in found} >= {
        *("lease", "visibility timeout", "queues", "broker memory", "PostgreSQL"),
        *("migrations", "keeper", "workers", "clocks", "limbo"),
    }


@pytest.mark.django_db
def test_a_node_that_fell_silent_is_found_by_the_databases_clock() -> None:
    Node.objects.create(
        name="keeper@a:1",
        role="keeper",
        host="a",
        pid=1,
        is_leader=True,
        seen_at=timezone.now() - timedelta(minutes=5),
    )

    found = wrong(list(examination.examine()))

    assert "none is alive: nothing is published, woken or recovered" in found


@pytest.mark.django_db
def test_a_step_in_limbo_is_found() -> None:
    run = set_run(begun(), state="running")
    past = timezone.now() - timedelta(minutes=5)
    edit(run, "read", state="running", reason="lease", worker="io@a/1", lease_until=past)

    found = wrong(list(examination.examine()))

    assert f"1 in limbo, the first: run {run.id}: its lease is over" in found


@pytest.mark.django_db
def test_a_broker_that_is_away_is_a_finding_and_the_rest_is_still_examined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(pools: object) -> dict[str, int]:
        raise ConnectionRefusedError("connection refused")

    monkeypatch.setattr("aiops.execution.resend.queue_lengths", refuse)

    found = list(examination.examine())

    assert "it does not answer: connection refused" in wrong(found)
    assert "PostgreSQL" in {finding.check for finding in found}


@pytest.mark.django_db
def test_another_kind_of_broker_is_not_asked_what_only_redis_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aiops.execution.resend.queue_lengths", lambda pools: {"llm": 2})

    with override_settings(CELERY_BROKER_URL="amqp://somewhere"):
        found = list(examination.examine())

    checks = {finding.check for finding in found}
    assert "queues" in checks
    assert not checks & {"broker", "broker memory", "broker persistence"}


@pytest.mark.django_db
def test_tables_that_are_missing_are_named_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "_missing_migrations", lambda: ["aiops.0001_initial"])

    found = list(examination.examine())

    assert "not applied: aiops.0001_initial" in wrong(found)
    assert "limbo" not in {finding.check for finding in found}


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")

    found = wrong(list(examination.examine()))

    assert any(what.startswith("it cannot be used: ") for what in found)


@pytest.mark.django_db
def test_the_command_says_what_to_do_and_fails_when_something_is_wrong() -> None:
    told = refusal("doctor")

    assert told.endswith("to put right; see above")


@pytest.mark.django_db
def test_the_command_succeeds_when_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = [Finding("lease", "30 s"), Finding("queues", "long", "add workers", is_note=True)]
    monkeypatch.setattr("aiops.management.commands.doctor.examine", lambda: iter(findings))

    assert said("doctor") == "ok     lease: 30 s\nnote   queues: long\n       add workers\n"
    entries = [json.loads(line) for line in said("doctor", "--json").splitlines()]
    assert [entry["is_wrong"] for entry in entries] == [False, False]


@pytest.mark.django_db
def test_a_wrong_workflow_file_is_reported_with_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors = (WorkflowFileError("a.py:3: no such step"),)
    monkeypatch.setattr(WorkflowRegistry, "errors", property(lambda _: errors))

    findings = wrong(list(examination.examine()))

    assert "a.py:3: no such step" in findings
