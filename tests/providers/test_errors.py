"""The translation table: each fault, made over real HTTP, becomes the class that decides what happens next."""

from __future__ import annotations

import json

import pytest

from aiops.flow.errors import (
    Ambiguous,
    BadOutput,
    LaneStopped,
    PermanentInput,
    RateLimited,
    StepError,
    Transient,
    describe,
)
from aiops.providers.port import complete, embed
from tests.providers.stub import Reply, Stub, chat, error, free_port

HTML = Reply(200, "<html>Sign in</html>", "text/html")
NO_CHOICES = Reply(200, json.dumps({"id": "x", "object": "chat.completion", "choices": []}))

#: fault -> (class, code or kind)
CHAT_FAULTS: dict[str, tuple[Reply, type[StepError], str]] = {
    "429 with a reset": (error(429, "rate_limit", retry_after="7"), RateLimited, "rate_limit"),
    "429 quota": (error(429, "insufficient_quota"), LaneStopped, "quota"),
    "402": (error(402, "payment"), LaneStopped, "quota"),
    "401": (error(401, "invalid_api_key"), LaneStopped, "auth"),
    "403": (error(403, "forbidden"), LaneStopped, "auth"),
    "404": (error(404, "model_not_found"), LaneStopped, "config"),
    "400": (error(400, "bad_request"), PermanentInput, "bad_request"),
    "413": (error(413, "too_large"), PermanentInput, "too_large"),
    "422": (error(422, "unprocessable"), PermanentInput, "unprocessable"),
    "context length, as OpenAI says it": (
        error(400, "context_length_exceeded"),
        PermanentInput,
        "context_length",
    ),
    "context length, as llama.cpp says it": (
        error(400, "exceed_context_size_error"),
        PermanentInput,
        "context_length",
    ),
    "408": (error(408, "timeout"), Ambiguous, "408"),
    "500": (error(500, "server_error"), Transient, "500"),
    "502": (Reply(502, "<html>Bad gateway</html>", "text/html"), Ambiguous, "502"),
    "503": (error(503, "unavailable"), Transient, "overloaded"),
    "504": (error(504, "gateway_timeout"), Ambiguous, "504"),
    "529": (error(529, "overloaded_error"), Transient, "overloaded"),
    "closed after the request": (Reply(fault="close"), Ambiguous, "dropped"),
    "cut in the body": (Reply(200, chat("x").body, fault="cut"), Ambiguous, "dropped"),
    "a web page": (HTML, BadOutput, "gateway"),
    "broken JSON": (Reply(200, '{"id": '), BadOutput, "gateway"),
    "an empty object": (Reply(200, "{}"), BadOutput, "gateway"),
    "a list": (Reply(200, "[]"), BadOutput, "gateway"),
    "an unknown finish reason": (chat("x", finish_reason=""), BadOutput, "gateway"),
    "no choices": (NO_CHOICES, BadOutput, "gateway"),
    "content filter": (chat("", finish_reason="content_filter"), PermanentInput, "content_filter"),
}


def outcome(caught: StepError) -> str:
    return caught.kind if isinstance(caught, BadOutput | LaneStopped) else caught.code


@pytest.mark.parametrize("fault", CHAT_FAULTS)
def test_each_fault_of_a_chat_call_has_its_class(stub: Stub, fault: str) -> None:
    reply, wanted, detail = CHAT_FAULTS[fault]
    stub.answer(reply)

    with pytest.raises(StepError) as caught:
        complete("Go on.", timeout_s=10)

    assert type(caught.value) is wanted
    assert outcome(caught.value) == detail
    assert len(stub.requests) == 1


EMBED_FAULTS: dict[str, tuple[Reply, type[StepError], str]] = {
    name: CHAT_FAULTS[name]
    for name in ("429 with a reset", "429 quota", "401", "404", "500", "503", "502", "400")
} | {
    "closed after the request": (Reply(fault="close"), Ambiguous, "dropped"),
    "a web page": (HTML, BadOutput, "gateway"),
    "broken JSON": (Reply(200, '{"id": '), BadOutput, "gateway"),
    "an empty object": (Reply(200, "{}"), BadOutput, "gateway"),
}


@pytest.mark.parametrize("fault", EMBED_FAULTS)
def test_each_fault_of_an_embedding_call_has_its_class(stub: Stub, fault: str) -> None:
    reply, wanted, detail = EMBED_FAULTS[fault]
    stub.answer(reply)

    with pytest.raises(StepError) as caught:
        embed(["one"], timeout_s=10)

    assert type(caught.value) is wanted
    assert outcome(caught.value) == detail


@pytest.mark.parametrize(
    "url", [f"http://127.0.0.1:{free_port()}/v1", "http://nowhere.invalid/v1"], ids=["port", "name"]
)
def test_an_address_where_nothing_listens_is_transient_and_was_never_sent(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AIOPS_MODEL_URL", url)
    monkeypatch.setenv("AIOPS_MODEL_NAME", "any")

    with pytest.raises(Transient) as caught:
        complete("Go on.")

    assert (caught.value.code, caught.value.sent) == ("unreachable", "no")


def test_a_rate_limit_says_when_it_is_over(stub: Stub) -> None:
    stub.answer(error(429, "rate_limit", retry_after="7"))

    with pytest.raises(RateLimited) as caught:
        complete("Go on.")

    assert caught.value.after_s == 7


def test_the_providers_own_words_are_kept_short_and_on_one_line(stub: Stub) -> None:
    stub.answer(error(400, "bad_request", "too\nlong " + "x" * 5_000))

    with pytest.raises(PermanentInput, match="too long x") as caught:
        complete("Go on.")

    assert len(caught.value.message) < 500


def test_no_message_ever_holds_the_key(stub: Stub) -> None:
    stub.answer(error(401, "invalid_api_key", "Incorrect API key"))

    with pytest.raises(LaneStopped) as caught:
        complete("Go on.")

    assert "secret-key" not in json.dumps(describe(caught.value).to_json())
