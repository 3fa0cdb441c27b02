"""What a request may send, on a real server: refused before it is read, whatever it says of its length."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from aiops.asgi import django_application
from aiops.body_limit import BodyLimit, declared_bytes
from tests.web.served import Raw, served

MOST_BYTES = 200_000
MOST_S = 1.0
HEAD = ("POST /api/v1/runs HTTP/1.1", "Host: localhost", "Content-Type: application/json")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = BodyLimit(django_application, most_bytes=MOST_BYTES, most_s=MOST_S)
    with served(app) as port:
        yield port


@pytest.fixture
def client(port: int) -> Iterator[Raw]:
    client = Raw(port)
    yield client
    client.close()


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(client: Raw) -> None:
    client.send(*HEAD, f"Content-Length: {10**12}")

    answer = client.answer()

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer
    assert b'"code": "too-large"' in answer


def test_a_body_that_never_says_its_length_is_cut_off(client: Raw) -> None:
    client.send(*HEAD, "Transfer-Encoding: chunked")
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    began = time.monotonic()
    while client.push(piece) and client.sent_bytes < 2_000 * len(piece):
        pass

    # What lies in the buffers of two sockets is not much; of 130 MB most were never taken.
    assert client.sent_bytes < 400 * len(piece)
    assert time.monotonic() - began < 15


def test_who_waits_for_the_answer_is_told_that_it_was_too_large(client: Raw) -> None:
    client.send(*HEAD, "Transfer-Encoding: chunked")
    client.push(b"%x\r\n" % (MOST_BYTES + 1) + b"x" * (MOST_BYTES + 1) + b"\r\n")

    assert client.answer().startswith(b"HTTP/1.1 413")


def test_a_body_that_comes_drop_by_drop_is_given_up(client: Raw) -> None:
    client.send(*HEAD, "Content-Length: 1000")
    client.push(b"{")

    answer = client.answer()

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"Send it again" in answer


def test_a_head_without_end_is_refused(client: Raw) -> None:
    client.push(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
    while client.sent_bytes < 1_000_000 and client.push(b"x" * 10_000):
        pass

    assert client.sent_bytes < 1_000_000 or client.answer().startswith(b"HTTP/1.1 400")


def test_what_is_small_enough_gets_through(client: Raw) -> None:
    body = b'{"workflow": "none", "input": {}}'
    client.send(*HEAD, f"Content-Length: {len(body)}", "Connection: close")
    client.push(body)

    # Django has read it, and asks for a key.
    assert client.answer().startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    ("said", "read"),
    [(b"12", 12), (b"9" * 5000, int("9" * 20)), (b"-1", None), (b"x", None)],
)
def test_a_length_is_read_only_when_it_is_a_number(said: bytes, read: int | None) -> None:
    assert declared_bytes([(b"content-length", said)]) == read
