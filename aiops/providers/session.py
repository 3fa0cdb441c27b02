"""One thread's way to the models: its event loop and its clients. Heavy to import: only the port does, when first asked."""

from __future__ import annotations

import asyncio
import atexit
import math
import os
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from httpx2 import Timeout
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai.direct import model_request
from pydantic_ai.embeddings import EmbeddingResult
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from aiops.providers.errors import VENDOR_ERRORS, refused, translate
from aiops.providers.exchange import Listener, Message, Question, RawAnswer, RawVectors
from aiops.providers.models import Address
from aiops.providers.streaming import Following, follow, streamed

#: Opening a connection either works within this time or will not: a wrong address must not eat the deadline.
CONNECT_S = 5.0

R = TypeVar("R")


class Session:
    """The event loop and the clients of one thread: an async client shared by threads loses answers."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._clients: dict[Address, AsyncOpenAI] = {}

    def complete(
        self, address: Address, question: Question, stream_to: Listener | None = None
    ) -> RawAnswer:
        """Make exactly one request; every failure leaves as one of aiops.flow.errors.

        With `stream_to`, the answer is streamed to it; when it is cancelled, the stream is closed.
        """
        model = OpenAIChatModel(address.model, provider=self._provider(address))
        asked = (
            *(model, _messages(question.system, question.conversation)),
            *(_settings(question), _parameters(question.output)),
        )
        started = time.monotonic()
        private = [question.system, *(turn["content"] for turn in question.conversation)]
        if stream_to is None:
            response = self._run(_whole(*asked), address, private)
        else:
            following = Following(stream_to)
            told = streamed(*asked, following=following)
            response = self._run(told, address, private, following)
        return _raw(response, seconds=time.monotonic() - started, address=address)

    def embed(self, address: Address, texts: Sequence[str], timeout_s: float) -> RawVectors:
        model = OpenAIEmbeddingModel(address.model, provider=self._provider(address))

        async def ask() -> EmbeddingResult:
            async with asyncio.timeout(timeout_s):
                return await model.embed(list(texts), input_type="document")

        started = time.monotonic()
        result = self._run(ask(), address, texts)
        return RawVectors(
            vectors=[list(vector) for vector in result.embeddings],
            model=result.model_name or address.model,
            tokens_in=result.usage.input_tokens,
            seconds=time.monotonic() - started,
            request_id=result.provider_response_id or "",
        )

    def do(
        self,
        address: Address,
        act: Callable[[AsyncOpenAI], Coroutine[Any, Any, R]],
        timeout_s: float,
    ) -> R:
        """Make another request than those above; its errors leave as the SDK's own."""

        async def bounded() -> R:
            async with asyncio.timeout(timeout_s):
                return await act(self._client(address))

        try:
            return self._runner.run(bounded())
        except Exception:
            raise
        except BaseException:
            discard(self)
            raise

    def close(self) -> None:
        """Close the connections and the loop. Only from the thread that made them, or after it ended."""
        if self._runner.get_loop().is_running():
            return  # a daemon thread in the middle of a call at exit
        for client in self._clients.values():
            self._runner.run(client.close())
        self._clients.clear()
        self._runner.close()

    def _provider(self, address: Address) -> OpenAIProvider:
        return OpenAIProvider(openai_client=self._client(address))

    def _client(self, address: Address) -> AsyncOpenAI:
        if address not in self._clients:
            self._clients[address] = AsyncOpenAI(
                base_url=address.base_url,
                # The client insists on a key; a local server does not read it.
                api_key=address.key or "none",
                # A hidden retry is an unrecorded attempt, and after a read timeout a second bill.
                max_retries=0,
                # The total deadline is the call's own; this one only bounds the opening of a connection.
                timeout=Timeout(None, connect=CONNECT_S),
            )
        return self._clients[address]

    def _run(
        self,
        call: Coroutine[Any, Any, R],
        address: Address,
        private: Sequence[str],
        following: Following | None = None,
    ) -> R:
        try:
            if following is not None:
                return follow(self._runner, call, following)
            return self._runner.run(call)
        except VENDOR_ERRORS as error:
            # From None: the vendor's error may hold what was asked or answered, and records are kept.
            private = [*private, address.key]
            raise translate(error, model=address.model, private=private) from None
        except BaseException:
            # A time limit or an interrupt left the call half done on this loop: it must not go on there
            # beside the thread's next call.
            discard(self)
            raise


