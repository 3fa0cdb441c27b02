"""A streamed answer: shown while it grows, whole or an error, and closed when nobody wants it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest
from pydantic import BaseModel

from aiops.flow.errors import Cancelled, TimedOut
from aiops.providers.port import complete
from tests.fault_server.control import FaultServer

TEXT = "one two three four five six seven eight"


@dataclass
class Heard:
    """Listens, and says when it has heard enough."""

    texts: list[str] = field(default_factory=list)
    #: Cancelled after so many texts.
    enough: int = 1_000_000
    is_cancelled_by_now: threading.Event = field(default_factory=threading.Event)

    def partial(self, text: str) -> None:
        self.texts.append(text)

    def is_cancelled(self) -> bool:
        return self.is_cancelled_by_now.is_set() or len(self.texts) >= self.enough


class Wanted(BaseModel):
    label: str
    sure: bool


def test_the_answer_is_shown_while_it_grows(faults: FaultServer) -> None:
    faults.always("drip:0.1")
    heard = Heard()

    answer = complete(TEXT, stream_to=heard)

    assert answer.text == heard.texts[-1] == TEXT
    assert len(heard.texts) >= 3
    assert all(
        later.startswith(text) for text, later in zip(heard.texts, heard.texts[1:], strict=False)
    )


def test_a_streamed_answer_says_the_same_of_itself(faults: FaultServer) -> None:
    plain, streamed = complete(TEXT), complete(TEXT, stream_to=Heard())

    for name in ("text", "model", "tokens_in", "tokens_out", "finish_reason"):
        assert getattr(streamed, name) == getattr(plain, name)


def test_structured_output_may_be_streamed_and_is_validated(faults: FaultServer) -> None:
    assert complete("Is it?", output=Wanted, stream_to=Heard()).value == Wanted(
        label="x", sure=True
    )


def test_the_deadline_holds_over_a_stream_that_drips(faults: FaultServer) -> None:
    faults.always("drip:0.2")
    heard = Heard()
    began = time.monotonic()

    with pytest.raises(TimedOut):
        complete(TEXT, timeout_s=0.7, stream_to=heard)

    assert time.monotonic() - began < 1.4
    assert heard.texts
    assert faults.wait_for(lambda counts: counts["client_gone"] == 1)["completed"] == 0


def test_a_cancelled_run_closes_the_stream_and_the_provider_sees_it(faults: FaultServer) -> None:
    faults.always("drip:0.2")

    with pytest.raises(Cancelled):
        complete(TEXT, timeout_s=30, stream_to=Heard(enough=1))

    counts = faults.wait_for(lambda counts: counts["client_gone"] == 1)
    assert counts == {"arrived": 1, "computed": 1, "completed": 0, "client_gone": 1}


def test_an_answer_that_is_whole_when_the_run_is_cancelled_is_an_answer(
    faults: FaultServer,
) -> None:
    heard = Heard(enough=1)

    assert complete(TEXT, stream_to=heard).text == TEXT
    assert heard.texts == [TEXT]


def test_a_stream_that_says_nothing_is_closed_as_well(faults: FaultServer) -> None:
    faults.always("hang")
    heard = Heard()
    threading.Timer(0.3, heard.is_cancelled_by_now.set).start()

    with pytest.raises(Cancelled):
        complete(TEXT, timeout_s=30, stream_to=heard)

    assert faults.wait_for(lambda counts: counts["client_gone"] == 1)["computed"] == 0


def test_after_a_closed_stream_the_next_call_is_answered(faults: FaultServer) -> None:
    faults.script({"faults": ["drip:0.2"], "then": "ok"})
    with pytest.raises(Cancelled):
        complete(TEXT, stream_to=Heard(enough=1))

    assert complete("And now?").text == "And now?"


def test_what_cannot_be_shown_does_not_cost_the_answer(faults: FaultServer) -> None:
    class Deaf(Heard):
        def partial(self, text: str) -> None:
            raise ConnectionError("the database is away")

    assert complete(TEXT, stream_to=Deaf()).text == TEXT


def test_a_listener_that_uses_the_database_may(faults: FaultServer, transactional_db: None) -> None:
    from aiops.models import Run

    counted: list[int] = []

    class Counts(Heard):
        def partial(self, text: str) -> None:
            counted.append(Run.objects.count())

    complete(TEXT, stream_to=Counts())

    assert counted == [0]
