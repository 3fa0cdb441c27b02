"""Redaction: what the patterns must find, what they must leave, and that no text makes them slow."""

from __future__ import annotations

import random
import string
import time

import pytest

from aiops.providers.redact import is_iban, is_luhn, redacted

ROUNDS = 400


def luhn(rng: random.Random, length: int) -> str:
    head = "".join(rng.choices(string.digits, k=length - 1))
    return next(head + digit for digit in string.digits if is_luhn(head + digit))


def iban(rng: random.Random) -> str:
    country, length = rng.choice([("DE", 22), ("NO", 15), ("FR", 27), ("GB", 22), ("MT", 31)])
    letters = string.digits if country in ("DE", "NO") else string.digits + string.ascii_uppercase
    account = "".join(rng.choices(letters, k=length - 4))
    number = int("".join(str(int(character, 36)) for character in f"{account}{country}00"))
    return f"{country}{98 - number % 97:02d}{account}"


def grouped(rng: random.Random, text: str) -> str:
    """In groups of four, as people write it; or not."""
    sign = rng.choice(["", " ", "-"])
    return sign.join(text[at : at + 4] for at in range(0, len(text), 4)) if sign else text


def email(rng: random.Random) -> str:
    name = "".join(rng.choices(string.ascii_letters + string.digits + "._+-", k=rng.randint(1, 20)))
    host = "".join(rng.choices(string.ascii_lowercase + string.digits, k=rng.randint(2, 20)))
    return f"a{name}z@{host}.{rng.choice(['com', 'co.uk', 'example', 'museum'])}"


def phone(rng: random.Random) -> str:
    digits = "".join(rng.choices("123456789", k=9))
    return rng.choice(
        [
            f"+49 {digits[:3]} {digits[3:]}",
            f"+1 ({digits[:3]}) {digits[3:6]}-{digits[6:]}0",
            f"0{digits[:3]}/{digits[3:]}",
            f"0{digits}",
            f"({digits[:3]}) {digits[3:6]}-{digits[5:9]}",
            f"00{digits[:2]} {digits[2:5]} {digits[5:]}",
        ]
    )


def key(rng: random.Random) -> str:
    tail = "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(20, 60)))
    return (
        rng.choice(["sk-", "sk-proj-", "sk-ant-api03-", "ghp_", "github_pat_", "xoxb-", "hf_"])
        + tail
    )


def bearer(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits + "-_.~+/", k=30)) + "=="


MADE = {
    "<card>": lambda rng: grouped(rng, luhn(rng, rng.choice([13, 15, 16, 19]))),
    "<iban>": lambda rng: grouped(rng, iban(rng)),
    "<email>": email,
    "<phone>": phone,
    "<key>": key,
}
MAIL = "please refund order 4711 of 2026-11-22, it cost 12.50 EUR; call me at noon. Ticket #889: no"
WORDS = MAIL.split()


@pytest.mark.parametrize("word", list(MADE))
def test_whatever_is_planted_in_a_text_is_replaced(word: str) -> None:
    rng = random.Random(word)
    for _ in range(ROUNDS):
        secret = MADE[word](rng)
        before, after = (" ".join(rng.choices(WORDS, k=rng.randint(1, 9))) for _ in range(2))
        left, right = rng.choice([(" ", " "), ("\n", "\n"), ("<", ">"), (": ", ". "), ('"', '",')])

        found = redacted(f"{before} at{left}{secret}{right}and {after}")

        assert secret not in found, secret
        assert word in found or "<phone>" in found, (secret, found)
        assert found.startswith(before), found
        assert found.endswith(after), found


def test_what_follows_a_name_of_a_secret_is_replaced() -> None:
    rng = random.Random(7)
    for _ in range(ROUNDS):
        token = bearer(rng)
        for text in (
            f"Authorization: Bearer {token}",
            f'{{"api_key": "{token}"}}',
            f"OPENAI_API_KEY={token}",
            f"password: {token}",
        ):
            assert token not in redacted(text), text


def test_redacting_twice_changes_nothing_more() -> None:
    rng = random.Random(11)
    for _ in range(ROUNDS):
        parts = [rng.choice([*WORDS, *(make(rng) for make in MADE.values())]) for _ in range(12)]
        once = redacted(" ".join(parts))

        assert redacted(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "Order 20261122-4711 of 2026-11-22 at 12:30:59, 1,250.00 EUR",
        "IP 192.168.10.254, version 3.11.4, commit 5b7747c009d113",
        "1234567890123456 is no card, and DE00123456781234567890 no IBAN",
        "run 019a7c1e-5b1d-7d3a-9c0f-3f2b8a6d4e10 took 12345678 ms",
        "the token count is 4711; a basic question; user@localhost",
        "ask-me-anything-about-this-long-hyphenated-word",
        "",
    ],
)
def test_what_is_no_personal_data_stays(text: str) -> None:
    assert redacted(text) == text


def test_check_digits() -> None:
    assert is_luhn("4111111111111111")
    assert not is_luhn("4111111111111112")
    assert is_iban("DE89370400440532013000")
    assert not is_iban("DE89370400440532013001")


def test_a_word_after_an_iban_does_not_hide_it() -> None:
    assert redacted("to DE89 3704 0044 0532 0130 00 soon") == "to <iban> soon"


def test_a_key_in_an_address_and_a_private_key_are_replaced() -> None:
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"

    assert "hunter22" not in redacted("postgres://app:hunter22@db/main")
    assert redacted(f"see {pem}.") == "see <key>."


def test_own_secrets_are_replaced_whatever_they_look_like() -> None:
    assert redacted("it is tea-time-4", ["tea-time-4", ""]) == "it is <key>"


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "1 " * 100_000, "a@" * 100_000, "a." * 100_000, "sk-" * 70_000, "token:" * 30_000,
     "DE12 " * 40_000, "(" * 200_000, "-----BEGIN PRIVATE KEY-----" * 2_000, "bearer " * 30_000],
)  # fmt: skip
def test_no_text_makes_it_slow(text: str) -> None:
    began = time.process_time()

    redacted(text)

    assert time.process_time() - began < 3
