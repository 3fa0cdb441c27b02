"""Taking personal data and keys out of a text before it is kept. Pure, and linear in the text's length.

What is replaced is named: `<email>`, `<phone>`, `<card>`, `<iban>`, `<key>`. Names, addresses and what
only its meaning gives away stay: no pattern finds those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Replace = Callable[[re.Match[str]], str]


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without what the patterns find, and without these `secrets` as they stand."""
    text = without_secrets(text, secrets)
    for pattern, replace in _KEYS:
        text = pattern.sub(replace, text)
    return _PHONE.sub(_phone, _without_numbers(text))


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets; a shorter one than four characters would be found everywhere."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "<key>")
    return text


def is_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of a card's number."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Whether a text without spaces is an IBAN: ISO 13616, by its check digits."""
    if len(text) != _IBAN_LENGTHS.get(text[:2]):
        return False
    turned = text[4:] + text[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _without_numbers(text: str) -> str:
    """Without IBANs and cards, whatever digits stand around them."""
    kept: list[str] = []
    at = 0
    for start in _NUMBER_STARTS.finditer(text):
        if start.start() < at:
            continue
        end, word = _number_at(text, start.start())
        if word:
            kept += [text[at : start.start()], word]
            at = end
    return "".join([*kept, text[at:]])


def _number_at(text: str, start: int) -> tuple[int, str]:
    """Where the longest number ends that begins here, and what it is; "" for none."""
    for pattern, word, is_one in (
        (_IBAN, "<iban>", is_iban),
        (_CARD, "<card>", _is_card),
    ):
        found = pattern.match(text, start)
        for end in range(found.end() if found else start, start + 12, -1):
            is_cut = text[end - 1] in " -" or text[end : end + 1].isalnum()
            if not is_cut and is_one(re.sub(r"[ -]", "", text[start:end])):
                return end, word
    return start, ""


def _is_card(digits: str) -> bool:
    return 13 <= len(digits) <= 19 and digits.strip("0") != "" and is_luhn(digits)


#: Where a number may begin, and how people group it.
_NUMBER_STARTS = re.compile(r"(?<![^\W_])(?:[A-Z]{2}\d{2}|\d{4})")
_IBAN = re.compile(
    r"[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|([ -])[A-Z0-9]{4}(?:\1[A-Z0-9]{4}){1,6}(?:\1[A-Z0-9]{1,4})?)"
)
_CARD = re.compile(
    r"\d{13,19}|\d{4}(?:([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|([ -])\d{6}\2\d{4,5})",
    re.ASCII,
)
#: By country.
_IBANS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 "
    "EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 "
    "KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 "
    "PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 "
    "VG24 XK20"
)
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBANS.split()}


def _phone(found: re.Match[str]) -> str:
    text = found[0]
    number = _digits(text)
    starts = text.lstrip("(")
    is_marked = starts.startswith(("+", "0")) or text.startswith("(")
    is_american = re.fullmatch(r"\d{3}[-. ]\d{3}[-. ]\d{4}", text) is not None
    is_date = re.fullmatch(r"\d{1,4}([-./])\d{1,2}\1\d{1,4}", text) is not None
    fits = 7 <= len(number) <= 15 and not is_date
    return "<phone>" if fits and (is_marked or is_american) else text


def _named(found: re.Match[str]) -> str:
    """A key by what stands before it; the name stays."""
    return f"{found['name']}<key>"


def _always(word: str) -> Replace:
    return lambda _: word


#: Keys, and addresses; first, since their letters and digits may look like something else. Every repetition is bounded, or
#: its end is told by one character: no text makes a pattern slow.
_KEYS: tuple[tuple[re.Pattern[str], Replace], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{1,20000}-----END [A-Z ]{0,30}KEY-----"
        ),
        _always("<key>"),
    ),
    (re.compile(r"(?P<name>://[^\s:/@]{0,100}:)[^\s/@]{1,200}(?=@)"), _named),
    (re.compile(r"\beyJ[\w-]{5,4000}\.[\w-]{5,8000}\.[\w-]{5,2000}"), _always("<key>")),
    (
        re.compile(
            r"\b(?:(?:sk|pk|rk|whsec|hf|npm|pypi|glpat|xapp|xox[abeprs]|github_pat)[-_]|gh[opsur]_|AIza|ya29\.)"
            r"(?=[\w.-]{0,200}[\dA-Z])[\w.-]{14,500}\w"
        ),
        _always("<key>"),
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), _always("<key>")),
    (
        re.compile(
            r"(?P<name>\b(?:bearer|basic)\s{1,3})(?=\S{0,200}[\d=_])[\w.~+/=-]{8,4000}",
            re.IGNORECASE,
        ),
        _named,
    ),
    (
        re.compile(
            r"(?P<name>\b[\w-]{0,40}(?:api[_-]?key|access[_-]?key|secret|token|passwor[dt]|passwd|passphrase)"
            r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?)(?!<key>)[^\s\"',;&<>]{6,1000}",
            re.IGNORECASE,
        ),
        _named,
    ),
    (
        re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63}"),
        _always("<email>"),
    ),
)

#: A date that follows is none of its groups.
_PHONE = re.compile(
    r"(?<![\w.+])[+(]{0,2}\d(?:(?:[ ()./-]|\) | \()?(?!\d{4}-\d\d-\d\d)\d){6,14}(?!\w)", re.ASCII
)
