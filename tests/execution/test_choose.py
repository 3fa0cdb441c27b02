"""Which runs the filters of the list mean; and that its verdicts are those of the judge."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from aiops.execution import choose, judge
from aiops.execution.choose import WrongFilter, chosen, in_words, is_empty
from aiops.execution.verdict import PERMANENT, WORDS
from aiops.execution.verdict_in_sql import worst_of
from aiops.models import Run, RunState, Step, StepState
from aiops.models.ids import new_id
from tests.execution.orders import begun, edit, failed, set_run, stop_at, tried

pytestmark = pytest.mark.django_db

KINDS = ("step", "choose", "approval", "wait_for", "sleep", "child", "map")
EFFECTS = ("pure", "idempotent", "once")
ERRORS = ("", "transient", "needs_human", "items_failed", "lost", *sorted(PERMANENT))
SENT = ("", "no", "maybe", "yes")


def found(**params: str) -> set[UUID]:
    return set(chosen(params).values_list("id", flat=True))


# Verdicts


def a_step(run_id: UUID, **fields: Any) -> Step:
    known = {"name": f"s{new_id().hex[-20:]}", "kind": "step", "state": "failed"}
    return Step(id=new_id(), run_id=run_id, **{**known, **fields})


def error(word: str, sent: str) -> dict[str, str] | None:
    told = {"word": word, "sent": sent, "message": "boom"}
    return {key: text for key, text in told.items() if text} if word or sent else None


def stopped_in_every_way(
    kinds: Sequence[str] = KINDS, words: Sequence[str] = ERRORS
) -> Iterator[dict[str, Any]]:
    states = (StepState.FAILED, StepState.ATTENTION)
    for kind, effect, state, word, sent, in_doubt in product(
        kinds, EFFECTS, states, words, SENT, (False, True)
    ):
        yield {
            "kind": kind,
            "effect": effect,
            "state": state,
            "error": error(word, sent),
            "in_doubt": in_doubt,
        }


def items_in_every_way() -> Iterator[tuple[str, dict[str, Any]]]:
    states = (StepState.WAITING, StepState.FAILED, StepState.ATTENTION, StepState.SUCCEEDED)
    words = ("", "transient", "needs_human", "permanent_input")
    return product(states, stopped_in_every_way(["item"], words))


def runs_like(run: Run, number: int) -> list[UUID]:
    ids = [new_id() for _ in range(number)]
    known = {"version_id": run.version_id, "workflow": run.workflow, "input_hash": "0" * 64}
    Run.objects.bulk_create(Run(id=id, **known) for id in ids)
    return ids


def judged_everywhere(ids: list[UUID]) -> None:
    """The filter, the column and the judge say the same of each of these runs."""
    verdicts = {run_id: verdict.key for run_id, verdict in judge.verdicts_of(ids).items()}
    assert {run_id: worst.verdict for run_id, worst in worst_of(ids).items()} == verdicts
    for key in WORDS:
        wanted = {run_id for run_id, judged in verdicts.items() if judged == key}
        assert found(verdict=key) == wanted, key


def test_the_filter_says_what_the_judge_says_of_every_step_that_can_stop() -> None:
    ways = list(stopped_in_every_way())
    ids = runs_like(begun(), len(ways))
    Step.objects.bulk_create(
        a_step(run_id, **fields) for run_id, fields in zip(ids, ways, strict=True)
    )

    judged_everywhere(ids)


def test_the_filter_says_what_the_judge_says_of_every_item_that_can_stop() -> None:
    ways = list(items_in_every_way())
    ids = runs_like(begun(), len(ways))
    rows = []
    for run_id, (of_map, fields) in zip(ids, ways, strict=True):
        is_open = of_map == StepState.WAITING
        told = error("items_failed", "") if of_map in ("failed", "attention") else None
        whole = a_step(
            run_id, kind="map", state=of_map, reason="items" if is_open else "", error=told
        )
        rows += [whole, a_step(run_id, name=whole.name, map=whole, item=0, **fields)]
    Step.objects.bulk_create(rows)

    judged_everywhere(ids)


def test_of_several_steps_that_stopped_the_worst_speaks_for_the_run() -> None:
    rng = random.Random(7)
    ways = list(stopped_in_every_way())
    ids = runs_like(begun(), 400)
    Step.objects.bulk_create(
        a_step(run_id, **rng.choice(ways)) for run_id in ids for _ in range(rng.randint(1, 4))
    )

    judged_everywhere(ids)


def test_the_step_that_speaks_for_a_run_is_named_with_its_error() -> None:
    run = begun()
    failed(run, "read", message="no such order")
    failed(run, "charge", sent="maybe", message="connection lost")

    worst = worst_of([run.id])[run.id]

    assert (worst.verdict, worst.step, worst.message) == ("check", "charge", "connection lost")


# The other filters


@pytest.fixture
def one_in_each_state() -> dict[str, Run]:
    runs = {}
    for state in RunState.values:
        ended = state in ("failed", "cancelled", "succeeded", "partial")
        runs[state] = set_run(
            begun(),
            state=state,
            finished_at=timezone.now() if ended else None,
            cancel_requested_at=timezone.now() if state == "cancelling" else None,
        )
    return runs


@pytest.mark.parametrize(
    ("view", "states"),
    [
        ("all", set(RunState.values)),
        ("needs_you", {"failed", "attention"}),
        ("active", {"queued", "running", "retrying", "cancelling"}),
        ("waiting", {"waiting"}),
        ("failed", {"failed"}),
        ("finished", {"cancelled", "succeeded", "partial"}),
    ],
)
def test_a_view_shows_its_states(
    one_in_each_state: dict[str, Run], view: str, states: set[str]
) -> None:
    assert found(view=view) == {one_in_each_state[state].id for state in states}


def test_every_state_is_in_one_of_the_views_beside_all() -> None:
    views = [
        set(states) for key, (_, states) in choose.VIEWS.items() if key not in ("all", "failed")
    ]

    assert sorted(state for states in views for state in states) == sorted(RunState.values)


def test_filters_narrow_each_other_and_several_values_of_one_widen_it(
    one_in_each_state: dict[str, Run],
) -> None:
    waiting, failing = one_in_each_state["waiting"], one_in_each_state["failed"]
    set_run(waiting, tenant="northwind", started_by="api:shop")

    assert found(state__in="waiting, failed") == {waiting.id, failing.id}
    assert found(state__in="waiting,failed", tenant="northwind,contoso") == {waiting.id}
    assert found(owner="api:shop") == {waiting.id}
    assert found(workflow="answers_order", view="waiting") == {waiting.id}
    assert found(workflow="another") == set()
    assert len(found(version=str(waiting.version_id))) == len(one_in_each_state)


def test_times_are_moments_in_utc_with_the_end_left_out() -> None:
    old, new = begun(), begun()
    at = timezone.now().replace(microsecond=0)
    set_run(old, created_at=at - timedelta(days=2))
    set_run(new, created_at=at, state="succeeded", finished_at=at + timedelta(seconds=9))

    assert found(since=at.isoformat()) == {new.id}
    # A plus sign that was not escaped.
    assert found(since=at.isoformat().replace("+", " ")) == {new.id}
    assert found(until=f"{at:%Y-%m-%dT%H:%M:%S}") == {old.id}
    assert found(until=f"{at - timedelta(days=1):%Y-%m-%d}") == {old.id}
    assert found(ended_since=at.isoformat()) == {new.id}
    assert found(ended_until=at.isoformat()) == set()


def test_runs_that_failed_alike_are_those_that_still_stand_still_with_it() -> None:
    alike, another, given_up = begun(), begun(), begun()
    for run, mark in ((alike, "f1"), (another, "f2"), (given_up, "f1")):
        stop_at(run, "charge", fingerprint=mark)
    set_run(given_up, state="cancelled", finished_at=timezone.now())

    assert found(group="f1") == {alike.id}
    assert found(group="f1,f2") == {alike.id, another.id}


def test_a_queue_holds_runs_whose_step_stands_in_it() -> None:
    fresh, over = begun(), begun()
    Step.objects.filter(run=over).update(state="succeeded", dispatch_due=None)
    effects = begun()
    stop_at(effects, "charge")

    assert found(queue="io") == {fresh.id}
    assert found(queue="effects") == {effects.id}
    assert found(queue="io,effects") == {fresh.id, effects.id}


def test_cost_is_what_all_attempts_of_a_run_say_and_unknown_is_not_nothing() -> None:
    cheap, dear, _unknown = begun(), begun(), begun()
    for run, microusd in ((cheap, 4_000), (dear, 900_000), (dear, 200_000)):
        tried(Step.objects.get(run=run, name="read"), cost_microusd=microusd)

    assert found(cost_min="1.1") == {dear.id}
    assert found(cost_max="0.01") == {cheap.id}
    assert found(cost_min="0.001", cost_max="2") == {cheap.id, dear.id}


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"view": "broken"}, "view takes all, needs_you"),
        ({"state__in": "failed,ended"}, "not 'ended'"),
        ({"state__in": ","}, "has none"),
        ({"group": ","}, "and has none"),
        ({"verdict": "good"}, "not 'good'"),
        ({"queue": "gpu"}, "not 'gpu'"),
        ({"version": "one"}, "numbers of workflow versions"),
        ({"version": "9" * 40}, "numbers of workflow versions"),
        ({"since": "yesterday"}, "takes a time as"),
        ({"until": "2026-13-45T99:00"}, "takes a time as"),
        ({"cost_min": "much"}, "an amount of dollars"),
        ({"cost_max": "NaN"}, "an amount of dollars"),
        ({"tenant": "a\0b"}, "a character that no text has"),
        ({"colour": "red"}, "There is no filter 'colour'"),
    ],
)
def test_what_a_filter_cannot_mean_is_refused_and_never_left_out(
    params: dict[str, str], told: str
) -> None:
    with pytest.raises(WrongFilter, match=re.escape(told)):
        chosen(params)


def test_filters_that_leave_nothing_out_are_empty() -> None:
    assert is_empty({})
    assert is_empty({"view": "all", "tenant": " ", "p": "3", "o": "-1"})
    assert not is_empty({"view": "failed"})
    assert not is_empty({"q": "harbour"})


def test_filters_are_told_in_words() -> None:
    run = begun()

    assert in_words({}) == "All runs"
    assert in_words({"view": "needs_you"}) == "Runs that need you"
    assert in_words(
        {
            "view": "failed",
            "workflow": "support_reply",
            "verdict": "safe,check",
            "version": str(run.version_id),
            "since": "2026-11-22T14:00",
            "q": "lease",
        }
    ) == (
        "Failed runs, with the verdict Safe to retry or Check first, of workflow support_reply, "
        "of version answers_order v1, started from 2026-11-22 14:00 UTC, matching “lease”"
    )
    assert len(in_words({"tenant": "x" * 900})) == choose.MOST_WORDS


# Search


def test_a_run_is_found_by_its_id_and_by_how_it_begins() -> None:
    run, other = begun(), begun()

    assert found(q=str(run.id)) == {run.id}
    assert found(q=run.id.hex) == {run.id}
    assert run.id in found(q=str(run.id)[:8])
    assert other.id not in found(q=str(run.id)[:-1])


def test_a_run_is_found_by_the_words_of_its_title_its_key_and_its_owner() -> None:
    run, _other = begun(title="Lease, 4 Harbour St", key="inv-20418222"), begun(title="Lease")

    assert found(q="HARBOUR lease") == {run.id}
    assert found(q="harbour cli:ann") == {run.id}
    # Eight digits are also how an id may begin.
    assert found(q="20418222") == {run.id}
    assert found(q="harbour nothing") == set()


def test_a_run_is_found_by_the_task_that_works_for_it_or_has_worked_for_it() -> None:
    now, past, other = begun(), begun(), begun()
    working, worked = str(new_id()), str(new_id())
    lease = {"worker": "io@a/1", "lease_until": timezone.now() + timedelta(seconds=30)}
    edit(now, "read", state="running", reason="lease", task_id=working, **lease)
    tried(Step.objects.get(run=past, name="read"), task_id=worked)

    assert found(q=working) == {now.id}
    assert found(q=f" {worked} ") == {past.id}
    assert found(q=str(new_id())) == set()
    assert other.id not in found(q=worked)


def test_a_key_that_looks_like_an_id_is_found() -> None:
    key = str(new_id())
    run = begun(key=key)

    assert found(q=key) == {run.id}
