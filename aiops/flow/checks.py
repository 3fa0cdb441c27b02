"""Checks of what a step has made: plain functions over plain data, each with what it found and what shows it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

#: Of what was found, so many pieces of so many characters are kept.
MOST_EVIDENCE = 10
MOST_CHARS = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    `told` says it without the content, for everybody; `evidence` may show pieces of the content, and is
    shown to who may see it, and to the model that is asked again.
    """

    check: str
    passed: bool
    told: str = ""
    #: The share that is right: 1.0 is all of it.
    score: float = 1.0
    evidence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pieces = (" ".join(piece.split()) for piece in self.evidence[:MOST_EVIDENCE])
        shown = tuple(p if len(p) <= MOST_CHARS else f"{p[: MOST_CHARS - 1]}…" for p in pieces)
        object.__setattr__(self, "evidence", shown)


def fits(value: Any, schema: type[BaseModel]) -> Finding:
    """Whether data, or a text of JSON, fits a pydantic model."""
    read = schema.model_validate_json if isinstance(value, str | bytes) else schema.model_validate
    try:
        read(value)
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        told = f"{len(wrong)} fields do not fit {schema.__name__}"
        return Finding("fits", False, told, 0.0, tuple(wrong))
    return Finding("fits", True)


def citations_exist(cited: Iterable[str], known: Collection[str], *, at_least: int = 1) -> Finding:
    """Whether every source that is cited is one that was given, and enough are."""
    named = list(cited)
    strange = [one for one in named if one not in known]
    if len(named) < at_least:
        told = f"{len(named)} sources are cited, and {at_least} are needed"
        return Finding("citations_exist", False, told, 0.0)
    return _of_all(
        "citations_exist", named, strange, "sources that are cited were not among those given"
    )


def verbatim(quotes: Iterable[str], sources: Iterable[str]) -> Finding:
    """Whether every quote stands in a source word for word; spaces and the kind of marks do not count."""
    texts = [_plain(source) for source in sources]
    named = list(quotes)
    wrong = [quote for quote in named if not _is_in(_plain(quote), texts)]
    return _of_all("verbatim", named, wrong, "quotes do not stand in the sources word for word")


def numbers_match(text: str, sources: Iterable[str]) -> Finding:
    """Whether every number of a text is in the sources too, however it is written (1,250.00 is 1250)."""
    known = {number for source in sources for number in _numbers(source).values()}
    found = _numbers(text)
    wrong = [written for written, number in found.items() if number not in known]
    return _of_all("numbers_match", list(found), wrong, "numbers are not in the sources")


def forbidden(text: str, phrases: Iterable[str | re.Pattern[str]]) -> Finding:
    """Whether a text is free of phrases (whole words, whatever the case) and patterns."""
    named = list(phrases)
    found = [match.group() for one in named if (match := _pattern(one).search(text))]
    return _of_all("forbidden", named, found, "phrases that are forbidden are in the text")


def _of_all(check: str, named: Sequence[object], wrong: Sequence[str], what: str) -> Finding:
    score = 1.0 if not named else 1 - len(wrong) / len(named)
    told = f"{len(wrong)} of {len(named)} {what}" if wrong else ""
    return Finding(check, not wrong, told, round(score, 4), tuple(wrong))


def _is_in(quote: str, texts: Sequence[str]) -> bool:
    return bool(quote) and any(quote in text for text in texts)


_MARKS = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-"})


def _plain(text: str) -> str:
    return " ".join(text.translate(_MARKS).split())


#: With groups of three digits, or without; not inside a word such as "A4".
_NUMBER = re.compile(
    r"(?<![\w.])\d{1,3}(?:[,\u00a0\u202f']\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.])\d+(?:\.\d+)?(?!\w)"
)


def _numbers(text: str) -> dict[str, str]:
    """The numbers of a text as they are written, with the one way to write them."""
    return {match.group(): _normal(match.group()) for match in _NUMBER.finditer(text)}


def _normal(written: str) -> str:
    digits = re.sub(r"[^\d.]", "", written)
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return digits.lstrip("0") or "0"


def _pattern(phrase: str | re.Pattern[str]) -> re.Pattern[str]:
    if isinstance(phrase, re.Pattern):
        return phrase
    words = r"\s+".join(map(re.escape, phrase.split()))
    return re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)
