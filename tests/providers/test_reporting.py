"""Code that uses an SDK itself: it is recorded, kept within its budget, and its failures are classified."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from uuid import uuid4

import openai
import pytest
from pytest_django.fixtures import Settings

from aiops.flow.caller import Caller, calling
from aiops.flow.errors import BudgetSpent, StepError, describe
from aiops.models import ModelCall
from aiops.providers.reporting import reporting
from tests.fault_server.control import FaultServer

pytestmark = pytest.mark.django_db

PRICES = {"own": {"input": 1.0, "output": 2.0, "cached": 0.5}}


@pytest.fixture(autouse=True)
def priced(settings: Settings) -> None:
    settings.AIOPS_PRICES = PRICES


@pytest.fixture
def who() -> Iterator[Caller]:
    caller = Caller(uuid4(), uuid4(), "w", "s", None, 1, "acme", "interactive", budget_usd=1.0)
    with calling(caller):
        yield caller


@pytest.fixture
def client(faults: FaultServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=faults.url, api_key="k", max_retries=0, timeout=openai.Timeout(5, connect=1)
    ) as made:
        yield made


def ask(client: openai.OpenAI, faults: FaultServer, prompt: str = "hello there, you") -> None:
    with reporting("own", base_url=faults.url, prompt=prompt, max_tokens=10) as report:
        answer = client.chat.completions.create(
            model="own", messages=[{"role": "user", "content": prompt}], max_tokens=10
        )
        report.answer(answer)


def test_a_call_of_an_sdk_has_its_row_and_its_cost(
    client: openai.OpenAI, faults: FaultServer, who: Caller
) -> None:
    ask(client, faults)

    call = ModelCall.objects.get()
    assert (call.outcome, call.model, call.finish_reason) == ("answered", "own-2026", "stop")
    assert (call.tokens_in, call.tokens_out, call.cost_microusd) == (4, 4, 12)
    assert call.request_id.startswith("chatcmpl-")


def test_a_block_that_reports_nothing_is_booked_with_the_most_it_can_have_used(
    faults: FaultServer, who: Caller
) -> None:
    with reporting("own", base_url=faults.url, prompt="abc" * 10, max_tokens=100):
        pass

    call = ModelCall.objects.get()
    assert (call.cost_microusd, call.cost_source) == (10 + 16 + 200, "estimated")


def test_its_budget_is_kept(client: openai.OpenAI, faults: FaultServer) -> None:
    poor = Caller(uuid4(), uuid4(), "w", "s", None, 1, "acme", "interactive", budget_usd=0.00001)

    with calling(poor), pytest.raises(BudgetSpent):
        ask(client, faults)

    assert faults.counts()["arrived"] == 0


@pytest.mark.parametrize(
    ("fault", "word", "kind", "sent"),
    [
        ("429:7", "rate_limited", "", "no"),
        ("429-quota", "lane_stopped", "quota", "no"),
        ("401", "lane_stopped", "auth", "no"),
        ("404", "lane_stopped", "config", "no"),
        ("402", "lane_stopped", "quota", "no"),
        ("500", "transient", "", "maybe"),
        ("529", "transient", "", "no"),
        ("502", "ambiguous", "", "maybe"),
        ("drop-after", "ambiguous", "", "maybe"),
        ("context-length", "permanent_input", "", "no"),
        ("content-policy", "permanent_input", "", "maybe"),
        ("422", "permanent_input", "", "no"),
        ("broken-json", "bad_output", "gateway", "maybe"),
    ],
)
def test_failures_of_an_sdk_have_the_classes_of_the_port(
    client: openai.OpenAI,
    faults: FaultServer,
    who: Caller,
    fault: str,
    word: str,
    kind: str,
    sent: str,
) -> None:
    faults.always(fault)

    with pytest.raises(StepError) as caught:
        ask(client, faults)

    found = describe(caught.value)
    assert (found.word, found.kind, found.sent) == (word, kind, sent)
    assert ModelCall.objects.get().outcome == word
    assert ModelCall.objects.get().is_uncertain == (sent != "no")


def test_a_rate_limit_says_when_it_is_over(
    client: openai.OpenAI, faults: FaultServer, who: Caller
) -> None:
    faults.always("429:7")

    with pytest.raises(StepError) as caught:
        ask(client, faults)

    assert describe(caught.value).after_s == 7


def test_an_address_where_nothing_listens_was_never_sent(faults: FaultServer, who: Caller) -> None:
    from tests.providers.stub import free_port

    with (
        openai.OpenAI(
            base_url=f"http://127.0.0.1:{free_port()}/v1", api_key="k", max_retries=0
        ) as client,
        pytest.raises(StepError) as caught,
    ):
        ask(client, faults)

    assert describe(caught.value).sent == "no"


def test_a_bug_of_the_author_stays_what_it_is(faults: FaultServer, who: Caller) -> None:
    with pytest.raises(KeyError), reporting("own", base_url=faults.url):
        raise KeyError("x")

    assert ModelCall.objects.get().outcome == "bug"


def test_what_anthropic_counts_apart_is_added(faults: FaultServer, who: Caller) -> None:
    usage = SimpleNamespace(input_tokens=10, output_tokens=5, cache_read_input_tokens=90)
    answer = SimpleNamespace(usage=usage, model="own-1", id="msg_1", stop_reason="end_turn")

    with reporting("own", base_url=faults.url) as report:
        report.answer(answer)

    call = ModelCall.objects.get()
    assert (call.tokens_in, call.tokens_cached, call.tokens_out) == (100, 90, 5)
    assert call.cost_microusd == 10 + 45 + 10
    assert call.finish_reason == "end_turn"


def test_outside_of_the_engine_it_only_classifies(
    client: openai.OpenAI, faults: FaultServer
) -> None:
    faults.always("529")

    with pytest.raises(StepError):
        ask(client, faults)

    assert ModelCall.objects.count() == 0
