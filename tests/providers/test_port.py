"""The port: one call is one request, and its answer is whole or it is an error."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

import pytest
from pydantic import BaseModel

from aiops.flow.errors import BadOutput, TimedOut
from aiops.providers import session
from aiops.providers.port import complete, embed
from tests.providers.stub import Reply, Request, Stub, chat, vectors


class Verdict(BaseModel):
    """A yes or a no."""

    yes: bool
    why: str


def test_an_answer_says_who_gave_it_and_what_it_used(stub: Stub) -> None:
    stub.answer(chat("Hello there."))

    answer = complete("Say hello.", system="Be short.", max_tokens=20)

    assert answer.text == "Hello there."
    assert answer.value is None
    assert (answer.model, answer.tokens_in, answer.tokens_out) == ("stub-2026", 11, 7)
    assert (answer.finish_reason, answer.request_id) == ("stop", "chatcmpl-1")
    assert 0 < answer.seconds < 10


def test_the_request_carries_the_model_the_key_and_the_whole_conversation(stub: Stub) -> None:
    complete(
        [
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "Two."},
            {"role": "user", "content": "Three?"},
        ],
        system="Count.",
        max_tokens=33,
        temperature=0.5,
    )

    (request,) = stub.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer secret-key"
    assert request.body["model"] == "stub-model"
    assert request.body["temperature"] == 0.5
    assert request.body["max_completion_tokens"] == 33
    assert [(turn["role"], turn["content"]) for turn in request.body["messages"]] == [
        ("system", "Count."),
        ("user", "One?"),
        ("assistant", "Two."),
        ("user", "Three?"),
    ]


def test_structured_output_sends_the_schema_and_comes_back_validated(stub: Stub) -> None:
    stub.answer(chat('{"yes": true, "why": "because"}'))

    answer = complete("Is it?", output=Verdict)

    assert answer.value == Verdict(yes=True, why="because")
    wanted = stub.requests[0].body["response_format"]["json_schema"]
    assert wanted["name"] == "Verdict"
    assert set(wanted["schema"]["properties"]) == {"yes", "why"}


@pytest.mark.parametrize("text", ['{"yes": "perhaps"}', "I think so.", ""])
def test_an_answer_that_does_not_fit_the_schema_is_a_bad_output(stub: Stub, text: str) -> None:
    stub.answer(chat(text))

    with pytest.raises(BadOutput, match="does not fit Verdict") as caught:
        complete("Is it?", output=Verdict)

    assert caught.value.kind == "schema"


def test_a_schema_error_names_the_field_but_not_the_content(stub: Stub) -> None:
    stub.answer(chat('{"yes": "a private matter", "why": "x"}'))

    with pytest.raises(BadOutput) as caught:
        complete("Is it?", output=Verdict)

    assert "yes: " in caught.value.message
    assert "private" not in caught.value.message


def test_an_answer_without_a_finish_reason_is_refused(stub: Stub) -> None:
    stub.answer(chat("Half a sent", finish_reason=None))

    with pytest.raises(BadOutput) as caught:
        complete("Go on.")

    assert caught.value.kind == "truncated"


def test_an_answer_cut_at_max_tokens_is_refused_unless_it_may_be_cut(stub: Stub) -> None:
    stub.answer(chat("Half a sent", finish_reason="length"))

    with pytest.raises(BadOutput, match="max_tokens=5") as caught:
        complete("Go on.", max_tokens=5)
    answer = complete("Go on.", max_tokens=5, may_be_cut=True)

    assert caught.value.kind == "truncated"
    assert answer.finish_reason == "length"


def test_structured_output_may_never_be_cut(stub: Stub) -> None:
    stub.answer(chat('{"yes": true, "why": "be', finish_reason="length"))

    with pytest.raises(BadOutput) as caught:
        complete("Is it?", output=Verdict, may_be_cut=True)

    assert caught.value.kind == "truncated"


def test_a_failing_call_is_made_once_however_often_it_could_be_retried(stub: Stub) -> None:
    stub.answer(Reply(503, "{}"))

    with pytest.raises(Exception, match="overloaded"):
        complete("Go on.")

    assert len(stub.requests) == 1


def test_the_deadline_is_total_and_holds_against_a_server_that_never_answers(stub: Stub) -> None:
    stub.answer(Reply(fault="hang"))
    started = time.monotonic()

    with pytest.raises(TimedOut):
        complete("Go on.", timeout_s=0.3)

    assert time.monotonic() - started < 3
    assert len(stub.requests) == 1


def test_the_same_thread_can_ask_again_after_a_deadline(stub: Stub) -> None:
    stub.answer(Reply(fault="hang"))
    with pytest.raises(TimedOut):
        complete("Go on.", timeout_s=0.2)
    stub.answer(chat("Here I am."))

    assert complete("And now?").text == "Here I am."


class TimeLimit(Exception):
    """What a worker's soft time limit raises in the middle of a call."""


