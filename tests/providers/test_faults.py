"""The contract of the verdict table: each fault, over real HTTP from a real process, has one meaning."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from aiops.flow.context import StepContext
from aiops.flow.errors import ErrorRecord, StepError, TimedOut, describe
from aiops.providers import session
from aiops.providers.errors import translate
from aiops.providers.port import complete, embed
from tests.fault_server.control import FaultServer
from tests.providers.stub import free_port

#: Long enough that a whole answer would arrive; short enough that waiting in vain is no burden.
SOON_S = 0.5


class Wanted(BaseModel):
    """What is asked for where a schema is."""

    label: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Means:
    """The meaning of a fault: what is kept of it, and what decides."""

    word: str
    #: "no": not sent, so never billed. "maybe": uncertain spend. "yes": it ran, and is billed.
    sent: str
    code: str = ""
    kind: str = ""
    type: str = ""
    #: Seconds until the reset, where the provider said so.
    after_s: float | None = None
    #: Whether the provider computed an answer: the truth that `sent` must not deny.
    computed: bool = False


RATE = "rate_limit_exceeded"
TABLE: dict[str, Means] = {
    # The request was read, and whether it ran nobody knows.
    "500": Means("transient", "maybe", "500"),
    "408": Means("ambiguous", "maybe", "408"),
    "502": Means("ambiguous", "maybe", "502"),
    "504": Means("ambiguous", "maybe", "504"),
    "hang": Means("ambiguous", "maybe", "timeout", type="TimedOut"),
    "drop-before": Means("ambiguous", "maybe", "dropped"),
    "drop-after": Means("ambiguous", "maybe", "dropped", computed=True),
    "half": Means("ambiguous", "maybe", "dropped", computed=True),
    "stall": Means("ambiguous", "maybe", "timeout", type="TimedOut", computed=True),
    "drip:0.05": Means("ambiguous", "maybe", "timeout", type="TimedOut", computed=True),
    "slow:5": Means("ambiguous", "maybe", "timeout", type="TimedOut"),
    # Refused before it ran.
    "503": Means("transient", "no", "overloaded"),
    "529": Means("transient", "no", "overloaded"),
    "429:7": Means("rate_limited", "no", RATE, after_s=7),
    "429-ms:1500": Means("rate_limited", "no", RATE, after_s=1.5),
    "429-reset:30": Means("rate_limited", "no", RATE, after_s=90),
    "429-day": Means("rate_limited", "no", RATE, after_s=86_400),
    "429-bare": Means("rate_limited", "no", RATE),
    "429-quota": Means("lane_stopped", "no", "insufficient_quota", "quota"),
    "429-spend": Means("lane_stopped", "no", "billing_hard_limit_reached", "quota"),
    "400-spend": Means("lane_stopped", "no", "billing_hard_limit_reached", "quota"),
    "402": Means("lane_stopped", "no", "insufficient_balance", "quota"),
    "401": Means("lane_stopped", "no", "invalid_api_key", "auth"),
    "403": Means("lane_stopped", "no", "permission_denied", "auth"),
    "404": Means("lane_stopped", "no", "model_not_found", "config"),
    "404-page": Means("lane_stopped", "no", "404", "config"),
    "context-length": Means("permanent_input", "no", "context_length"),
    "context-llama": Means("permanent_input", "no", "context_length"),
    "400": Means("permanent_input", "no", "invalid_request_error"),
    "409": Means("permanent_input", "no", "conflict"),
    "413": Means("permanent_input", "no", "request_too_large"),
    "422": Means("permanent_input", "no", "unprocessable_entity"),
    # It may have run, and the answer is withheld.
    "content-policy": Means("permanent_input", "maybe", "content_filter"),
    "content-filter": Means("permanent_input", "maybe", "content_filter", computed=True),
    "refusal": Means("permanent_input", "maybe", "content_filter", computed=True),
    # Something came that is no answer.
    "broken-json": Means("bad_output", "maybe", kind="gateway"),
    "html": Means("bad_output", "maybe", kind="gateway"),
    "empty-object": Means("bad_output", "maybe", kind="gateway"),
    "empty-body": Means("bad_output", "maybe", kind="gateway"),
    "list": Means("bad_output", "maybe", kind="gateway"),
    "no-choices": Means("bad_output", "maybe", kind="gateway"),
    "error-in-200": Means("bad_output", "maybe", kind="gateway"),
    "strange-finish": Means("bad_output", "maybe", kind="gateway", computed=True),
    # An answer came, is paid, and is not what was asked for.
    "no-finish": Means("bad_output", "yes", "no_finish", "truncated", computed=True),
    "length": Means("bad_output", "yes", "length", "truncated", computed=True),
    "wrong-schema": Means("bad_output", "yes", kind="schema", computed=True),
    "not-json": Means("bad_output", "yes", kind="schema", computed=True),
}

#: What means something else, or comes only, in the middle of a stream.
STREAMED: dict[str, Means] = {
    **{fault: means for fault, means in TABLE.items() if not fault.startswith("drip")},
    "drip:0.2": TABLE["drip:0.05"],
    # A word that is no finish reason is none at all.
    "strange-finish": TABLE["no-finish"],
    "stream-overloaded": Means("transient", "maybe", "overloaded", computed=True),
    "stream-rate-limited": Means("rate_limited", "maybe", RATE, computed=True),
}

#: What an embedding can meet too; the others need words in the answer.
EMBEDDED = [
    *("500", "408", "502", "504", "hang", "drop-before", "drop-after", "half", "stall"),
    *("503", "529", "429:7", "429-quota", "402", "401", "403", "404", "404-page", "400", "413"),
    *("context-length", "broken-json", "html", "empty-object", "list", "error-in-200"),
]


def meaning(record: ErrorRecord, *, computed: bool) -> Means:
    return Means(
        word=record.word,
        sent=record.sent,
        code=record.code,
        kind=record.kind,
        type="TimedOut" if record.type == "TimedOut" else "",
        after_s=record.after_s,
        computed=computed,
    )


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_of_a_completion_has_exactly_one_meaning(faults: FaultServer, fault: str) -> None:
    faults.always(fault)

    with pytest.raises(StepError) as caught:
        complete("What is it?", output=Wanted, timeout_s=SOON_S if waits(fault) else 10)

    (entry,) = faults.journal()
    found = meaning(describe(caught.value), computed=entry["computed_at"] is not None)
    assert found == TABLE[fault]


@pytest.mark.parametrize("fault", STREAMED)
def test_a_fault_of_a_stream_has_exactly_one_meaning(faults: FaultServer, fault: str) -> None:
    faults.always(fault)

    with pytest.raises(StepError) as caught:
        complete(
            "What is it?",
            output=Wanted,
            timeout_s=SOON_S if waits(fault) else 10,
            stream_to=StepContext.sample(),
        )

    (entry,) = faults.journal()
    found = meaning(describe(caught.value), computed=entry["computed_at"] is not None)
    assert found == STREAMED[fault]


@pytest.mark.parametrize("fault", EMBEDDED)
def test_a_fault_of_an_embedding_means_the_same(faults: FaultServer, fault: str) -> None:
    faults.always(fault)

    with pytest.raises(StepError) as caught:
        embed(["one", "two"], timeout_s=SOON_S if waits(fault) else 10)

    (entry,) = faults.journal()
    found = meaning(describe(caught.value), computed=entry["computed_at"] is not None)
    assert found == TABLE[fault]


def waits(fault: str) -> bool:
    return fault.split(":")[0] in ("hang", "stall", "drip", "slow")


def test_what_is_computed_is_never_called_unsent() -> None:
    known = {**TABLE, **STREAMED}
    assert [name for name, means in known.items() if means.computed and means.sent == "no"] == []


def test_a_deadline_closes_the_connection_so_that_the_provider_may_stop(
    faults: FaultServer,
) -> None:
    faults.always("hang")

    with pytest.raises(TimedOut):
        complete("Go on.", timeout_s=0.2)

    faults.wait_for(lambda counts: counts["client_gone"] == 1)


def test_a_slow_answer_within_the_deadline_is_an_answer(faults: FaultServer) -> None:
    faults.always("slow:0.2")

    assert complete("Here I am.", timeout_s=10).text == "Here I am."


# What never reaches the server


def never_sent(record: ErrorRecord) -> bool:
    return (record.word, record.sent, record.code) == ("transient", "no", "unreachable")


@pytest.mark.parametrize(
    "url", [f"http://127.0.0.1:{free_port()}/v1", "http://nowhere.invalid/v1"], ids=["port", "name"]
)
def test_a_refused_connection_and_an_unknown_name_were_never_sent(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AIOPS_MODEL_URL", url)
    monkeypatch.setenv("AIOPS_MODEL_NAME", "any")

    with pytest.raises(StepError) as caught:
        complete("Go on.")

    assert never_sent(describe(caught.value))


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose queue of callers is full: opening a connection to it takes for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(listener.getsockname())
            yield int(listener.getsockname()[1])
        finally:
            for one in waiting:
                one.close()


def test_a_connection_that_does_not_open_in_time_was_never_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "CONNECT_S", 0.3)
    with deaf_port() as port:
        monkeypatch.setenv("AIOPS_MODEL_URL", f"http://127.0.0.1:{port}/v1")
        monkeypatch.setenv("AIOPS_MODEL_NAME", "any")
        began = time.monotonic()

        with pytest.raises(StepError) as caught:
            complete("Go on.", timeout_s=30)

    assert never_sent(describe(caught.value))
    assert time.monotonic() - began < 5


def test_a_connection_pool_without_room_was_never_sent(faults: FaultServer) -> None:
    # A session asks one thing at a time, so its pool cannot run dry; an author's own client can.
    faults.script({"prompt": "first", "then": "hang"})

    async def ask_twice() -> Exception:
        limits = httpx2.Limits(max_connections=1)
        timeout = httpx2.Timeout(None, pool=0.2)
        async with httpx2.AsyncClient(limits=limits, timeout=timeout) as http:
            client = AsyncOpenAI(
                base_url=faults.url, api_key="k", max_retries=0, http_client=http, timeout=timeout
            )
            model = OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client))
            first = asyncio.create_task(model_request(model, [_asked("first")]))
            while faults.counts()["arrived"] == 0:
                await asyncio.sleep(0.02)
            try:
                await model_request(model, [_asked("second")])
            except Exception as error:
                return error
            finally:
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
            raise AssertionError("the second call found a connection")

    error = asyncio.run(ask_twice())

    assert never_sent(describe(translate(error, model="m")))
    assert faults.counts()["arrived"] == 1


def _asked(prompt: str) -> ModelRequest:
    return ModelRequest(parts=[UserPromptPart(content=prompt)])


# What a record of a failure holds

SECRET = "Ann Miller of 12 Elm Street owes us 1,250 dollars since the third of May"


@pytest.mark.parametrize(
    "fault", [*(name for name in TABLE if not waits(name)), "echo", "says:{}", f"says:{SECRET}"]
)
@pytest.mark.parametrize("stream_to", [None, StepContext.sample()], ids=["whole", "streamed"])
def test_no_failure_ever_holds_the_prompt_or_the_answer(
    faults: FaultServer, fault: str, stream_to: StepContext | None
) -> None:
    faults.always(fault)

    with pytest.raises(StepError) as caught:
        complete(
            *(SECRET,),
            system=f"Remember: {SECRET}",
            output=Wanted,
            timeout_s=10,
            stream_to=stream_to,
        )

    kept = json.dumps(describe(caught.value).to_json())
    assert [
        part for part in ("Miller", "Elm Street", "1,250", "third of May") if part in kept
    ] == []


def test_a_short_prompt_that_the_provider_repeats_is_left_out_too(faults: FaultServer) -> None:
    prompt = " ".join(("Ann", "owes", "us"))  # not in one piece: a traceback quotes this file
    faults.always("echo")

    with pytest.raises(StepError, match="<prompt>") as caught:
        complete(prompt)

    assert prompt not in json.dumps(describe(caught.value).to_json())


def test_a_failure_tells_where_the_client_tripped_without_its_words(faults: FaultServer) -> None:
    faults.always("echo")

    with pytest.raises(StepError) as caught:
        complete(SECRET)

    assert "ModelRequestRejectedError" in describe(caught.value).traceback
