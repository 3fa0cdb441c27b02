"""The commands of an operator: each does one thing, tells who did it, and refuses with a way out."""

from __future__ import annotations

import getpass

import pytest
from django.core.management.base import CommandError

from aiops.management.acting import actor
from aiops.models import Escalation, Event, Run, Step
from tests.execution.orders import ask, begun, done, edit, set_run, stop_at
from tests.management.calling import refusal, said

pytestmark = pytest.mark.django_db


def state(run: Run) -> str:
    return Run.objects.values_list("state", flat=True).get(id=run.id)


def step_state(run: Run, name: str) -> str:
    return Step.objects.values_list("state", flat=True).get(run=run, name=name, map__isnull=True)


def event(run: Run, kind: str) -> Event:
    return Event.objects.filter(run=run, kind=kind).latest("id")


def asked(run: Run) -> str:
    return str(Escalation.objects.get(run=run, state="open").id)


def approvable() -> Run:
    run = begun()
    done(run, "read", "pack")
    edit(run, "agree", state="waiting", reason="approval", dispatch_due=None)
    ask(run, "agree", "approval", question="Ship it?")
    return run


def test_the_actor_is_the_name_at_the_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")

    assert actor() == "cli:ann"


@pytest.mark.parametrize("error", [KeyError("uid"), OSError("no name")])
def test_an_actor_without_a_name_is_still_told_from_the_engine(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)

    assert actor() == "cli:unknown"


def test_retry_runs_failed_steps_again_and_keeps_what_succeeded() -> None:
    run = begun()
    stop_at(run, "notify")

    told = said("retry", str(run.id), "--reason", "mended")

    assert told == f"Run {run.id} runs again: notify.\n"
    assert step_state(run, "notify") == "queued"
    assert step_state(run, "charge") == "succeeded"
    assert event(run, "run.retried").actor == actor()
    assert event(run, "run.retried").data["reason"] == "mended"


def test_retry_refuses_a_doubt_and_changes_nothing() -> None:
    run = begun()
    stop_at(run, "charge", state="attention", sent="maybe", in_doubt=True)

    told = refusal("retry", str(run.id))

    assert "answer its question first" in told
    assert told.endswith("Nothing was changed.")
    assert step_state(run, "charge") == "attention"


def test_retry_from_a_step_runs_it_and_what_follows() -> None:
    run = begun()
    stop_at(run, "notify")

    told = said("retry", str(run.id), "--from", "charge", "--override", "--reason", "paid back")

    assert told.endswith("charge, notify.\n")
    assert step_state(run, "charge") == "queued"
    assert step_state(run, "notify") == "pending"


def test_what_went_out_is_repeated_only_on_request_and_with_a_reason() -> None:
    run = begun()
    stop_at(run, "notify")

    assert "went out already" in refusal("retry", str(run.id), "--from", "charge")
    override = refusal("retry", str(run.id), "--from", "charge", "--override")
    assert override.endswith("it needs --from STEP and a --reason")
    assert "--from STEP" in refusal("retry", str(run.id), "--override", "--reason", "x")
    assert step_state(run, "charge") == "succeeded"


def test_retry_takes_steps_or_a_start_but_not_both() -> None:
    run = begun()

    assert "not allowed" in refusal("retry", str(run.id), "--step", "read", "--from", "read")


def test_an_unknown_step_is_answered_with_the_steps_there_are() -> None:
    run = begun()
    stop_at(run, "notify")

    told = refusal("retry", str(run.id), "--step", "notfy")

    assert "its steps are read, pack, agree, charge, notify" in told


def test_cancel_stops_a_run_with_a_reason() -> None:
    run = begun()

    told = said("cancel", str(run.id), "--reason", "not wanted")

    assert told == f"Run {run.id} is cancelled.\n"
    assert state(run) == "cancelled"
    assert "required: --reason" in refusal("cancel", str(run.id))


def test_cancel_now_takes_a_running_step_away() -> None:
    run = begun()
    set_run(run, state="running")
    lease = {"lease_until": run.created_at, "started_at": run.created_at}
    edit(run, "read", state="running", reason="lease", worker="io@a/1", **lease)

    asked_to = said("cancel", str(run.id), "--reason", "x")
    taken = said("cancel", str(run.id), "--reason", "x", "--now")

    assert asked_to.endswith("is cancelling.\n")
    assert taken.endswith("is cancelled.\n")


def test_approve_answers_what_the_run_asks() -> None:
    run = approvable()

    told = said("approve", str(run.id), "--note", "fine")

    assert told == f"Approved: Ship it? (run {run.id})\n"
    assert step_state(run, "charge") == "queued"
    answered = Escalation.objects.get(run=run)
    assert (answered.answer, answered.answered_by, answered.note) == ("approve", actor(), "fine")


def test_a_rejection_needs_its_reason_and_stops_the_run() -> None:
    run = approvable()

    assert "--note" in refusal("approve", str(run.id), "--reject")
    assert said("approve", str(run.id), "--reject", "--note", "wrong").startswith("Rejected")
    assert state(run) == "cancelled"


def test_approve_points_to_answer_for_any_other_question() -> None:
    run = begun()
    stop_at(run, "charge", state="attention", sent="maybe", in_doubt=True)
    ask(run, "charge")

    told = refusal("approve", asked(run))

    assert f"manage.py answer {asked(run)} it_happened|it_did_not|cancel" in told


def test_answer_marks_as_done_what_happened() -> None:
    run = begun()
    stop_at(run, "charge", state="attention", sent="maybe", in_doubt=True)
    ask(run, "charge")

    told = said("answer", asked(run), "it_happened", "--result", '"paid"', "--note", "bank says so")

    assert told.startswith("Answered it_happened: Did it happen?")
    assert step_state(run, "charge") == "succeeded"
    assert step_state(run, "notify") == "queued"


