"""Maps: one row for each item, members that claim them, and what the whole comes to."""

from __future__ import annotations

import pytest
from django.utils import timezone

from aiops.execution import fanout
from aiops.execution.answer import answer
from aiops.execution.canvas import Members
from aiops.execution.resume import NotPossible, pause, resume, retry, retry_from, skip, supply
from aiops.flow import Ambiguous, NeedsHuman, PermanentInput, Transient
from aiops.models import Attempt, Event, Step
from tests.execution.engine import (
    COMMITS,
    Engine,
    fresh,
    in_order,
    items,
    meanwhile,
    question,
    result,
    reversed_order,
    the_step,
    time_passes,
    told,
)
from tests.flows.script import Script

pytestmark = COMMITS

BROKEN = PermanentInput("broken")


def members(engine: Engine) -> list[Members]:
    return [b for v in engine.vehicles for b in v.branches if isinstance(b, Members)]


def test_a_map_without_items_is_done_at_once(engine: Engine) -> None:
    run = engine.run("squares", input={"items": []})

    assert (run.state, result(run)) == ("succeeded", 0)


def test_a_map_of_one_item_has_one_member(engine: Engine) -> None:
    run = engine.run("squares", input={"items": [3]})

    assert result(run) == 9
    assert [m.count for m in members(engine)] == [1]


def test_a_map_has_as_many_members_as_it_may_run_at_once(engine: Engine) -> None:
    run = engine.run("squares", input={"items": list(range(50))})

    assert result(run) == sum(n * n for n in range(50))
    assert [m.count for m in members(engine)] == [3]


def test_the_results_of_a_map_keep_the_order_of_its_items(engine: Engine) -> None:
    run = engine.start("roots", input={"items": [5, 3, 9, 1]})

    engine.work(reversed_order)

    assert result(run) == [5, 3, 9, 1]


def test_an_item_is_one_attempt_and_no_event(engine: Engine) -> None:
    run = engine.run("squares", input={"items": [1, 2, 3]})

    items_ = Step.objects.filter(run=run, map__isnull=False).values("id")
    assert Attempt.objects.filter(step__in=items_).count() == 3
    assert not Event.objects.filter(step__in=items_).exists()


def test_an_item_is_tried_again_when_its_time_has_come(engine: Engine, script: Script) -> None:
    script.tell("square[2]", Transient("busy"))
    run = engine.run("squares", input={"items": [1, 2, 3]})

    before = items(run, "square")
    time_passes(run)
    engine.work()

    assert before == ["succeeded", "retrying", "succeeded"]
    assert result(run) == 14


def test_an_item_that_waits_for_its_retry_makes_its_run_retry(
    engine: Engine, script: Script
) -> None:
    script.tell("square[2]", Transient("busy"))

    run = engine.run("squares", input={"items": [1, 2, 3]})

    assert run.state == "retrying"


def test_only_the_failed_item_runs_again(engine: Engine, script: Script) -> None:
    script.tell("square[2]", Transient("busy"))
    run = engine.run("squares", input={"items": [1, 2, 3]})

    time_passes(run)
    engine.work()

    assert [script.times(f"square[{n}]") for n in (1, 2, 3)] == [1, 2, 1]


def test_failures_within_the_tolerance_leave_none_and_a_partial_run(
    engine: Engine, script: Script
) -> None:
    script.tell("root[1]", BROKEN)

    run = engine.run("roots", input={"items": [1, 2]})

    assert result(run) == [None, 2]
    assert (run.state, run.reason) == ("partial", "without root")


def test_failures_beyond_the_tolerance_ask_one_question(engine: Engine, script: Script) -> None:
    for number in (1, 2):
        script.tell(f"root[{number}]", BROKEN)

    run = engine.run("roots", input={"items": [1, 2, 3]})

    asked = question(run)
    assert run.state == "attention"
    assert (asked.kind, asked.step_id) == ("items_failed", the_step(run, "root").id)
    assert asked.question.startswith("2 of 3 items of root failed")


