"""How urgent a question is, when its answer is due, who hears of it next."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aiops.execution import escalate, urgency
from aiops.models import EscalationKind
from tests.execution.orders import NOON

LADDER = ("approver", "admin")
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("kind", "effect", "priority", "severity"),
    [
        ("approval", "pure", "interactive", "normal"),
        ("approval", "once", "interactive", "normal"),
        ("in_doubt", "once", "interactive", "high"),
        ("in_doubt", "once", "batch", "normal"),
        ("lane", "pure", "interactive", "high"),
        ("bug", "pure", "interactive", "normal"),
        ("bug", "once", "interactive", "high"),
        ("bug", "pure", "batch", "low"),
    ],
)
def test_severity_follows_from_what_a_question_is_about(
    kind: str, effect: str, priority: str, severity: str
) -> None:
    assert urgency.severity(kind, effect=effect, priority=priority) == severity


def test_what_the_workflow_declares_is_its_severity() -> None:
    found = urgency.severity("in_doubt", effect="once", priority="batch", declared="critical")

    assert found == "critical"


@pytest.mark.parametrize("kind", EscalationKind.values)
def test_every_kind_of_question_has_a_due_time_and_answers(kind: str) -> None:
    assert urgency.due(kind, NOON) > NOON
    assert escalate.ANSWERS[kind]


def nudge(after_h: float, **fields: object) -> urgency.Nudge:
    given = {"group": "approver", "level": 0, "if_nobody": "wait", **fields}
    return urgency.nudge(
        opened_at=NOON,
        due_at=NOON + 4 * HOUR,
        now=NOON + after_h * HOUR,
        ladder=LADDER,
        **given,  # type: ignore[arg-type]  # names and values are those of the function
    )


def test_people_are_reminded_before_it_is_due_and_when_it_is() -> None:
    before = urgency.first_reminder(NOON, NOON + 4 * HOUR)
    first, second = nudge(3), nudge(4)

    assert before == NOON + 3 * HOUR
    assert (first.about, first.remind_at) == ("reminder", NOON + 4 * HOUR)
    assert (second.about, second.remind_at) == ("reminder", NOON + 5 * HOUR)


def test_a_late_question_is_handed_up_and_then_reminded_of_again_and_again() -> None:
    up = nudge(5)
    top = nudge(9, group=up.group, level=up.level)

    assert (up.about, up.group, up.level) == ("handed_up", "admin", 1)
    assert up.remind_at == NOON + 9 * HOUR
    assert (top.about, top.group, top.level) == ("reminder", "admin", 1)
    assert top.remind_at == NOON + 13 * HOUR


def test_after_an_outage_a_late_question_is_handed_up_at_once() -> None:
    assert nudge(30).about == "handed_up"


@pytest.mark.parametrize("if_nobody", ["approve", "reject"])
def test_a_question_that_silence_answers_is_reminded_of_once(if_nobody: str) -> None:
    found = nudge(3, if_nobody=if_nobody)

    assert (found.about, found.remind_at) == ("reminder", None)


@pytest.mark.parametrize(
    ("group", "up"),
    [("approver", "admin"), ("admin", "admin"), ("support", "approver"), ("", "approver")],
)
def test_a_group_has_another_above_it(group: str, up: str) -> None:
    assert urgency.above(group, LADDER) == up


def test_without_a_ladder_nobody_is_above() -> None:
    assert urgency.above("support", ()) == "support"


@pytest.mark.parametrize(
    ("kind", "effect", "sent", "answers"),
    [
        ("bug", "pure", "yes", ("retry", "supply", "skip", "cancel")),
        ("bug", "once", "no", ("retry", "supply", "skip", "cancel")),
        ("bug", "once", "maybe", ("it_happened", "it_did_not", "cancel")),
        ("bug", "once", "yes", ("it_happened", "cancel")),
        ("in_doubt", "once", "maybe", ("it_happened", "it_did_not", "cancel")),
        ("in_doubt", "once", "yes", ("it_happened", "cancel")),
        ("by_hand", "once", "", ("it_happened", "it_did_not", "cancel")),
        ("retries_used_up", "idempotent", "yes", ("retry", "supply", "skip", "cancel")),
    ],
)
def test_what_may_be_answered_depends_on_what_went_out(
    kind: str, effect: str, sent: str, answers: tuple[str, ...]
) -> None:
    assert escalate.allowed(escalate.ANSWERS[kind], kind, effect, sent) == answers
