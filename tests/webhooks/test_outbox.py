"""The outbox: a message is written with its event or not at all, and only for who wants it."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from aiops.execution import cancel
from aiops.execution.answer import answer
from aiops.models import Event, Run, WebhookDelivery, transitions, webhook_kinds, webhook_moves
from tests.execution.engine import COMMITS, Engine, question, told
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import kinds_of, listening

pytestmark = COMMITS


def test_what_happens_to_a_run_is_written_for_its_endpoint_in_order(
    engine: Engine, receiver: Receiver
) -> None:
    listening(receiver.url)

    run = engine.run("letter")
    answer(question(run).id, "approve", actor="ann")
    engine.work()

    assert kinds_of(run) == [
        "run.accepted",
        "escalation.opened",
        "run.waiting",
        "escalation.answered",
        "run.succeeded",
    ]


def test_a_message_belongs_to_its_event(engine: Engine, receiver: Receiver) -> None:
    listening(receiver.url)

    run = engine.run("line", input={"number": 1})

    [event] = told(run, "run.succeeded")
    one = WebhookDelivery.objects.get(kind="run.succeeded")
    assert (one.event_id, one.made_at) == (event.id, event.at)
    assert one.data["state"] == "succeeded"


def test_a_transaction_that_is_rolled_back_leaves_no_message(
    engine: Engine, receiver: Receiver
) -> None:
    listening(receiver.url)

    with transaction.atomic():
        run = engine.start("line", input={"number": 1})
        within = kinds_of(run)
        transaction.set_rollback(True)

    assert within == ["run.accepted"]
    assert not WebhookDelivery.objects.exists()
    assert not Event.objects.filter(run_id=run.id).exists()


def test_an_event_of_a_run_takes_one_statement_with_its_messages(
    engine: Engine, receiver: Receiver
) -> None:
    listening(receiver.url)
    run = engine.start("line", input={"number": 1})

    with CaptureQueriesContext(connection) as queries:
        transitions.tell(run.id, "run.paused", actor="ann")

    assert len(queries) == 1
    assert kinds_of(run)[-1] == "run.paused"


@pytest.mark.parametrize(
    ("fields", "is_told"),
    [
        ({}, True),
        ({"tenant": ""}, True),
        ({"tenant": "other"}, False),
        ({"workflows": ["line"]}, True),
        ({"workflows": ["letter", "line"]}, True),
        ({"workflows": ["lin"]}, False),
        ({"kinds": ["run.succeeded", "run.accepted"]}, True),
        ({"kinds": ["run.succeeded"]}, False),
    ],
)
def test_an_endpoint_is_told_of_the_runs_and_kinds_that_it_wants(
    engine: Engine, receiver: Receiver, fields: dict[str, object], is_told: bool
) -> None:
    listening(receiver.url, **fields)

    run = engine.start("line", input={"number": 1})

    assert kinds_of(run) == (["run.accepted"] if is_told else [])


def test_each_endpoint_has_its_own_message(engine: Engine, receiver: Receiver) -> None:
    listening(receiver.url)
    listening(receiver.url, name="ledger", tenant="")

    run = engine.start("line", input={"number": 1})

    rows = WebhookDelivery.objects.filter(run=run)
    assert {one.endpoint.name for one in rows} == {"shop", "ledger"}
    assert len({one.message_id for one in rows}) == 2


def test_a_stopped_endpoint_keeps_what_comes_and_a_removed_one_does_not(
    engine: Engine, receiver: Receiver
) -> None:
    endpoint, _ = listening(receiver.url)
    webhook_moves.pause(endpoint, actor="ann", reason="a move")
    while_paused = engine.start("line", input={"number": 1})
    webhook_moves.remove(endpoint, actor="ann", reason="gone")

    afterwards = engine.start("line", input={"number": 2})

    assert (len(kinds_of(while_paused)), kinds_of(afterwards)) == (1, [])
    assert WebhookDelivery.objects.get().state == "dropped"


def test_what_is_ours_alone_never_goes_out(engine: Engine, receiver: Receiver) -> None:
    listening(receiver.url)
    run = engine.start("line", input={"number": 1})

    for kind in ("payload.viewed", "escalation.taken", "step.failed", "limbo.repaired"):
        transitions.tell(run.id, kind)
    transitions.tell(None, "run.accepted")

    assert kinds_of(run) == ["run.accepted"]


def test_a_question_about_a_receiver_is_told_to_no_receiver() -> None:
    assert webhook_kinds.public("escalation.opened", "approval") == "escalation.opened"
    assert webhook_kinds.public("escalation.opened", "webhook") == ""


def test_runs_that_another_run_has_started_are_its_own_affair(
    engine: Engine, receiver: Receiver
) -> None:
    listening(receiver.url)
    parent = engine.start("line", input={"number": 1})
    child = engine.start("line", input={"number": 2})
    WebhookDelivery.objects.all().delete()
    Run.objects.filter(id=child.id).update(parent_step=parent.steps.first())

    cancel.cancel(child.id, reason="no", actor="ann")
    cancel.cancel(parent.id, reason="no", actor="ann")

    assert kinds_of(child) == []
    assert kinds_of(parent)[-1] == "run.cancelled"


def test_every_event_of_a_run_that_is_public_has_words() -> None:
    assert set(webhook_kinds.PUBLIC.values()) == set(webhook_kinds.KINDS)
