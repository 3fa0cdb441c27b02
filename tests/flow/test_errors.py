"""Every exception becomes plain data that says what it means."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ValidationError

from aiops.flow import errors
from aiops.flow.errors import ErrorRecord, StepError, describe, fingerprint, normalised

UNTIL = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Model(BaseModel):
    n: int


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"n": "x"})
    return caught.value


@pytest.mark.parametrize(
    ("error", "word", "sent"),
    [
        (errors.Transient("m"), "transient", "no"),
        (errors.RateLimited("m"), "rate_limited", "no"),
        (errors.Ambiguous("m"), "ambiguous", "maybe"),
        (errors.TimedOut("m"), "ambiguous", "maybe"),
        (errors.BadOutput("m"), "bad_output", "yes"),
        (errors.PermanentInput("m"), "permanent_input", "no"),
        (errors.LaneStopped("m"), "lane_stopped", "no"),
        (errors.BudgetSpent("m"), "budget_spent", "no"),
        (errors.NeedsHuman("m"), "needs_human", "no"),
        (errors.Cancelled("m"), "cancelled", "maybe"),
        (errors.CodeGone("m"), "code_gone", "no"),
        (StepError("m"), "bug", "maybe"),
        (KeyError("m"), "bug", "maybe"),
        (ConnectionRefusedError("m"), "transient", "no"),
        (socket.gaierror("m"), "transient", "no"),
        (ConnectionResetError("m"), "transient", "maybe"),
        (TimeoutError("m"), "ambiguous", "maybe"),
        (OSError("m"), "bug", "maybe"),
        (invalid(), "bug", "maybe"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_exception_is_described_by_its_word(error: Exception, word: str, sent: str) -> None:
    record = describe(error)

    assert (record.word, record.sent) == (word, sent)
    assert record.type == type(error).__name__


def test_the_one_who_raises_knows_best_whether_it_was_sent() -> None:
    assert describe(errors.Transient("500", sent="maybe")).sent == "maybe"


def test_what_a_class_adds_is_kept() -> None:
    limited = describe(errors.RateLimited("slow down", until=UNTIL, after_s=3.5, code="429"))
    gateway = describe(errors.BadOutput("html", kind="gateway"))
    quota = describe(errors.LaneStopped("no money", kind="quota"))
    asked = describe(errors.NeedsHuman("Which account?"))

    assert (limited.until, limited.after_s, limited.code) == (UNTIL, 3.5, "429")
    assert (gateway.kind, quota.kind) == ("gateway", "quota")
    assert (asked.question, asked.message) == ("Which account?", "Which account?")


@pytest.mark.parametrize(
    "error",
    [errors.RateLimited("slow", until=UNTIL, code="429"), ValueError("bad \x00 \ud800 text")],
    ids=["with a time", "with characters that databases refuse"],
)
def test_a_record_survives_json(error: Exception) -> None:
    record = describe(error, "send")

    text = json.dumps(record.to_json(), ensure_ascii=False)

    assert ErrorRecord.from_json(json.loads(text.encode())) == record
    assert "\x00" not in record.message


def test_a_long_traceback_keeps_its_beginning_and_its_end() -> None:
    record = describe(ValueError("é" * 9_000 + "the end"))

    assert len(record.traceback.encode()) <= 8_192
    assert "... (shortened) ..." in record.traceback
    assert record.traceback.rstrip().endswith("the end")
    assert len(record.message) == 2_000


def test_a_traceback_shows_the_line_that_failed() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 // 0

    assert "1 // 0" in describe(caught.value).traceback


def test_a_group_of_one_is_that_one() -> None:
    group = ExceptionGroup("tasks", [ExceptionGroup("inner", [errors.Transient("503")])])

    assert describe(group).word == "transient"


def test_a_group_of_several_is_a_bug() -> None:
    group = ExceptionGroup("tasks", [errors.Transient("503"), KeyError("x")])

    assert (describe(group).word, describe(group).type) == ("bug", "ExceptionGroup")


@pytest.mark.parametrize(
    ("message", "other"),
    [
        ("order 12 has 3.5 kg", "order 99,000 has 1e-3 kg"),
        (
            "no row 6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "no row 7f9619ff-8b86-d011-b42d-00cf4fc964fe",
        ),
        ("at 0x7f3a2b of deadbeef01", "at 0x55aa11 of cafebabe99"),
        ("cannot parse 'Alice'", "cannot parse 'Bob B.'"),
        ('cannot parse "Alice"', 'cannot parse "Bob"'),
        ("mail to a.b+c@example.org failed", "mail to zoe@mail.example.com failed"),
        ("no file /srv/data/a.pdf", "no file /tmp/x/y/z.txt"),
        ("no file C:\\data\\a.pdf", "no file D:\\b.pdf"),
        ("GET https://a.example/x?id=1 gave 502", "GET https://b.example/ gave 502"),
        ("request req_011CSHoEeqs5C35K failed", "request req_022XYZoEeqs5C77K failed"),
        ("too   many\n lines", "too many lines"),
    ],
)
def test_failures_that_differ_in_data_have_one_fingerprint(message: str, other: str) -> None:
    assert normalised(message) == normalised(other)
    assert fingerprint("send", "bug", "", message) == fingerprint("send", "bug", "", other)


@pytest.mark.parametrize(
    "other",
    [
        ("draft", "transient", "503", "it is busy"),
        ("send", "ambiguous", "503", "it is busy"),
        ("send", "transient", "500", "it is busy"),
        ("send", "transient", "503", "it is down"),
    ],
)
def test_failures_that_differ_in_kind_have_fingerprints_of_their_own(
    other: tuple[str, str, str, str],
) -> None:
    assert fingerprint(*other) != fingerprint("send", "transient", "503", "it is busy")


def test_an_apostrophe_is_no_quotation_mark() -> None:
    assert normalised("can't reach the user's bank") == "can't reach the user's bank"


def test_bugs_of_two_classes_are_two_causes() -> None:
    assert describe(KeyError("a")).fingerprint != describe(ValueError("'a'")).fingerprint


def test_a_fingerprint_is_16_hex_digits_and_quick_on_long_messages() -> None:
    found = fingerprint("send", "bug", "", "a" * 1_000_000)

    assert len(found) == 16
    assert int(found, 16) >= 0
