"""Triggers: which events start which runs, and what becomes of those that cannot."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from aiops.execution import triggers
from aiops.execution.resume import NotPossible
from aiops.execution.triggers import Happening, judge
from aiops.models import Event, Firing, Run, Signal, Trigger
from tests.execution.engine import COMMITS, Engine, fresh, result
from tests.execution.rules import comes, rule
from tests.execution.threads import at_once

pytestmark = COMMITS


def happening(**fields: Any) -> Happening:
    seen = {"type": "order.paid", "data": {"pence": 7}}
    given = {"tenant": "default", "name": "order.paid", "source": "/shop", "source_id": "e1"}
    return Happening(**{**given, "seen": seen, **fields})


def unsaved(**fields: Any) -> Trigger:
    given = {"name": "t", "event": "order.paid", "workflow": "line", "input": "=data", **fields}
    return Trigger(**given)


# The decision


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, ""),
        ({"tenant": ""}, ""),
        ({"tenant": "acme"}, "tenant acme"),
        ({"event": "order.*"}, ""),
        ({"event": "*"}, ""),
        ({"event": "order.sent"}, "type order.sent"),
        ({"event": "order"}, "type order"),
        ({"source": "/sh*"}, ""),
        ({"source": "/till"}, "from /till"),
        ({"condition": "data.pence > `5`"}, ""),
        ({"condition": "data.pence > `9`"}, "does not hold"),
    ],
)
def test_a_trigger_is_for_the_events_that_it_names(fields: dict[str, str], told: str) -> None:
    found = judge(unsaved(**fields), happening())

    assert told in found.passes
    assert (found.start is None) == bool(told)


def test_one_event_has_one_key_for_each_trigger_and_no_longer_than_a_run_takes() -> None:
    found = [
        judge(unsaved(name=name), happening(source="/s" * 90, source_id=number)).start
        for name, number in (("a", "1"), ("a", "2"), ("b", "1"))
    ]

    keys = {start.key for start in found if start}
    assert len(keys) == 3
    assert {len(key) <= 200 for key in keys} == {True}


def test_an_expression_that_does_not_fit_is_told_with_what_to_correct() -> None:
    found = judge(unsaved(title="=abs(type)"), happening())

    assert "Correct the trigger 't'" in found.error


# What is done


def test_an_event_starts_the_run_that_its_trigger_says(engine: Engine) -> None:
    rule(title="=join(' ', ['Order', subject])", priority="batch")

    signal = comes(actor="api:shop (a1)")
    engine.work()

    run = Run.objects.get()
    assert (fresh(run).state, run.title, run.priority) == ("succeeded", "Order A1", "batch")
    assert run.started_by == "trigger:paid orders for api:shop (a1)"
    assert run.key == "paid orders:/shop:e1"
    assert run.metadata["event"]["signal"] == str(signal.id)
    assert (signal.became, Firing.objects.get().run) == ("started", run.id)


def test_every_trigger_that_an_event_is_for_starts_its_run(engine: Engine) -> None:
    rule("one")
    rule("two", event="order.*")
    rule("three", is_active=False)
    rule("four", tenant="acme")

    comes()

    keys = Run.objects.order_by("key").values_list("key", flat=True)
    assert list(keys) == ["one:/shop:e1", "two:/shop:e1"]


def test_the_same_event_again_starts_nothing_again(engine: Engine) -> None:
    rule()

    comes()
    again = comes()

    assert (again.is_new, Run.objects.count()) == (False, 1)


def test_one_event_at_the_same_moment_starts_one_run(engine: Engine) -> None:
    rule()

    at_once([comes] * 4)

    assert Run.objects.count() == 1


def test_an_event_that_the_inbox_has_forgotten_starts_no_second_run(engine: Engine) -> None:
    rule()
    comes()
    Signal.objects.all().delete()

    again = comes()

    assert (again.is_new, again.became, Run.objects.count()) == (True, "started", 1)


def test_the_run_is_the_events_tenants(engine: Engine) -> None:
    rule(tenant="")

    comes(tenant="acme")

    assert Run.objects.get().tenant == "acme"


def test_an_event_and_what_it_starts_commit_together_or_not_at_all(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule()

    def breaks(*_: Any) -> None:
        raise RuntimeError("the process ends here")

    monkeypatch.setattr("aiops.models.signal_moves.settle", breaks)
    with pytest.raises(RuntimeError):
        comes()

    assert (Signal.objects.count(), Run.objects.count()) == (0, 0)


# What cannot start


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"input": {"number": "=type"}}, "number: Input should be a valid integer"),
        ({"workflow": "lime"}, "lime"),
        ({"key": "=data"}, "no text and no number"),
    ],
)
def test_a_trigger_that_cannot_start_loses_neither_the_event_nor_the_others(
    engine: Engine, wrong: dict[str, Any], told: str
) -> None:
    rule("fails", **wrong)
    rule("starts")

    signal = comes()

    assert signal.became == "failed"
    assert told in Firing.objects.get(trigger_name="fails").error
    assert Run.objects.get().key == "starts:/shop:e1"


def test_a_trigger_that_was_corrected_is_tried_again_and_only_that(engine: Engine) -> None:
    wrong = rule("fails", input={"number": "=type"})
    rule("starts")
    signal = comes()
    Trigger.objects.filter(id=wrong.id).update(input={"number": "=data.pence"})

    runs = triggers.try_again(signal.id, actor="ann", reason="corrected")

    signal.refresh_from_db()
    assert (len(runs), signal.became, Run.objects.count()) == (1, "started", 2)
    assert Firing.objects.get(trigger_name="fails").tries == 2
    event = Event.objects.get(kind="event.tried_again")
    assert (event.actor, event.data["reason"], event.data["runs"]) == (
        "ann",
        "corrected",
        [str(runs[0])],
    )


def test_a_try_that_fails_again_says_so(engine: Engine) -> None:
    rule(input={"number": "=type"})
    signal = comes()

    assert triggers.try_again(signal.id, actor="ann") == []

    signal.refresh_from_db()
    assert (signal.became, Firing.objects.get().tries) == ("failed", 2)


def test_an_event_that_no_active_trigger_is_for_is_not_tried_again(engine: Engine) -> None:
    rule(input={"number": "=type"})
    signal = comes()
    Trigger.objects.update(is_active=False)

    with pytest.raises(NotPossible, match="activate or correct one first"):
        triggers.try_again(signal.id, actor="ann")

    assert not Event.objects.filter(kind="event.tried_again").exists()


def test_an_event_that_came_before_its_trigger_can_be_tried(engine: Engine) -> None:
    signal = comes()
    rule()

    (run,) = triggers.try_again(signal.id, actor="ann")

    assert Run.objects.get().id == run


def test_what_is_gone_does_not_stand_in_the_way_of_what_was_started(engine: Engine) -> None:
    wrong = rule("fails", input={"number": "=type"})
    signal = comes()
    wrong.delete()
    rule("starts")

    triggers.try_again(signal.id, actor="ann")

    signal.refresh_from_db()
    assert signal.became == "started"


# Triggers and waits


def test_an_event_both_starts_a_run_and_wakes_one(engine: Engine) -> None:
    waiting = engine.run("payment", input={"label": "A1"})
    rule()

    signal = comes()
    engine.work()

    assert (signal.became, signal.woken) == ("started", [str(waiting.id)])
    assert (fresh(waiting).state, result(waiting)) == ("succeeded", 7)


def test_a_run_does_not_take_the_event_that_started_it(engine: Engine) -> None:
    rule(workflow="payment", input={"label": "=subject"})

    comes()
    engine.work()

    assert Run.objects.get().state == "waiting"


def test_a_run_that_was_there_before_takes_an_event_that_has_started_another(
    engine: Engine,
) -> None:
    early = engine.start("later_payment", input={"label": "A1"})
    rule()
    comes()

    engine.work()

    assert (fresh(early).state, result(early)) == ("succeeded", 7)


def test_a_younger_run_waits_for_the_next_event(engine: Engine) -> None:
    rule()
    comes()

    late = engine.run("payment", input={"label": "A1"})

    assert late.state == "waiting"


# Circles


def test_an_event_about_a_run_that_an_event_started_goes_round_so_often_and_no_more(
    engine: Engine, settings: Settings
) -> None:
    settings.AIOPS_EVENT_HOPS = 2
    rule(event="aiops.run.succeeded", input={"number": 1})
    run = engine.run("line", input={"number": 1})
    ours = f"{settings.AIOPS_BASE_URL}/"

    became = []
    for number in range(4):
        signal = comes(f"h{number}", name="aiops.run.succeeded", source=ours, subject=str(run.id))
        became.append(str(signal.became))
        run = Run.objects.latest("created_at")

    assert became == ["started", "started", "failed", "failed"]
    assert "AIOPS_EVENT_HOPS" in Firing.objects.filter(run=None)[0].error


def test_another_program_may_say_how_far_an_event_has_come(
    engine: Engine, settings: Settings
) -> None:
    settings.AIOPS_EVENT_HOPS = 2
    rule()

    told = (2, 3, "three", "²")
    became = [str(comes(f"h{hops}", extensions={"aiopshops": hops}).became) for hops in told]

    assert became == ["started", "failed", "started", "started"]


def test_events_that_start_runs_which_wait_for_each_other_do_not_stand_still(
    engine: Engine,
) -> None:
    rule("a", event="a.came", workflow="payment", input={"label": "B"})
    rule("b", event="b.came", workflow="payment", input={"label": "A"})

    at_once([lambda: comes("1", name="a.came"), lambda: comes("2", name="b.came")])

    assert Run.objects.filter(state="waiting").count() == 2