@pytest.mark.parametrize("by", ["verb", "answer"])
def test_a_retry_of_a_map_runs_only_what_failed(engine: Engine, script: Script, by: str) -> None:
    for number in (1, 2):
        script.tell(f"root[{number}]", BROKEN)
    run = engine.run("roots", input={"items": [1, 2, 3]})

    if by == "verb":
        retry(run.id, actor="ann")
    else:
        answer(question(run).id, "retry", actor="ann")
    engine.work()

    assert [script.times(f"root[{n}]") for n in (1, 2, 3)] == [2, 2, 1]
    assert (fresh(run).state, result(run)) == ("succeeded", [1, 2, 3])


def test_a_map_that_a_person_leaves_goes_on_without_the_failed_items(
    engine: Engine, script: Script
) -> None:
    for number in (1, 2):
        script.tell(f"root[{number}]", BROKEN)
    run = engine.run("roots", input={"items": [1, 2, 3]})

    answer(question(run).id, "skip", actor="ann")
    engine.work()

    assert (fresh(run).state, result(run)) == ("partial", [None, None, 3])


def test_a_rerun_over_fewer_items_forgets_the_others(engine: Engine, script: Script) -> None:
    script.tell("added", PermanentInput("not now"))
    run = engine.run("squares", input={"items": [1, 2, 3]})
    script.tell("numbers", [4])

    retry_from(run.id, "numbers", actor="ann")
    engine.work()

    assert items(run, "square") == ["succeeded", "cancelled", "cancelled"]
    assert result(run) == 16


def test_a_rerun_over_fewer_items_counts_only_those(engine: Engine, script: Script) -> None:
    script.tell("added", PermanentInput("not now"))
    run = engine.run("squares", input={"items": [1, 2, 3]})
    script.tell("numbers", [4])

    retry_from(run.id, "numbers", actor="ann")
    engine.work()

    assert the_step(run, "square").result == {"items": 1, "failed": 0}


def test_a_rerun_over_fewer_items_judges_the_failures_by_those(
    engine: Engine, script: Script
) -> None:
    script.tell("added", BROKEN)
    run = engine.run("squares", input={"items": [1, 2, 3]})
    script.tell("numbers", [4, 5])
    script.tell("square[4]", BROKEN)

    retry_from(run.id, "numbers", actor="ann")
    engine.work()

    assert question(run).question.startswith("1 of 2 items")


def test_a_rerun_over_no_items_has_no_results(engine: Engine, script: Script) -> None:
    script.tell("added", BROKEN)
    run = engine.run("squares", input={"items": [1, 2, 3]})
    script.tell("numbers", [])

    retry_from(run.id, "numbers", actor="ann")
    engine.work()

    assert (fresh(run).state, result(run)) == ("succeeded", 0)


def test_a_rerun_over_more_items_runs_them_all(engine: Engine, script: Script) -> None:
    script.tell("added", PermanentInput("not now"))
    run = engine.run("squares", input={"items": [1]})
    script.tell("numbers", [2, 3])

    retry_from(run.id, "numbers", actor="ann")
    engine.work()

    assert result(run) == 13


def test_a_rerun_while_items_wait_does_not_run_the_old_ones(engine: Engine, script: Script) -> None:
    run = engine.start("squares", input={"items": [1, 2, 3]})
    engine.deliver(engine.letters.pop())
    late = engine.drop()
    script.tell("numbers", [7])

    retry_from(run.id, "numbers", actor="ann")
    for letter in late:
        engine.deliver(letter)
    engine.work()

    assert result(run) == 49
    assert [call for call in script.calls if call.startswith("square")] == ["square[7]"]


def test_the_rerun_of_an_open_map_starts_with_its_items(engine: Engine, script: Script) -> None:
    run = engine.start("roots", input={"items": [1, 2]})
    engine.drop()

    retry_from(run.id, "root", actor="ann")
    engine.work()

    assert (fresh(run).state, result(run)) == ("succeeded", [1, 2])


# Items whose effect happens once


def test_an_item_has_a_key_of_its_own(engine: Engine, script: Script) -> None:
    run = engine.run("posts", input={"items": [1, 2]})

    assert sorted(script.keys) == [f"{run.id}:post[0]", f"{run.id}:post[1]"]


def test_an_item_in_doubt_asks_about_itself(engine: Engine, script: Script) -> None:
    script.tell("post[2]", Ambiguous("no answer"))

    run = engine.run("posts", input={"items": [1, 2, 3]})

    assert question(run).kind == "in_doubt"
    assert question(run).step_id == the_step(run, "post", 1).id
    assert items(run, "post") == ["succeeded", "attention", "succeeded"]
    assert run.state == "attention"


