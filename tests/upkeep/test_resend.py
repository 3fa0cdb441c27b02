"""Publishing what was accepted, and sending again what was lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.celery import app
from aiops.execution import dispatch, resend
from aiops.execution.canvas import Members
from aiops.execution.resume import pause
from aiops.flow import PermanentInput
from aiops.models import Run, Step
from aiops.pools import POOLS
from tests.execution.engine import COMMITS, Engine, fresh, result, the_step
from tests.flows.script import Script

pytestmark = COMMITS

#: The real one, before a fixture replaces it.
PUBLISH = dispatch.publish


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many messages wait in each pool's queue; none unless the test says so."""
    lengths: dict[str, int] = {}
    monkeypatch.setattr(resend, "queue_lengths", lambda pools: lengths)
    return lengths


@pytest.fixture
def accepted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that a process without a broker has started."""
    with monkeypatch.context() as patch:
        patch.setattr(dispatch._Process, "publishes", False)
        return engine.start("line")


def overdue(run: Run, name: str = "one") -> None:
    Step.objects.filter(run=run, name=name, map__isnull=True).update(
        dispatch_due=timezone.now() - timedelta(seconds=1)
    )


def delay_s(run: Run, name: str = "one") -> float:
    """Seconds until a step's message counts as lost."""
    due = the_step(run, name).dispatch_due
    assert due is not None
    return (due - timezone.now()).total_seconds()


# What was accepted elsewhere


def test_an_accepted_run_is_found(accepted: Run) -> None:
    assert resend.unpublished() == [accepted.id]


def test_an_accepted_run_is_published_once(engine: Engine, accepted: Run) -> None:
    found = [resend.publish_accepted([accepted.id]) for _ in range(2)]

    assert found == [1, 0]
    assert [letter.names for letter in engine.letters] == [("one", "two", "three")]


def test_a_published_run_is_not_found_any_more(engine: Engine, accepted: Run) -> None:
    resend.publish_accepted([accepted.id])

    assert resend.unpublished() == []


def test_a_run_that_this_process_published_is_not_found(engine: Engine) -> None:
    engine.start("line")

    assert resend.unpublished() == []