def test_an_answer_that_is_not_allowed_names_those_that_are() -> None:
    run = begun()
    stop_at(run, "charge", state="attention", sent="maybe", in_doubt=True)
    ask(run, "charge")

    told = refusal("answer", asked(run), "retry")

    assert "it_happened, it_did_not, cancel" in told
    assert step_state(run, "charge") == "attention"


def test_an_answer_takes_a_result_where_it_means_something() -> None:
    run = begun()
    stop_at(run, "read", state="attention")
    ask(run, "read", "retries_used_up")

    assert "add --result" in refusal("answer", asked(run), "supply")
    assert "takes no --result" in refusal("answer", asked(run), "retry", "--result", "1")


def test_the_second_of_two_answers_is_refused() -> None:
    run = approvable()
    escalation = asked(run)
    said("answer", escalation, "approve")

    told = refusal("answer", escalation, "reject", "--note", "late")

    assert f"it is answered by {actor()}: approve" in told


def test_pause_holds_a_run_and_resume_lets_it_go_on() -> None:
    run = begun()

    said("pause", str(run.id), "--reason", "lunch")
    is_held = Run.objects.get(id=run.id).paused_at is not None
    said("resume", str(run.id))

    assert is_held
    assert Run.objects.get(id=run.id).paused_at is None
    assert event(run, "run.paused").data["reason"] == "lunch"
    assert "is not paused" in refusal("resume", str(run.id))


def test_skip_leaves_a_step_out_for_a_reason() -> None:
    run = begun()
    stop_at(run, "notify")

    told = said("skip", str(run.id), "notify", "--reason", "told by phone")

    assert told == f"notify of run {run.id} is left out.\n"
    assert state(run) == "partial"
    assert "required: --reason" in refusal("skip", str(run.id), "notify")


def test_supply_gives_a_result_that_fits() -> None:
    run = begun()
    stop_at(run, "charge")

    misfit = refusal("supply", str(run.id), "charge", "--result", "[1]", "--reason", "x")
    said("supply", str(run.id), "charge", "--result", '"paid"', "--reason", "paid in cash")

    assert "this is not a result of charge" in misfit
    assert Step.objects.get(run=run, name="charge").result == "paid"
    assert event(run, "step.supplied").data["reason"] == "paid in cash"


def test_replay_starts_a_new_run_that_keeps_earlier_results() -> None:
    run = begun()
    stop_at(run, "charge")

    new = Run.objects.get(id=said("replay", str(run.id), "--from", "charge").strip())

    assert new.replay_of_id == run.id
    assert new.started_by == actor()
    assert step_state(new, "agree") == "succeeded"
    assert step_state(new, "charge") == "queued"


def test_replay_takes_another_input() -> None:
    run = begun()

    new = Run.objects.get(id=said("replay", str(run.id), "--input", '{"id": "B2"}').strip())

    assert new.input == {**(run.input or {}), "id": "B2"}
    assert "is not JSON" in refusal("replay", str(run.id), "--input", "{")


def test_run_starts_a_run_and_prints_its_id() -> None:
    told = said("run", "answers_order", "--input", '{"id": "A7"}', "--title", "Order A7")

    run = Run.objects.get(id=told.strip())
    assert (run.title, run.started_by) == ("Order A7", actor())
    assert run.input is not None
    assert run.input["id"] == "A7"


def test_run_of_the_same_key_is_the_same_run() -> None:
    first = said("run", "answers_order", "--key", "k1")
    second = said("run", "answers_order", "--key", "k1")

    assert first == second
    rejected = refusal("run", "answers_order", "--key", "k1", "--if-exists", "reject")
    assert f"has run {first.strip()}" in rejected


def test_run_refuses_what_cannot_be_run_and_says_what_can() -> None:
    assert "did you mean 'answers_order'?" in refusal("run", "answers_ordr")
    assert "lines" in refusal("run", "answers_order", "--input", '{"lines": 3}')
    assert "invalid choice" in refusal("run", "answers_order", "--priority", "urgent")
    assert Run.objects.count() == 0


def test_run_waits_until_the_end_and_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def end() -> None:
        run = Run.objects.get()
        done(run, "read", "pack", "agree", "charge", "notify")
        set_run(run, state="succeeded", finished_at=run.created_at)

    monkeypatch.setattr("aiops.management.commands.run.pause", end)

    told = said("run", "answers_order", "--wait")

    assert "1. State   Succeeded" in told


def test_a_wait_for_a_person_or_a_failure_ends_with_its_own_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        stop_at(Run.objects.get(key="f"), "charge")

    def need() -> None:
        ask(Run.objects.get(key="p"), "read", "question")

    codes = []
    for key, happens in (("f", fail), ("p", need)):
        monkeypatch.setattr("aiops.management.commands.run.pause", happens)
        with pytest.raises(CommandError) as caught:
            said("run", "answers_order", "--key", key, "--wait")
        codes.append(caught.value.returncode)

    assert codes == [1, 3]


def test_a_wait_that_takes_too_long_says_that_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aiops.management.commands.run.pause", lambda: None)

    told = refusal("run", "answers_order", "--wait", "--timeout-s", "0.001")

    assert "is queued after 0.001 s, and goes on" in told


@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("retry",),
        ("cancel", "--reason", "x"),
        ("approve",),
        ("pause",),
        ("resume",),
        ("replay",),
        ("skip", "read", "--reason", "x"),
        ("supply", "read", "--result", "1", "--reason", "x"),
    ],
)
def test_every_verb_refuses_a_run_that_is_not_there(command: tuple[str, ...]) -> None:
    name, *rest = command

    assert "there is no run 0000" in refusal(name, "00000000", *rest)
