"""The commands that only show."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.color import no_style
from django.utils import timezone

from aiops.execution.answers import five_answers
from aiops.flow.refusals import WorkflowFileError
from aiops.flow.registry import WorkflowRegistry
from aiops.management.telling import ago, money, span, told
from aiops.models import Escalation, Run
from tests.execution.orders import (
    ask,
    begun,
    edit,
    map_of,
    order_flow,
    set_run,
    stop_at,
    tried,
)
from tests.management.calling import refusal, said


@pytest.mark.django_db
def test_show_answers_five_questions() -> None:
    run = begun(title="Order A1", key="k1")
    stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge", due_at=timezone.now() + timedelta(hours=2))
    tried(edit(run, "read"), cost_microusd=2_500)

    lines = said("show", str(run.id)).splitlines()

    assert lines[0] == f"answers_order v1  {run.id}  Order A1"
    assert lines[1] == "for default, key k1, started by cli:ann"
    assert "1. State   Needs attention: charge failed" in lines
    assert "2. Done    3 of 5 steps, $0.003" in lines
    assert any(line.startswith("3. Retry   Check first: It may have gone out") for line in lines)
    assert any(
        "price: 1 attempt, cost unknown; keeps 3 finished steps ($0.003)" in x for x in lines
    )
    assert "4. People  1 open question" in lines
    asked = Escalation.objects.get(run=run)
    assert f"     manage.py answer {asked.id} it_happened|it_did_not|cancel" in lines
    assert any(line.startswith("5. User    Being checked by our team: ") for line in lines)


@pytest.mark.django_db
def test_show_tells_how_far_a_map_is() -> None:
    run = begun()
    map_of(run, succeeded=2, running=1, queued=1)

    assert "2 of 4 items (1 queued, 1 running, 2 succeeded)" in said("show", str(run.id))


@pytest.mark.django_db
def test_show_counts_the_failed_items_that_it_does_not_list() -> None:
    run = begun()
    map_of(run, failed=23)

    text = said("show", str(run.id))

    assert "pack[19]: Safe to retry [transient: item 19]" in text
    assert "pack[20]" not in text
    assert "and 3 failed items more" in text


@pytest.mark.django_db
def test_show_as_json_gives_the_answers() -> None:
    run = begun()

    given = json.loads(said("show", str(run.id), "--json"))

    expected = five_answers(run.id)
    assert {**given, "asked_at": ""} == {**expected, "asked_at": ""}


@pytest.mark.django_db
def test_show_watches_until_the_run_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun()
    monkeypatch.setattr(
        "aiops.management.commands.show.pause",
        lambda: set_run(run, state="succeeded", finished_at=run.created_at),
    )

    text = said("show", str(run.id), "--watch")

    assert text.index("1. State   Queued") < text.index("1. State   Succeeded")
    assert "\x1b" not in text
    assert "--json and --watch" in refusal("show", str(run.id), "--watch", "--json")


@pytest.mark.django_db
def test_a_watch_ends_quietly_with_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aiops.management.commands.show.pause", interrupt)

    assert "1. State   Queued" in said("show", str(begun().id), "--watch")


@pytest.mark.django_db
def test_colours_are_for_terminals() -> None:
    run = begun()
    out = io.StringIO()

    call_command("show", str(run.id), stdout=out, force_color=True)

    assert "\x1b[" in out.getvalue()
    assert "\x1b[" not in said("show", str(run.id))


@pytest.mark.django_db
@pytest.mark.parametrize("name", [node.name for node in order_flow.plan.nodes])
@pytest.mark.parametrize("state", ["failed", "attention"])
def test_every_state_of_a_run_can_be_told(name: str, state: str) -> None:
    run = begun()
    stop_at(run, name, state=state)

    assert "5. User" in told(five_answers(run.id), no_style())


@pytest.mark.django_db
def test_runs_lists_the_newest_first_with_their_verdicts() -> None:
    old, new = begun(title="old"), begun(title="new")
    stop_at(old, "charge", word="ambiguous", sent="yes")

    first, second = said("runs").splitlines()

    assert first.startswith(str(new.id))
    assert second.startswith(str(old.id))
    assert "Do not retry" in second


@pytest.mark.django_db
def test_runs_are_filtered() -> None:
    failing, other = begun(key="k1", tenant="acme"), begun()
    stop_at(failing, "charge")
    Run.objects.filter(id=other.id).update(created_at=timezone.now() - timedelta(days=2))
    filters = (
        ["--state", "failed"],
        ["--needs-you"],
        ["--key", "k1"],
        ["--tenant", "acme"],
        ["--since-h", "24"],
        ["--limit", "1"],
    )

    for chosen in filters:
        [line] = said("runs", *chosen).splitlines()
        assert line.startswith(str(failing.id)), chosen
    assert said("runs", "--open").startswith(str(other.id))
    assert said("runs", "--workflow", "another") == ""


@pytest.mark.django_db
def test_runs_as_json_is_one_run_a_line() -> None:
    run = begun(title="Order A1")
    stop_at(run, "charge")

    [line] = said("runs", "--json").splitlines()

    entry = json.loads(line)
    assert (entry["run_id"], entry["state"], entry["verdict"]) == (str(run.id), "failed", "safe")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--limit", "0"),
        ("--limit", "x"),
        ("--since-h", "-1"),
        ("--since-h", "nan"),
        ("--state", "x"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(option: str, value: str) -> None:
    assert option in refusal("runs", option, value)


def test_listworkflows_tells_version_pools_and_steps() -> None:
    text = said("listworkflows")

    assert f"answers_order v1  {order_flow.plan.hash}" in text
    assert "pools: effects, io" in text
    assert "steps: read, pack (map), agree (approval), charge, notify" in text


def test_listworkflows_as_json_is_one_workflow_a_line() -> None:
    entries = [json.loads(line) for line in said("listworkflows", "--json").splitlines()]

    [mine] = [entry for entry in entries if entry["name"] == "answers_order"]
    assert mine["pools"] == ["effects", "io"]


def test_listworkflows_fails_with_every_file_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = (WorkflowFileError("a.py:3: no such step"), WorkflowFileError("b.py:1: syntax"))
    monkeypatch.setattr(WorkflowRegistry, "errors", property(lambda _: errors))

    text = refusal("listworkflows")

    assert text.startswith("2 files refused; correct them")
    assert "a.py:3: no such step" in text
    assert "b.py:1: syntax" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (61, "1 min 01 s"), (3_725, "1 h 02 min"), (200_000, "2 d 7 h")],
)
def test_a_span_is_told_in_two_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_moment_is_told_from_now() -> None:
    now = timezone.now()

    assert ago((now - timedelta(seconds=5)).isoformat(), now) == "5 s ago"
    assert ago((now + timedelta(minutes=2)).isoformat(), now) == "in 2 min 00 s"


def test_an_unknown_cost_is_never_zero() -> None:
    assert money(None) == "cost unknown"
    assert money(1_500) == "$0.002"