def test_an_accepted_map_gets_its_members(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(dispatch._Process, "publishes", False)
        run = engine.start("roots", input={"items": [1, 2, 3]})

    resend.publish_accepted([run.id])
    engine.work()

    assert result(run) == [1, 2, 3]


def test_a_broker_that_is_away_leaves_the_run_to_the_next_round(
    engine: Engine, accepted: Run
) -> None:
    engine.is_away = True

    with pytest.raises(dispatch.BrokerAway):
        resend.publish_accepted([accepted.id])

    assert resend.unpublished() == [accepted.id]


def test_an_accepted_run_that_is_paused_is_not_published(engine: Engine, accepted: Run) -> None:
    pause(accepted.id, actor="ann")

    assert resend.unpublished() == []
    assert resend.publish_accepted([accepted.id]) == 0


# What was lost


def test_a_message_that_is_not_overdue_is_not_sent_again(
    engine: Engine, queues: dict[str, int]
) -> None:
    engine.start("line")
    engine.drop()

    assert resend.resend_due() == 0
    assert engine.letters == []


def test_a_lost_message_is_sent_again(engine: Engine, queues: dict[str, int]) -> None:
    run = engine.start("line")
    engine.drop()
    overdue(run)

    assert resend.resend_due() == 1
    engine.work()

    assert fresh(run).state == "succeeded"


def test_the_delay_doubles_with_each_message(
    engine: Engine, queues: dict[str, int], settings: Settings
) -> None:
    settings.AIOPS_DISPATCH_S = 10.0
    run = engine.start("line")
    delays = []
    for _ in range(3):
        engine.drop()
        overdue(run)
        resend.resend_due()
        delays.append(delay_s(run))

    assert delays == pytest.approx([20, 40, 80], abs=3)


def test_the_delay_has_an_end(engine: Engine, queues: dict[str, int]) -> None:
    run = engine.start("line")
    Step.objects.filter(run=run, name="one").update(dispatches=90)
    overdue(run)

    resend.resend_due()

    assert delay_s(run) == pytest.approx(resend.MAX_DELAY_S, abs=3)


def test_nothing_is_sent_into_a_queue_that_is_merely_long(
    engine: Engine, queues: dict[str, int]
) -> None:
    run = engine.start("line")
    engine.drop()
    overdue(run)
    queues["io"] = 1

    assert resend.resend_due() == 0
    assert engine.letters == []


def test_a_message_that_was_lost_behind_a_queue_that_never_empties_is_sent_in_the_end(
    engine: Engine, queues: dict[str, int]
) -> None:
    run = engine.start("line")
    engine.drop()
    overdue(run)
    queues["io"] = 1
    Step.objects.filter(run=run, name="one").update(since=timezone.now() - timedelta(hours=1))

    assert resend.resend_due() == 1


def test_a_step_in_a_long_queue_is_looked_at_later_without_counting_a_message(
    engine: Engine, queues: dict[str, int]
) -> None:
    run = engine.start("line")
    overdue(run)
    queues["io"] = 1

    resend.resend_due()

    assert the_step(run, "one").dispatches == 1
    assert delay_s(run) > 5


def test_only_as_many_are_sent_as_the_queue_is_short_of(
    engine: Engine, queues: dict[str, int]
) -> None:
    runs = [engine.start("line") for _ in range(5)]
    engine.drop()
    for run in runs:
        overdue(run)
    queues["io"] = 3

    assert resend.resend_due() == 2
    assert len(engine.letters) == 2


def test_a_long_queue_of_one_pool_does_not_hold_up_another(
    engine: Engine, queues: dict[str, int]
) -> None:
    slow, quick = engine.start("line"), engine.start("paid_blindly")
    engine.drop()
    overdue(slow)
    overdue(quick, "pay")
    queues["io"] = 9

    resend.resend_due()

    assert [letter.run_id for letter in engine.letters] == [quick.id]


def test_a_broker_that_is_away_does_not_double_the_delay(
    engine: Engine, queues: dict[str, int]
) -> None:
    run = engine.start("line")
    engine.drop()
    overdue(run)
    engine.is_away = True

    for _ in range(3):
        with pytest.raises(dispatch.BrokerAway):
            resend.resend_due()

    assert the_step(run, "one").dispatches == 1
    assert delay_s(run) < 0


def test_a_broker_that_came_back_gets_what_was_overdue(
    engine: Engine, queues: dict[str, int]
) -> None:
    run = engine.start("line")
    engine.drop()
    overdue(run)
    engine.is_away = True
    with pytest.raises(dispatch.BrokerAway):
        resend.resend_due()

    engine.is_away = False
    resend.resend_due()
    engine.work()

    assert fresh(run).state == "succeeded"


def test_a_message_of_a_paused_run_is_not_sent_again(
    engine: Engine, queues: dict[str, int]
) -> None:
    run = engine.start("line")
    engine.drop()
    pause(run.id, actor="ann")
    overdue(run)

    assert resend.resend_due() == 0


def test_a_lost_message_in_the_middle_of_a_chain_carries_the_rest(
    engine: Engine, queues: dict[str, int]
) -> None:
    run = engine.start("relay")
    engine.deliver(engine.letters.pop())
    engine.drop()
    overdue(run, "ask")

    resend.resend_due()
    engine.work()

    assert (fresh(run).state, result(run)) == ("succeeded", 11)


def test_a_lost_message_of_one_branch_leaves_the_other(
    engine: Engine, script: Script, queues: dict[str, int]
) -> None:
    run = engine.start("diamond")
    engine.deliver(engine.letters.pop())
    engine.deliver(engine.letters.pop(0))
    engine.drop()
    overdue(run, "right")

    resend.resend_due()
    engine.work()

    assert fresh(run).state == "succeeded"
    assert len(script.calls) == len(set(script.calls))


def test_a_step_of_undoing_is_sent_again(
    engine: Engine, script: Script, queues: dict[str, int]
) -> None:
    script.tell("ship", PermanentInput("no"))
    run = engine.start("order")
    while "bill" not in script.calls or engine.letters[0].names != ("undo:bill",):
        engine.deliver(engine.letters.pop(0))
    engine.drop()
    overdue(run, "undo:bill")

    resend.resend_due()
    engine.work()

    assert (fresh(run).state, script.calls[-2:]) == ("failed", ["refund", "release"])


# Maps


def members(engine: Engine) -> list[int]:
    last = engine.vehicles[-1].branches
    return [branch.count for branch in last if isinstance(branch, Members)]


def test_the_lost_members_of_a_map_are_sent_again(
    engine: Engine, queues: dict[str, int], settings: Settings
) -> None:
    run = engine.start("roots", input={"items": [1, 2, 3]})
    engine.drop()
    overdue(run, "root")
    Step.objects.filter(run=run, item__isnull=False).update(
        since=timezone.now() - timedelta(minutes=1)
    )

    resend.resend_due()
    engine.work()

    assert result(run) == [1, 2, 3]


def test_a_map_whose_items_move_needs_no_members(engine: Engine, queues: dict[str, int]) -> None:
    run = engine.start("roots", input={"items": [1, 2, 3]})
    engine.drop()
    overdue(run, "root")

    assert resend.resend_due() == 0


def test_a_map_gets_no_more_members_than_it_has_room_for(
    engine: Engine, queues: dict[str, int]
) -> None:
    run = engine.start("roots", input={"items": [1, 2, 3, 4, 5]})
    engine.drop()
    ago = timezone.now() - timedelta(minutes=1)
    rows = Step.objects.filter(run=run, item__isnull=False)
    rows.update(since=ago)
    rows.filter(item=0).update(state="running", worker="other/1", lease_until=timezone.now())
    overdue(run, "root")

    resend.resend_due()

    assert members(engine) == [1]


# The real broker


@pytest.fixture
def broker() -> Iterator[None]:
    """The queues of the tests' own broker, empty."""

    def empty() -> None:
        with app.connection_for_write() as connection:
            for pool in POOLS.values():
                connection.SimpleQueue(pool.queue).clear()

    empty()
    yield
    empty()


def test_the_length_of_a_queue_counts_both_priorities(
    engine: Engine, broker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "publish", PUBLISH)
    engine.start("line")
    engine.start("line", priority="batch")

    assert resend.queue_lengths(["io", "llm"]) == {"io": 2, "llm": 0}


def test_a_broker_that_is_not_there_is_said_to_be_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(app, "connection_for_read", refuse)

    with pytest.raises(dispatch.BrokerAway, match="nobody listens"):
        resend.queue_lengths(["io"])
