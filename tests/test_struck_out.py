"""What looks like a secret is struck out of a text; what only reminds of one stays."""

from __future__ import annotations

import time

import pytest

from aiops.struck_out import struck

SECRET = "s3cr3t-v4lue-abcdef"


@pytest.mark.parametrize(
    "text",
    [
        f"aio_0a1b2c3d_{SECRET}",
        f"whsec_{SECRET}",
        f"github_pat_{SECRET}",
        f"Bearer {SECRET}",
        f"Cookie: a=b; sessionid={SECRET}",
        f"Proxy-Authorization: Digest username=x, response={SECRET}",
        f"{{'X-Api-Key': '{SECRET}', 'a': 1}}",
        f'{{"password": "{SECRET} with spaces"}}',
        f"(b'x-access-token', b'{SECRET}')",
        f"/s/{SECRET}/",
        f"GET /api/v1/runs/1/stream?token={SECRET} HTTP/1.1",
        f"csrfmiddlewaretoken={SECRET}",
        f"eyJhbGciOi.{SECRET}.{SECRET}",
        f"eyJydW4iOiJ4In0:1u2v3w:{SECRET}{SECRET}{SECRET}",
        f"eyJydW4iOiJ4In0%3A1u2v3w%3A{SECRET}{SECRET}{SECRET}",
        f"redis://:{SECRET}@host/0",
        f"host=db password={SECRET} dbname=x",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET.replace('-', '+')}\n-----END PRIVATE KEY-----",
    ],
)
def test_a_secret_is_struck_out(text: str) -> None:
    assert SECRET not in struck(text)
    assert SECRET.replace("-", "+") not in struck(text)
    assert "***" in struck(text)


@pytest.mark.parametrize(
    "text",
    [
        "523 tokens in, max_tokens=64, tokens: 12",
        "Invalid token, please sign in again",
        "the step secretly failed: timeout after 30 s",
        "run 01932c7e-5c1f-7a3b-9a56-2f1f0b7a8c9d at 12:30:45",
        "GET /api/v1/runs/01932c7e-5c1f-7a3b-9a56-2f1f0b7a8c9d/status",
        "aiops.execution.claim:214 finish",
        "https://docs.example.org/a/b?page=2",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert struck(text) == text


@pytest.mark.parametrize(
    "piece", ["a", "a-", "token", "eyJaaaaa.", "https://", "-----BEGIN A", ":"]
)
def test_no_text_makes_it_slow(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.process_time()

    struck(text)

    assert time.process_time() - began < 5