_sessions: dict[tuple[int, int], Session] = {}


def current() -> Session:
    """Return this thread's session, made on first use and made anew after a fork."""
    _refuse_inside_a_loop()
    # Sessions of the process we were forked from stay in the dict, unused: collecting one would close its
    # loop, and so take the parent's sockets out of the epoll that both processes share.
    key = (os.getpid(), threading.get_ident())
    if key not in _sessions:
        _sessions[key] = Session()
    return _sessions[key]


def discard(session: Session) -> None:
    """Close a session that cannot be trusted any more; the thread's next call makes a new one."""
    _sessions.pop((os.getpid(), threading.get_ident()), None)
    session.close()


def close_all() -> None:
    """Close the sessions of this process. Called at exit; tests may call it between cases."""
    for key in [key for key in _sessions if key[0] == os.getpid()]:
        _sessions.pop(key).close()


atexit.register(close_all)


def _refuse_inside_a_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "complete() and embed() wait for their answer, so they cannot be called inside `async def`. "
        "Make the step an ordinary `def`, or call them through asyncio.to_thread()."
    )


def _messages(system: str, conversation: Sequence[Message]) -> list[ModelMessage]:
    messages: list[ModelMessage] = []
    if system:
        messages.append(ModelRequest(parts=[SystemPromptPart(content=system)]))
    for message in conversation:
        match message["role"]:
            case "user":
                messages.append(ModelRequest(parts=[UserPromptPart(content=message["content"])]))
            case "assistant":
                messages.append(ModelResponse(parts=[TextPart(content=message["content"])]))
    return messages


async def _whole(
    model: OpenAIChatModel,
    messages: Sequence[ModelMessage],
    settings: ModelSettings,
    parameters: ModelRequestParameters,
) -> ModelResponse:
    return await model_request(
        model, messages, model_settings=settings, model_request_parameters=parameters
    )


def _settings(question: Question) -> ModelSettings:
    return ModelSettings(
        max_tokens=question.max_tokens,
        temperature=question.temperature,
        request_timeout=question.timeout_s,
    )


def _parameters(output: type[BaseModel] | None) -> ModelRequestParameters:
    if output is None:
        return ModelRequestParameters()
    wanted = OutputObjectDefinition(
        json_schema=output.model_json_schema(), name=output.__name__, description=output.__doc__
    )
    return ModelRequestParameters(output_mode="native", output_object=wanted)


def _raw(response: ModelResponse, *, seconds: float, address: Address) -> RawAnswer:
    details = response.provider_details or {}
    answer = RawAnswer(
        text=response.text or "",
        model=response.model_name or address.model,
        tokens_in=response.usage.input_tokens,
        tokens_out=response.usage.output_tokens,
        # The raw word: the library fills in "stop" where the provider said nothing.
        finish_reason=str(details.get("finish_reason") or ""),
        seconds=seconds,
        request_id=response.provider_response_id or "",
        caveat=address.caveat,
        tokens_cached=response.usage.cache_read_tokens,
        tokens_reasoning=response.usage.details.get("reasoning_tokens", 0),
        cost_microusd=_microusd(details.get("cost")),
    )
    if response.finish_reason == "content_filter":
        raise refused(address.model, str(details.get("refusal", "")), spent=answer)
    return answer


def _microusd(cost: object) -> int | None:
    """What a gateway such as OpenRouter says that it cost, in dollars."""
    is_cost = isinstance(cost, int | float) and not isinstance(cost, bool) and cost >= 0
    return math.ceil(round(cost * 1_000_000, 6)) if is_cost else None  # type: ignore[operator]  # it is
