"""Effects that happen once: in doubt, looked up, decided by a person; never repeated blindly."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.execution.answer import answer
from aiops.execution.resume import NotPossible, retry
from aiops.flow import Absent, Ambiguous, PermanentInput, StepError, Transient, Unsure
from aiops.models import Attempt
from tests.execution.engine import (
    COMMITS,
    Engine,
    fresh,
    question,
    result,
    the_step,
    time_passes,
)
from tests.flows.script import Script

pytestmark = COMMITS


def waited(engine: Engine, run: Any, times: int = 1) -> None:
    for _ in range(times):
        time_passes(run)
        engine.work()


def test_an_effect_that_may_have_happened_is_asked_about(engine: Engine, script: Script) -> None:
    script.tell("pay", Ambiguous("no answer"))

    run = engine.run("paid_blindly")

    assert (question(run).kind, the_step(run, "pay").in_doubt) == ("in_doubt", True)
    assert question(run).answers == ["it_happened", "it_did_not", "cancel"]


def test_a_plain_retry_of_a_doubtful_effect_is_refused(engine: Engine, script: Script) -> None:
    script.tell("pay", Ambiguous("no answer"))
    run = engine.run("paid_blindly")

    with pytest.raises(NotPossible, match="may have happened"):
        retry(run.id, actor="ann")

    assert script.times("pay") == 1


def test_it_happened_goes_on_with_the_result(engine: Engine, script: Script) -> None:
    script.tell("pay", Ambiguous("no answer"))
    run = engine.run("paid_blindly")

    answer(question(run).id, "it_happened", actor="ann", result="paid at noon")
    engine.work()

    assert result(run) == "thanks, paid at noon"
    assert script.times("pay") == 1


def test_it_did_not_happen_runs_it_again(engine: Engine, script: Script) -> None:
    script.tell("pay", Ambiguous("no answer"))
    run = engine.run("paid_blindly")

    answer(question(run).id, "it_did_not", actor="ann")
    engine.work()

    assert (fresh(run).state, script.times("pay")) == ("succeeded", 2)


def test_an_effect_that_never_left_may_be_retried(engine: Engine, script: Script) -> None:
    script.tell("pay", Transient("refused"))
    run = engine.run("paid_blindly")

    retry(run.id, actor="ann")
    engine.work()

    assert fresh(run).state == "succeeded"


def test_a_look_up_that_finds_it_gives_the_result(engine: Engine, script: Script) -> None:
    script.tell("charge", Ambiguous("no answer"))
    script.tell("look_for_the_charge", "charged at noon")
    run = engine.run("charged")

    waited(engine, run)

    assert result(run) == "you were charged at noon"
    assert script.times("charge") == 1


def test_a_look_up_that_finds_it_is_an_attempt_of_its_own_kind(
    engine: Engine, script: Script
) -> None:
    script.tell("charge", Ambiguous("no answer"))
    script.tell("look_for_the_charge", "charged at noon")
    run = engine.run("charged")

    waited(engine, run)

    step = the_step(run, "charge")
    outcomes = Attempt.objects.filter(step=step).order_by("number")
    assert list(outcomes.values_list("outcome", "sent")) == [
        ("failed", "maybe"),
        ("reconciled", "yes"),
    ]


def test_a_look_up_that_finds_nothing_does_it(engine: Engine, script: Script) -> None:
    script.tell("charge", Ambiguous("no answer"))
    script.tell("look_for_the_charge", Absent())
    run = engine.run("charged")

    waited(engine, run)

    assert result(run) == "you were charged"
    assert script.times("charge") == 2


def test_a_look_up_that_cannot_tell_asks_a_person(engine: Engine, script: Script) -> None:
    script.tell("charge", Ambiguous("no answer"))
    script.tell("look_for_the_charge", Unsure())
    run = engine.run("charged")

    waited(engine, run)

    assert (question(run).kind, script.times("charge")) == ("in_doubt", 1)


def test_a_look_up_that_fails_is_repeated(engine: Engine, script: Script) -> None:
    script.tell("charge", Ambiguous("no answer"))
    script.tell("look_for_the_charge", ConnectionError("away"), "charged at noon")
    run = engine.run("charged")

    waited(engine, run, 2)

    assert result(run) == "you were charged at noon"


def test_a_look_up_that_always_fails_asks_a_person(engine: Engine, script: Script) -> None:
    script.tell("charge", Ambiguous("no answer"))
    script.tell("look_for_the_charge", *[ConnectionError("away")] * 9)
    run = engine.run("charged")

    waited(engine, run, 9)

    assert question(run).kind == "in_doubt"
    assert script.times("charge") == 1


def test_an_effect_that_is_lost_again_and_again_asks_a_person(
    engine: Engine, script: Script
) -> None:
    script.tell("charge", *[Ambiguous("no answer")] * 20)
    script.tell("look_for_the_charge", *[Absent()] * 20)
    run = engine.run("charged")

    waited(engine, run, 10)

    assert question(run).kind == "in_doubt"
    assert script.times("charge") <= 5


def test_a_look_up_whose_code_is_gone_leaves_the_doubt(
    engine: Engine, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.tell("charge", Ambiguous("no answer"))
    run = engine.start("charged")
    engine.deliver(engine.letters.pop())
    with monkeypatch.context() as patch:
        patch.delattr("tests.flows.effects.charge")
        engine.work()
        waited(engine, run, 9)

    assert the_step(run, "charge").in_doubt
    assert question(run).kind == "in_doubt"


def test_a_person_may_mark_a_doubtful_effect_with_a_fitting_result_only(
    engine: Engine, script: Script
) -> None:
    script.tell("pay", Ambiguous("no answer"))
    run = engine.run("paid_blindly")

    with pytest.raises(NotPossible, match="not a result"):
        answer(question(run).id, "it_happened", actor="ann", result=5)

    assert question(run).state == "open"


def test_an_effect_that_succeeded_is_recorded_as_sent(engine: Engine) -> None:
    run = engine.run("paid_blindly")

    assert Attempt.objects.get(step=the_step(run, "pay")).sent == "yes"


@pytest.mark.parametrize("error", [PermanentInput("no such account"), Transient("refused")])
def test_an_effect_that_was_refused_is_recorded_as_not_sent(
    engine: Engine, script: Script, error: StepError
) -> None:
    script.tell("pay", error)

    run = engine.run("paid_blindly")

    assert Attempt.objects.get(step=the_step(run, "pay")).sent == "no"
