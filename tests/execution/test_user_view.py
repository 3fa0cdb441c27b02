"""The user's view as JSON: every surface tells exactly this."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiops.execution.catalog import plan_of
from aiops.execution.start import start_run
from aiops.execution.user_view import result_url, user_view
from aiops.flow import Tells, approval, series, step, workflow
from aiops.flow.workflows import Workflow
from aiops.models import Escalation, Lane, Run, Step, WorkflowVersion
from tests.execution.orders import Order, ask, begun, done, edit, map_of, set_run, stop_at

pytestmark = pytest.mark.django_db

KEYS = {
    *("run_id", "reference", "title", "version", "state", "mood", "headline", "sentence", "hint"),
    *("progress", "percent", "count", "parts", "partial", "eta_s", "is_final", "is_cancellable"),
    *("since", "promise", "sent", "result_url"),
}


@step(says="Writing your letter", streams=True)
def write(order: Order) -> str:
    return order.id


@step(says="Reading it again")
def reread(write: str) -> str:
    return write


letter = workflow(
    "view_letter",
    input=Order,
    flow=series(write, reread, approval("Send it?", name="agree", due_h=4)),
    tells=Tells(
        done="Your letter is in the post.",
        waiting="Somebody reads your letter.",
        failed="Your letter was not written.",
    ),
)


def running(run: Run, name: str, *, lease_s: float = 30, **fields: Any) -> Step:
    now = timezone.now()
    return edit(
        run,
        name,
        **{
            "state": "running",
            "reason": "lease",
            "worker": "io@a/1",
            "dispatch_due": None,
            "started_at": now,
            "lease_until": now + timedelta(seconds=lease_s),
            **fields,
        },
    )


def ended(run: Run, state: str = "succeeded", **fields: Any) -> Run:
    return set_run(run, state=state, finished_at=timezone.now(), **fields)


def earlier_runs(
    of: Workflow, took: dict[str, float], number: int = 20, ago_s: float = 3 * 3600
) -> None:
    """Let runs of a workflow have ended well, with these times, so long ago."""
    whole_s = sum(took.values())
    for place in range(number):
        run = start_run(of, Order())
        began = timezone.now() - timedelta(seconds=ago_s + whole_s + place % 10)
        at = began
        for name, seconds in took.items():
            until = at + timedelta(seconds=seconds)
            edit(
                run,
                name,
                state="succeeded",
                reason="",
                dispatch_due=None,
                started_at=at,
                finished_at=until,
            )
            at = until
        set_run(run, state="succeeded", created_at=began, finished_at=at)


def test_a_run_that_is_not_there_has_no_view() -> None:
    with pytest.raises(Run.DoesNotExist):
        user_view(uuid4())


def test_the_view_has_every_key_in_every_state_and_is_plain_json() -> None:
    run = begun(title="Order A1")

    seen = user_view(run.id)

    assert set(seen) == KEYS
    assert json.loads(json.dumps(seen)) == seen
    assert seen["reference"] == str(run.id)[:13].upper()
    assert (seen["count"], seen["percent"], seen["is_final"]) == ("Step 1 of 4", 0, False)


def test_a_view_takes_two_queries_when_its_history_is_known() -> None:
    run = begun()
    running(run, "read")
    user_view(run.id)

    with CaptureQueriesContext(connection) as queries:
        user_view(run.id)

    # `order_flow` has a map, whose items are a third.
    assert len(queries) == 3


def test_a_view_of_a_plain_workflow_takes_two() -> None:
    run = start_run(letter, Order())
    user_view(run.id)

    with CaptureQueriesContext(connection) as queries:
        user_view(run.id)

    assert len(queries) == 2


# In the reader's words


def test_the_view_speaks_the_readers_language() -> None:
    run = begun()
    running(run, "read")

    seen = user_view(run.id, language="de")

    assert (seen["headline"], seen["count"]) == ("Wir sind dabei", "Schritt 1 von 4")
    # An author's words that no catalogue has stay as they are.
    assert seen["sentence"] == "Reading your order…"
    assert user_view(run.id)["headline"] == "Working on it"


def test_the_workflow_may_tell_it_in_its_own_words() -> None:
    run = start_run(letter, Order())
    edit(run, "agree", state="waiting", reason="approval")
    waiting = user_view(run.id)["sentence"]
    ended(run)
    good = user_view(run.id)["sentence"]
    set_run(run, state="partial")
    partly = user_view(run.id)["sentence"]
    set_run(run, state="failed")

    assert waiting == "Somebody reads your letter."
    assert good == "Your letter is in the post."
    assert partly == "Your letter is in the post. A part of it was left out."
    assert user_view(run.id)["sentence"] == "Your letter was not written."


def test_what_was_started_before_workflows_had_words_is_told_in_plain_ones() -> None:
    run = start_run(letter, Order())
    version = WorkflowVersion.objects.get(id=run.version_id)
    version.plan.pop("tells")
    WorkflowVersion.objects.filter(id=version.id).update(plan=version.plan)
    plan_of.cache_clear()
    ended(run)

    assert user_view(run.id)["sentence"] == "Your result is ready."


# What is written meanwhile


def test_text_that_is_meant_for_the_user_is_shown_while_it_is_written() -> None:
    run = start_run(letter, Order())
    running(run, "write", progress={"partial": "Dear Ada", "text": "secret"})

    assert user_view(run.id)["partial"] == "Dear Ada"


def test_text_of_a_step_that_did_not_say_so_is_never_shown() -> None:
    run = start_run(letter, Order())
    running(run, "reread", progress={"partial": "secret"})

    assert "secret" not in str(user_view(run.id))


def test_text_of_an_attempt_that_has_gone_silent_or_ended_is_not_shown() -> None:
    run = start_run(letter, Order())
    running(run, "write", progress={"partial": "Dear Ada"}, lease_s=-1)
    silent = user_view(run.id)["partial"]
    edit(run, "write", state="waiting", reason="lane", lease_until=None)

    assert (silent, user_view(run.id)["partial"]) == ("", "")


# How long


USUAL = {"write": 60.0, "reread": 20.0, "agree": 3600.0}


def test_times_are_told_by_the_runs_before_it() -> None:
    earlier_runs(letter, USUAL)
    run = start_run(letter, Order())
    running(run, "write")

    seen = user_view(run.id)

    assert seen["eta_s"] == pytest.approx(60 + 20 + 3600, abs=5)
    assert seen["hint"] == "about 61 minutes left"


def test_too_few_runs_say_nothing() -> None:
    earlier_runs(letter, USUAL, number=19)
    run = start_run(letter, Order())
    running(run, "write")

    seen = user_view(run.id)

    assert (seen["eta_s"], seen["hint"]) == (None, "")


def test_another_version_of_the_workflow_says_nothing() -> None:
    earlier_runs(letter, USUAL)
    WorkflowVersion.objects.filter(name="view_letter").update(version=7)
    run = start_run(letter, Order())
    running(run, "write")

    assert user_view(run.id)["hint"] == ""


def test_a_run_that_takes_longer_than_nine_of_ten_says_so() -> None:
    earlier_runs(letter, USUAL)
    run = start_run(letter, Order())
    running(run, "write")
    set_run(run, created_at=timezone.now() - timedelta(seconds=3690))

    assert user_view(run.id)["hint"] == "Longer than usual."


def test_history_that_grows_meanwhile_does_not_move_the_bar() -> None:
    earlier_runs(letter, USUAL)
    run = start_run(letter, Order())
    done(run, "write")
    before = user_view(run.id)["progress"]

    earlier_runs(letter, {"write": 1.0, "reread": 900.0, "agree": 1.0}, number=60, ago_s=-60)
    cache.clear()

    assert before == pytest.approx(60 / 120)
    assert user_view(run.id)["progress"] == before


def test_a_person_is_waited_for_as_long_as_people_usually_take() -> None:
    earlier_runs(letter, USUAL)
    run = start_run(letter, Order())
    due_at = timezone.now() + timedelta(hours=4)
    edit(run, "agree", state="waiting", reason="approval", until=due_at)

    assert user_view(run.id)["hint"] == "Usually within 1 hour."


def test_without_history_the_due_time_is_told_until_it_has_passed() -> None:
    run = start_run(letter, Order())
    now = timezone.now()
    edit(run, "agree", state="waiting", reason="approval", until=now + timedelta(hours=4))
    early = user_view(run.id)["hint"]
    edit(run, "agree", until=now - timedelta(hours=4))

    assert (early, user_view(run.id)["hint"]) == ("An answer is due within 4 hours.", "")


def test_a_question_to_our_team_tells_when_its_answer_is_due() -> None:
    run = begun()
    stop_at(run, "charge", state="attention", word="ambiguous", sent="maybe", in_doubt=True)
    ask(run, "charge", due_at=timezone.now() + timedelta(minutes=55))

    assert user_view(run.id)["hint"] == "An answer is due within 1 hour."


def test_a_retry_is_told_without_a_promise_of_minutes() -> None:
    run = begun()
    edit(run, "read", state="retrying", reason="retry", wake_at=timezone.now(), dispatch_due=None)

    assert user_view(run.id)["hint"] == "Usually back within a few minutes."


# What stands still


def parked(run: Run, state: str = "held", **fields: Any) -> None:
    Lane.objects.create(
        name="p/m", state=state, cause="failing", held_until=timezone.now() + timedelta(minutes=1)
    )
    edit(
        run,
        "read",
        **{"state": "waiting", "reason": "lane", "lane": "p/m", "dispatch_due": None, **fields},
    )


def test_a_held_lane_is_told_at_once() -> None:
    run = begun()
    parked(run)

    assert user_view(run.id)["headline"] == "Taking longer than usual"


def test_a_step_that_comes_to_a_held_lane_again_is_no_work() -> None:
    run = begun()
    parked(run)
    running(run, "read", lane="p/m")

    assert user_view(run.id)["headline"] == "Taking longer than usual"


def test_a_lane_that_a_person_must_mend_is_a_matter_of_our_team() -> None:
    run = begun()
    parked(run, "stopped")

    assert user_view(run.id)["headline"] == "Being checked by our team"


def test_the_last_moment_before_the_end_is_told_as_such_and_no_longer_than_a_lease() -> None:
    run = start_run(letter, Order())
    done(run, "write", "reread", "agree")
    Step.objects.filter(run=run).update(since=timezone.now())
    at_once = user_view(run.id)
    Step.objects.filter(run=run).update(since=timezone.now() - timedelta(seconds=31))

    assert (at_once["state"], at_once["sentence"]) == ("running", "Almost done.")
    assert at_once["percent"] == 99
    assert user_view(run.id)["state"] == "queued"


def test_since_when_is_that_of_what_decides() -> None:
    run = start_run(letter, Order())
    then = timezone.now() - timedelta(minutes=7)
    edit(run, "agree", state="waiting", reason="approval", since=then)

    assert datetime.fromisoformat(user_view(run.id)["since"]) == then


# What has gone out, and where the result is


def test_what_has_been_sent_is_named_to_whoever_thinks_of_stopping() -> None:
    run = begun()
    done(run, "read", "pack")
    before = user_view(run.id)["sent"]
    done(run, "charge")

    assert before == ""
    assert (
        user_view(run.id)["sent"] == "What has already been sent stays sent. (Taking the payment)"
    )


@pytest.mark.parametrize(
    "said",
    [
        "",
        "javascript:alert(1)",
        "//example.org/x",
        "data:text/html,x",
        "https://",
        "https://user:word@example.org/",
        "https://example.org/\nx",
        "https://[::1",
        f"https://example.org/{'a' * 2000}",
    ],
)
def test_only_a_plain_web_address_becomes_a_link(said: str) -> None:
    assert result_url(said) == ""


def test_the_result_is_linked_when_it_is_there_and_not_before() -> None:
    run = begun(metadata={"result_url": "https://shop.example.org/orders/1"})
    before = user_view(run.id)["result_url"]
    ended(run)

    assert (before, user_view(run.id)["result_url"]) == ("", "https://shop.example.org/orders/1")


def test_an_address_that_is_no_text_is_no_link() -> None:
    run = ended(begun(metadata={"result_url": {"a": 1}}))

    assert user_view(run.id)["result_url"] == ""


def test_the_items_of_a_map_move_the_bar() -> None:
    run = begun()
    map_of(run, succeeded=6, running=1, queued=3)

    seen = user_view(run.id)

    assert seen["percent"] == 32
    assert not Escalation.objects.exists()
