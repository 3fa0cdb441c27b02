"""The five answers about a run, from its rows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiops.execution import judge
from aiops.execution.answers import five_answers
from aiops.execution.catalog import plan_of
from aiops.models import Attempt, Event, Run, Step
from tests.execution.orders import (
    ask,
    begun,
    done,
    edit,
    failed,
    map_of,
    order_flow,
    set_run,
    stop_at,
    tried,
)

pytestmark = pytest.mark.django_db

#: Queries that the answers may take, whatever the size of the run; what is usual is asked for once
#: in a while, and kept.
BUDGET = 9


def wait_of(answers: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [wait for wait in answers["state"]["waits"] if wait["step"] == name]
    return dict(found)


def retry_of(answers: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [step for step in answers["retry"]["steps"] if step["name"] == name]
    return dict(found)


def test_a_run_that_is_not_there_is_refused() -> None:
    with pytest.raises(Run.DoesNotExist):
        five_answers(uuid4())


def test_the_answers_are_plain_json() -> None:
    run = begun(key="k1", title="Order A1")
    stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge")

    answers = five_answers(run.id)

    assert json.loads(json.dumps(answers)) == answers
    assert (answers["title"], answers["key"]) == ("Order A1", "k1")


def test_a_new_run_waits_in_line_until_its_message_counts_as_lost() -> None:
    run = begun()

    answers = five_answers(run.id)

    assert answers["state"]["key"] == "queued"
    wait = wait_of(answers, "read")
    assert wait["waits_for"] == "A worker of its pool"
    assert wait["until"] == edit(run, "read").dispatch_due.isoformat()  # type: ignore[union-attr]
    assert answers["state"]["until"] == wait["until"]


def test_the_version_of_the_answers_is_the_newest_event() -> None:
    run = begun()

    answers = five_answers(run.id)

    newest = Event.objects.filter(run=run).order_by("-id").values_list("id", flat=True)[0]
    assert answers["version"] == newest


def test_an_approval_names_its_due_time_and_the_question() -> None:
    run = begun()
    done(run, "read", "pack")
    due_at = timezone.now() + timedelta(hours=4)
    edit(run, "agree", state="waiting", reason="approval", until=due_at)
    ask(run, "agree", "approval", question="Ship it?", due_at=due_at, if_nobody="reject")

    answers = five_answers(run.id)

    assert wait_of(answers, "agree")["until"] == due_at.isoformat()
    [question] = answers["person"]["questions"]
    assert question["question"] == "Ship it?"
    assert question["answers"] == ["approve", "reject"]
    assert question["if_nobody"] == "reject"
    assert question["due_at"] == due_at.isoformat()
    assert not question["is_overdue"]
    assert answers["retry"]["verdict"]["key"] == "decide"
    assert answers["user"]["sentence"] == "A person is checking this."


def test_a_question_past_its_due_time_is_overdue() -> None:
    run = begun()
    stop_at(run, "charge", state="attention")
    ask(run, "charge", due_at=timezone.now() - timedelta(minutes=1))

    assert five_answers(run.id)["person"]["questions"][0]["is_overdue"]


def test_what_succeeded_is_told_with_time_attempts_and_cost() -> None:
    run = begun()
    done(run, "read")
    row = edit(run, "read")
    tried(row, outcome="failed")
    tried(row, cost_microusd=1_500)

    told = five_answers(run.id)["succeeded"]

    assert (told["steps_done"], told["steps_total"], told["cost_microusd"]) == (1, 5, 1_500)
    [step] = told["steps"]
    assert step["attempts"] == 2
    assert step["cost_microusd"] == 1_500
    assert step["at"] == row.finished_at.isoformat()  # type: ignore[union-attr]  # done sets it
    assert step["took_s"] == pytest.approx(2, abs=0.5)


def test_a_cost_that_nobody_recorded_is_unknown_and_not_zero() -> None:
    run = begun()
    stop_at(run, "charge")
    tried(edit(run, "read"))

    answers = five_answers(run.id)

    assert answers["succeeded"]["cost_microusd"] is None
    assert answers["succeeded"]["steps"][0]["cost_microusd"] is None
    assert answers["retry"]["price"]["cost_microusd"] is None
    assert answers["retry"]["price"]["keeps_cost_microusd"] is None


def test_a_retry_is_priced_by_earlier_attempts_and_by_the_work_it_keeps() -> None:
    run = begun()
    row = stop_at(run, "notify")
    tried(row, outcome="failed", cost_microusd=3_000)
    tried(row, outcome="failed", cost_microusd=1_000)
    tried(edit(run, "read"), cost_microusd=500)

    price = five_answers(run.id)["retry"]["price"]

    assert price["cost_microusd"] == 2_000
    assert price["runs_again"] == 1
    assert price["keeps_steps"] == 4
    assert price["keeps_cost_microusd"] == 500


def test_one_unknown_cost_makes_the_price_of_the_run_unknown() -> None:
    run = begun()
    row = stop_at(run, "notify")
    tried(row, outcome="failed", cost_microusd=3_000)
    failed(run, "charge")

    answers = five_answers(run.id)

    assert answers["retry"]["price"]["cost_microusd"] is None
    assert retry_of(answers, "notify")["price"]["cost_microusd"] == 3_000


def test_a_failed_effect_that_may_have_gone_out_is_the_verdict_of_the_run() -> None:
    run = begun()
    stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)

    answers = five_answers(run.id)

    assert answers["retry"]["verdict"]["key"] == "check"
    assert retry_of(answers, "charge")["verdict"]["key"] == "check"
    assert retry_of(answers, "charge")["error"]["message"] == "boom"
    assert retry_of(answers, "notify")["verdict"]["key"] == "blocked"
    assert answers["user"]["headline"] == "Being checked by our team"


def test_a_step_that_takes_the_context_is_deduplicated_by_its_key() -> None:
    run = begun()
    row = stop_at(run, "notify", word="ambiguous", sent="maybe")

    found = five_answers(run.id)["retry"]["verdict"]

    assert found["key"] == "keyed"
    assert row.idempotency_key in found["sentence"]


def test_a_cancelled_run_says_that_it_is_replayed_instead() -> None:
    run = begun()
    now = timezone.now()
    set_run(run, state="cancelled", cancel_requested_at=now, finished_at=now)

    answers = five_answers(run.id)

    assert not answers["retry"]["is_possible"]
    assert "replay" in answers["retry"]["why_not"]
    assert answers["state"]["waits"] == []
    assert answers["user"]["headline"] == "Cancelled"


def test_a_worker_is_named_only_while_its_lease_is_live() -> None:
    run = begun()
    lease = {"state": "running", "reason": "lease", "worker": "io@a/1", "dispatch_due": None}
    edit(run, "read", lease_until=timezone.now() + timedelta(seconds=30), **lease)

    live = five_answers(run.id)
    edit(run, "read", lease_until=timezone.now() - timedelta(seconds=1), **lease)
    silent = five_answers(run.id)

    assert live["user"]["sentence"] == "Reading your order…"
    assert wait_of(live, "read")["worker"] == "io@a/1"
    assert silent["user"]["state"] == "retrying"
    assert wait_of(silent, "read")["is_overdue"]


def test_a_stored_running_state_alone_does_not_tell_the_user_that_it_works() -> None:
    run = begun()
    set_run(run, state="running")

    assert five_answers(run.id)["user"]["state"] == "queued"


def test_a_map_is_told_in_numbers_and_its_progress_counts() -> None:
    run = begun()
    map_of(run, succeeded=6, running=1, queued=3)

    answers = five_answers(run.id)

    items = wait_of(answers, "pack")["items"]
    assert items == {"total": 10, "queued": 3, "running": 1, "succeeded": 6}
    assert answers["user"]["sentence"] == "Packing your order…"
    assert answers["user"]["progress"] == pytest.approx((1 + 0.6) / 5)


def test_failed_items_give_the_map_its_verdict_and_its_price() -> None:
    run = begun()
    row = map_of(run, succeeded=2, failed=3)
    edit(run, "pack", state="attention", reason="person")
    items = list(Step.objects.filter(map=row, state="succeeded"))
    for item in items:
        tried(item, cost_microusd=100)

    answers = five_answers(run.id)

    told = retry_of(answers, "pack")
    assert told["verdict"]["key"] == "safe"
    assert told["verdict"]["sentence"].startswith("3 items have failed.")
    assert told["price"]["cost_microusd"] == 300
    assert told["price"]["runs_again"] == 3
    assert told["price"]["keeps_items"] == 2
    assert [item["item"] for item in answers["retry"]["failed_items"]] == [2, 3, 4]


def test_failed_items_of_a_map_that_moves_are_no_case_for_a_retry_yet() -> None:
    run = begun()
    map_of(run, running=1, failed=2)

    answers = five_answers(run.id)

    assert retry_of(answers, "pack")["verdict"]["key"] == "live"
    assert not answers["retry"]["is_possible"]
    assert judge.verdicts_of([run.id]) == {}


def test_an_item_that_asks_a_person_needs_attention_while_others_go_on() -> None:
    run = begun()
    map_of(run, running=1, attention=1)

    answers = five_answers(run.id)

    assert answers["user"]["state"] == "attention"
    assert answers["retry"]["is_possible"]


def test_the_first_failed_items_are_listed_and_the_rest_is_counted() -> None:
    run = begun()
    map_of(run, failed=25)

    answers = five_answers(run.id)

    assert len(answers["retry"]["failed_items"]) == 20
    assert answers["retry"]["failed_items_total"] == 25


@pytest.mark.parametrize("items", [0, 10_000])
def test_the_answers_take_few_queries_whatever_the_size(items: int) -> None:
    run = begun()
    row = map_of(run, succeeded=items // 2, failed=items // 2)
    now = timezone.now()
    Attempt.objects.bulk_create(
        Attempt(
            step_id=item,
            run_id=run.id,
            number=1,
            outcome="succeeded",
            started_at=now,
            finished_at=now,
        )
        for item in Step.objects.filter(map=row).values_list("id", flat=True)
    )
    plan_of.cache_clear()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        answers = five_answers(run.id)

    assert len(queries) <= BUDGET
    assert answers["retry"]["failed_items_total"] == items // 2


def test_the_verdicts_of_a_list_take_one_query_and_agree_with_each_run() -> None:
    doubtful, safe, fine = begun(), begun(), begun()
    stop_at(doubtful, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    map_of(safe, failed=2)
    edit(safe, "pack", state="attention", reason="person", error={"word": "items_failed"})

    with CaptureQueriesContext(connection) as queries:
        found = judge.verdicts_of([doubtful.id, safe.id, fine.id])

    assert len(queries) == 1
    assert {run_id: one.key for run_id, one in found.items()} == {
        doubtful.id: "check",
        safe.id: "safe",
    }
    assert five_answers(safe.id)["retry"]["verdict"]["key"] == "safe"


def test_every_node_of_the_plan_is_answered_in_its_order() -> None:
    run = begun()

    answers = five_answers(run.id)

    names = [step["name"] for step in answers["retry"]["steps"]]
    assert names == [node.name for node in order_flow.plan.nodes]