def test_an_item_that_happened_is_given_its_result(engine: Engine, script: Script) -> None:
    script.tell("post[2]", Ambiguous("no answer"))
    run = engine.run("posts", input={"items": [1, 2, 3]})

    answer(question(run).id, "it_happened", actor="ann", result="sent 2")
    engine.work()

    assert fresh(run).state == "succeeded"
    assert the_step(run, "post", 1).result == "sent 2"
    assert script.times("post[2]") == 1


def test_an_item_that_did_not_happen_runs_again(engine: Engine, script: Script) -> None:
    script.tell("post[2]", Ambiguous("no answer"))
    run = engine.run("posts", input={"items": [1, 2, 3]})

    answer(question(run).id, "it_did_not", actor="ann")
    engine.work()

    assert fresh(run).state == "succeeded"
    assert [script.times(f"post[{n}]") for n in (1, 2, 3)] == [1, 2, 1]


def test_an_item_that_asks_is_given_its_answer(engine: Engine, script: Script) -> None:
    script.tell("square[2]", NeedsHuman("what is 2 squared?"))
    run = engine.run("squares", input={"items": [1, 2, 3]})

    answer(question(run).id, "supply", actor="ann", result=4)
    engine.work()

    assert (fresh(run).state, result(run)) == ("succeeded", 14)


def test_a_rerun_of_a_map_refuses_to_send_its_items_twice(engine: Engine, script: Script) -> None:
    script.tell("post[2]", BROKEN)
    run = engine.run("posts", input={"items": [1, 2, 3]})

    with pytest.raises(NotPossible, match="went out"):
        retry_from(run.id, "post", actor="ann")


def test_a_question_of_an_item_is_told_in_one_event(engine: Engine, script: Script) -> None:
    script.tell("post[2]", Ambiguous("no answer"))

    run = engine.run("posts", input={"items": [1, 2, 3]})

    assert len(told(run, "escalation.opened")) == 1


def test_a_member_gives_its_slot_back_after_its_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiops.execution.member.SLICE_S", 0.0)
    run = engine.start("roots", input={"items": list(range(10))})

    engine.work()

    assert result(run) == list(range(10))
    assert fanout.is_over(the_step(run, "root").id)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_map_that_is_paused_in_the_middle_goes_on_where_it_was(
    engine: Engine, script: Script, reverse: bool
) -> None:
    run = engine.start("roots", input={"items": list(range(6))})
    script.tell("root[1]", meanwhile(pause, run.id, actor="ann"))
    engine.work()
    before = items(run, "root").count("succeeded")

    resume(run.id, actor="ann")
    engine.work(reversed_order if reverse else in_order)

    assert 0 < before < 6
    assert result(run) == list(range(6))
    assert len(script.calls) == len(set(script.calls))


def test_a_map_at_work_cannot_be_skipped(engine: Engine) -> None:
    run = engine.start("roots", input={"items": [1, 2]})
    Step.objects.filter(run=run, item=0).update(
        state="running", lease_until=timezone.now(), worker="other/1"
    )

    with pytest.raises(NotPossible, match="is running"):
        skip(run.id, "root", actor="ann", reason="enough")


def test_a_map_that_is_skipped_leaves_no_open_item(engine: Engine, script: Script) -> None:
    run = engine.start("roots", input={"items": [1, 2]})

    skip(run.id, "root", actor="ann", reason="enough")
    engine.work()

    assert items(run, "root") == ["cancelled", "cancelled"]
    assert fresh(run).state == "failed", "found() has nothing to work on"
    assert script.calls == []


def test_a_map_takes_no_result_from_a_person(engine: Engine) -> None:
    run = engine.start("roots", input={"items": [1, 2]})

    with pytest.raises(NotPossible, match="for each item"):
        supply(run.id, "root", [1, 2], actor="ann")


def test_a_run_whose_items_are_worked_on_says_so(engine: Engine, script: Script) -> None:
    run = engine.start("squares", input={"items": [3, 4]})
    seen: list[str] = []

    def look() -> int:
        seen.append(fresh(run).state)
        return 1

    script.tell("square[3]", look)
    script.tell("square[4]", look)
    engine.work()

    assert seen == ["running", "running"]
