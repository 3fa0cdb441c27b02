"""The messages as Celery sends them: ids only, by name, each to its pool."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from celery import Signature
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import TimeoutError as RedisTimeout

from aiops.execution import dispatch
from aiops.execution.canvas import Members, Segment, Vehicle
from aiops.execution.dispatch import Addressee, BrokerAway
from tests.execution.engine import COMMITS, Engine

RUN = Addressee(UUID(int=1), "support_reply", "interactive")
BATCH = Addressee(UUID(int=1), "support_reply", "batch")


def segment(*names: str, pool: str = "io") -> Segment:
    return Segment(pool, names, tuple(UUID(int=i + 10) for i, _ in enumerate(names)), 3, 90.0)


def canvas(*branches: Any, run: Addressee = RUN) -> Any:
    """A signature; its kinds have attributes that their types do not show."""
    return dispatch._canvas(run, Vehicle(branches))


def one(*names: str, pool: str = "io", run: Addressee = RUN) -> Any:
    return canvas((segment(*names, pool=pool),), run=run)


def test_a_segment_is_one_message_of_ids() -> None:
    sent = one("classify", "draft")

    assert sent.task == "tasks.run_steps"
    steps = [str(UUID(int=10)), str(UUID(int=11))]
    assert list(sent.args) == [str(RUN.run_id), steps, 3, "advance"]


def test_a_message_goes_to_the_queue_of_its_pool() -> None:
    assert one("classify", pool="llm").options["queue"] == "aiops.llm"


@pytest.mark.parametrize(("run", "priority"), [(RUN, 0), (BATCH, 9)])
def test_someone_who_waits_comes_first(run: Addressee, priority: int) -> None:
    assert one("classify", run=run).options["priority"] == priority


@pytest.mark.parametrize(
    ("names", "shadow"),
    [(("classify",), "support_reply.classify"), (("a", "b", "c"), "support_reply.a+2")],
)
def test_a_message_shows_the_name_of_its_step(names: tuple[str, ...], shadow: str) -> None:
    assert one(*names).options["shadow"] == shadow


@pytest.mark.parametrize(("pool", "limit"), [("cpu", 90.0), ("llm", None)])
def test_a_time_limit_is_set_where_it_holds(pool: str, limit: float | None) -> None:
    assert one("crunch", pool=pool).options.get("time_limit") == limit


def test_the_segments_of_a_series_are_a_chain_that_names_what_comes_next() -> None:
    sent = canvas((segment("a"), segment("b", pool="llm"), segment("c")))

    assert [task.args[3] for task in sent.tasks] == [
        str(UUID(int=10)),
        str(UUID(int=10)),
        "advance",
    ]


def test_branches_are_a_chord_whose_body_moves_the_run_on() -> None:
    sent = canvas((segment("a"),), (segment("b"), segment("c", pool="llm")))

    assert sent.body.task == "tasks.join"
    assert sent.body.options["queue"] == "aiops.control"
    assert list(sent.body.args) == [str(RUN.run_id)]


def test_a_branch_inside_a_chord_leaves_it_to_the_body_to_move_on() -> None:
    sent = canvas((segment("a"),), (segment("b"), segment("c", pool="llm")))

    alone, in_series = sent.tasks
    assert alone.args[3] == ""
    assert in_series.tasks[-1].args[3] == ""


def test_the_members_of_a_map_are_messages_of_their_own() -> None:
    sent = canvas(Members("io", "pack", UUID(int=7), 3, 90.0))

    assert [list(task.args) for task in sent.tasks] == [
        [str(RUN.run_id), str(UUID(int=7)), "pack"]
    ] * 3


def test_no_result_is_handed_from_one_message_to_the_next() -> None:
    sent = canvas((segment("a"), segment("b", pool="llm")))

    assert all(task.immutable for task in sent.tasks)


def test_a_message_of_fifty_steps_stays_small() -> None:
    sent = one(*(f"step_{i}" for i in range(50)))

    assert len(json.dumps(sent, default=str)) < 4_000


@pytest.mark.parametrize("error", [OperationalError("x"), RedisTimeout("x"), OSError("x")])
def test_whatever_shows_an_absent_broker_is_said_in_one_way(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Signature, "apply_async", refuse)

    with pytest.raises(BrokerAway):
        dispatch.publish(RUN, Vehicle(((segment("a"),),)))


@COMMITS
def test_a_broker_that_is_away_is_no_error_of_whoever_committed(engine: Engine) -> None:
    engine.is_away = True

    with transaction.atomic():
        dispatch.after_commit(RUN, [Vehicle(((segment("a"),),))])


@COMMITS
def test_nothing_to_send_rings_for_nobody(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[UUID] = []
    monkeypatch.setattr(dispatch._Process, "publishes", False)
    monkeypatch.setattr(dispatch, "ring", rung.append)

    dispatch.after_commit(RUN, [])

    assert rung == []
