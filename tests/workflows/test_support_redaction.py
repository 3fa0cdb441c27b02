"""Redaction: what is private becomes a mark, and what only looks so stays."""

from __future__ import annotations

import pytest

from tasks.support.redaction import marks, private, redacted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Write to ada.k+1@mail.home.example, please.", "Write to [e-mail], please."),
        ("Card 4111 1111 1111 1111!", "Card [card]!"),
        ("4111-1111-1111-1111", "[card]"),
        ("378282246310005 is an amex", "[card] is an amex"),
        ("IBAN DE89370400440532013000.", "IBAN [iban]."),
        ("GB82 WEST 1234 5698 7654 32 is mine", "[iban] is mine"),
        ("Call +49 (0)170 1234567 or 555-867-5309", "Call [phone] or [phone]"),
        ("Call 0170/1234567.", "Call [phone]."),
        ("(555) 867-5309", "[phone]"),
    ],
)
def test_what_is_private_becomes_a_mark(text: str, kept: str) -> None:
    assert redacted(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "On 2026-11-22 at 10:30 I paid 1,234.56 for order 58333.",
        "4111 1111 1111 1112 fits no card",
        "Room 0815, 2 nights, 3.5 stars",
        "A [card] and a [phone] stay marks",
        "",
    ],
)
def test_what_only_looks_private_stays(text: str) -> None:
    assert redacted(text) == text


def test_redacting_twice_changes_nothing() -> None:
    once = redacted("ada@b.example, 4111 1111 1111 1111, DE89370400440532013000, +49 170 1234567")

    assert redacted(once) == once
    assert marks(once) == ["e-mail", "iban", "card", "phone"]
    assert private(once) == []


def test_marks_are_not_private_and_what_stands_beside_one_is() -> None:
    assert private("[e-mail] and bob@b.example") == ["e-mail"]
