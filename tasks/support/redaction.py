"""What no model needs to know: addresses, telephone, card and account numbers become marks."""

from __future__ import annotations

import re

from aiops.providers.redact import is_luhn

#: In this order: an account number holds what looks like a telephone number.
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("e-mail", re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")),
    ("iban", re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b")),
    ("card", re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")),
    (
        "phone",
        re.compile(
            r"(?<![\w+])(?:(?:\+|00)\d{1,3}|\(?0\d{1,5}\)?)(?:[ ./-]?\(?\d{1,5}\)?){2,6}(?!\w)"
            r"|(?<!\w)\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\w)"
        ),
    ),
)
#: A shorter one is a date, a price or the number of a house.
PHONE_DIGITS = 8


def redacted(text: str) -> str:
    """Put a mark such as "[card]" in place of each; what is redacted already stays as it is."""
    for kind, pattern in _KINDS:
        text = pattern.sub(lambda found, kind=kind: _mark(kind, found[0]), text)  # type: ignore[misc]  # the loop's own
    return text


def marks(text: str) -> list[str]:
    """The marks in a text, each once, in their order here."""
    return [kind for kind, _ in _KINDS if f"[{kind}]" in text]


def private(text: str) -> list[str]:
    """The kinds of private data that a text holds, marks not counted."""
    after = redacted(text)
    return [kind for kind, _ in _KINDS if after.count(f"[{kind}]") > text.count(f"[{kind}]")]


def _mark(kind: str, found: str) -> str:
    digits = re.sub(r"\D", "", found)
    is_it = {
        "card": lambda: is_luhn(digits),
        "phone": lambda: len(digits) >= PHONE_DIGITS,
    }.get(kind, lambda: True)()
    return f"[{kind}]" if is_it else found
