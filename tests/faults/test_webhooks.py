"""Webhooks by real processes: a receiver that fails, and a worker that is killed at the worst moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.faults.aftermath import nothing_is_lost
from tests.faults.record import eventually
from tests.faults.stack import Stack, sabotaged
from tests.webhooks.receiver import Got, Receiver

pytestmark = pytest.mark.faults

#: How every second request goes wrong.
FAULTS: Sequence[str | int] = (500, "reset", "drip", 503, "nothing", "hang", 302)
RUNS = 12


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as found:
        yield found


def fails_half_of_the_time(number: int) -> str | int:
    return FAULTS[(number // 2) % len(FAULTS)] if number % 2 == 0 else 204


def hurry(stack: Stack) -> None:
    """Let the time come for what waits to be tried again; what is on its way is left alone."""
    stack.record.rows(
        "UPDATE aiops_webhookdelivery SET next_at = now()"
        " WHERE state = 'waiting' AND leased_until IS NULL AND next_at > now()"
    )
    stack.record.rows("UPDATE aiops_webhookendpoint SET next_at = NULL WHERE next_at > now()")


def is_all_sent(stack: Stack) -> bool:
    hurry(stack)
    rows = stack.record.rows(
        "SELECT count(*) AS n FROM aiops_webhookdelivery WHERE state <> 'sent'"
    )
    return bool(rows[0]["n"] == 0)


def written(stack: Stack) -> dict[str, list[str]]:
    """The ids of the messages of each run, in the order of what they tell."""
    found: dict[str, list[str]] = defaultdict(list)
    rows = stack.record.rows(
        "SELECT run_id, message_id FROM aiops_webhookdelivery ORDER BY event_id"
    )
    for row in rows:
        found[str(row["run_id"])].append(str(row["message_id"]))
    return found


def by_run(got: Sequence[Got]) -> dict[str, list[str]]:
    """The ids that came for each run, each at its first coming."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in got:
        run = str(one.event["subject"])
        if one.id not in found[run]:
            found[run].append(one.id)
    return found


def verifies(one: Got, secret: str) -> bool:
    """By the reference library, as the receiver does when a message comes."""
    try:
        event: dict[str, Any] = Webhook(secret).verify(one.body, one.headers)
    except WebhookVerificationError:
        return False
    return event == one.event


def test_a_receiver_that_fails_half_of_its_requests_gets_everything_in_order_and_signed(
    stack: Stack, receiver: Receiver
) -> None:
    """Breaks every second request; the secret is rotated in the middle."""
    stack.up("keeper")
    stack.up("io", env=sabotaged("impatient_posts"))
    receiver.choose = fails_half_of_the_time
    webhook, old = stack.caller.listen(receiver.url)
    runs = [stack.caller.start("trip") for _ in range(RUNS // 2)]
    eventually(lambda: len(receiver.got) >= 4, what="the first messages")

    new = stack.caller.rotate(webhook)
    rotated_at = datetime.now(UTC).timestamp()
    runs += [stack.caller.start("trip") for _ in range(RUNS - len(runs))]
    nothing_is_lost(stack, runs)
    eventually(lambda: is_all_sent(stack), within_s=90, what="the end of all deliveries")

    expected = written(stack)
    assert set(expected) == set(runs)
    assert all(len(ids) >= 2 for ids in expected.values())
    assert by_run(receiver.got) == expected
    assert by_run(receiver.taken()) == expected
    failed = len(receiver.got) - len(receiver.taken())
    assert failed >= len(receiver.got) // 2 - 1
    later = [one for one in receiver.got if int(one.headers["webhook-timestamp"]) > rotated_at + 1]
    assert all(verifies(one, old) for one in receiver.got)
    assert later
    assert all(verifies(one, new) for one in later)


def test_a_message_whose_record_was_lost_comes_again_with_the_same_id(
    stack: Stack, receiver: Receiver
) -> None:
    """Kills the worker when the receiver has a message, and the record does not know it."""
    stack.up("keeper")
    stack.up("io", env=sabotaged("held_after_posting"))
    stack.caller.listen(receiver.url)
    stack.world.hold("posted")
    run = stack.caller.start("trip")
    stack.world.arrived("posted")

    stack.down("io")
    stack.up("io")
    # Years before their time: the claim of the killed worker, and its turn at the endpoint.
    stack.record.rows("UPDATE aiops_webhookdelivery SET leased_until = now()")
    stack.record.rows("UPDATE aiops_webhookendpoint SET held_until = now()")

    nothing_is_lost(stack, [run])
    eventually(lambda: is_all_sent(stack), within_s=30, what="the end of all deliveries")
    ids = [one.id for one in receiver.got]
    assert ids[0] == ids[1]
    assert by_run(receiver.got) == written(stack)


def test_two_keepers_and_doubled_messages_send_each_once(stack: Stack, receiver: Receiver) -> None:
    """Has every message between the processes arrive twice, in any order."""
    stack.up("keeper", "keeper2", env=sabotaged("twice_and_out_of_order"))
    stack.up("io", "io2", env=sabotaged("twice_and_out_of_order"))
    stack.caller.listen(receiver.url)

    runs = [stack.caller.start("trip") for _ in range(4)]

    nothing_is_lost(stack, runs)
    eventually(lambda: is_all_sent(stack), within_s=60, what="the end of all deliveries")
    assert len(receiver.got) == len({one.id for one in receiver.got})
    assert by_run(receiver.got) == written(stack)