def test_a_call_that_a_time_limit_interrupted_leaves_nothing_behind(stub: Stub) -> None:
    stub.answer(Reply(fault="hang"))

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(TimeLimit):
            complete("Go on.")
    finally:
        signal.signal(signal.SIGALRM, before)
    stub.answer(chat("Here I am."))

    assert complete("And now?").text == "Here I am."


def test_vectors_come_back_in_the_order_of_the_texts(stub: Stub) -> None:
    stub.answer(vectors([1.0, 0.0], [0.0, 1.0]))

    assert embed(["one", "two"]) == [[1.0, 0.0], [0.0, 1.0]]
    assert stub.requests[0].body["input"] == ["one", "two"]
    assert stub.requests[0].path == "/v1/embeddings"


def test_no_texts_need_no_call(stub: Stub) -> None:
    assert embed([]) == []
    assert stub.requests == []


def test_a_missing_vector_is_a_bad_output(stub: Stub) -> None:
    stub.answer(vectors([1.0, 0.0]))

    with pytest.raises(BadOutput, match="1 vectors for 2 texts"):
        embed(["one", "two"])


def test_embedding_has_a_total_deadline_too(stub: Stub) -> None:
    stub.answer(Reply(fault="hang"))

    with pytest.raises(TimedOut):
        embed(["one"], timeout_s=0.2)


def test_threads_never_share_a_client_and_every_answer_reaches_its_asker(stub: Stub) -> None:
    def echo(request: Request) -> Reply:
        return chat(request.body["messages"][-1]["content"])

    stub.script = echo
    got: dict[str, str] = {}
    used: set[int] = set()
    all_asked = threading.Barrier(8)

    def ask(name: str) -> None:
        for turn in range(3):
            got[f"{name}.{turn}"] = complete(f"{name}.{turn}").text
        used.add(id(session.current()))
        all_asked.wait(10)  # an ended thread's id, and with it its session, may be used again

    threads = [threading.Thread(target=ask, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 24
    assert all(asked == answered for asked, answered in got.items())
    assert len(used) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_makes_its_own_session_and_leaves_the_parents_whole(stub: Stub) -> None:
    # In a process of its own: forking the test runner itself would copy its threads' locks.
    program = """
import os
from aiops.providers.port import complete
from aiops.providers import session
assert complete("parent").text == "hello"
before = session.current()
child = os.fork()
if child == 0:
    fresh = session.current() is not before and complete("child").text == "hello"
    os._exit(0 if fresh else 1)
assert os.waitpid(child, 0)[1] == 0
assert session.current() is before
assert complete("parent again").text == "hello"
"""

    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True)

    assert done.returncode == 0, done.stderr.decode()
    assert len(stub.requests) == 3


def test_a_call_inside_async_code_is_refused_with_the_way_out(stub: Stub) -> None:
    async def step() -> None:
        complete("Go on.")

    complete("This thread has a session already.")

    with pytest.raises(RuntimeError, match="to_thread"):
        asyncio.run(step())


def test_importing_the_port_does_not_import_the_vendor_libraries() -> None:
    program = (
        "import sys, aiops.providers.port\n"
        "assert not {'pydantic_ai', 'openai', 'httpx2'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True)

    assert done.returncode == 0, done.stderr.decode()
