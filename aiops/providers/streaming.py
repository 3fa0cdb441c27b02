"""An answer while it is written: shown as it grows, ended when its time is over or nobody wants it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from aiops.flow.errors import Cancelled, StepError
from aiops.providers.exchange import Listener

log = logging.getLogger(__name__)

#: How often the listener is told, and asked whether it wants the rest.
LOOK_S = 0.2
#: What is still open so long after it was closed goes with the whole session.
CLOSE_S = 2.0

R = TypeVar("R")


class Following:
    """What has come of an answer, and who follows it."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._pieces: list[str] = []
        self._shown = 0

    def add(self, piece: str) -> None:
        self._pieces.append(piece)

    def look(self) -> None:
        """Show what is new. Raises Cancelled when nobody wants the rest."""
        if self._listener.is_cancelled():
            raise Cancelled("the run was asked to stop while its answer was being written")
        self.show()

    def show(self) -> None:
        if len(self._pieces) == self._shown:
            return
        self._shown = len(self._pieces)
        try:
            self._listener.partial("".join(self._pieces))
        except StepError:
            raise
        except Exception as error:
            # What is shown meanwhile must not cost the answer, which is being paid for.
            log.warning("stream.not_shown error=%s", type(error).__name__)


async def streamed(
    model: Model,
    messages: Sequence[ModelMessage],
    settings: ModelSettings,
    parameters: ModelRequestParameters,
    *,
    following: Following,
) -> ModelResponse:
    """Ask for a stream and read it to its end, within the time of the whole call."""
    # A stream that drips outlives every time limit of a single read.
    async with (
        asyncio.timeout(settings.get("request_timeout")),
        model_request_stream(
            model, messages, model_settings=settings, model_request_parameters=parameters
        ) as stream,
    ):
        async for event in stream:
            match event:
                case PartStartEvent(part=TextPart(content=text)):
                    following.add(text)
                case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                    following.add(text)
        return stream.get()


def follow(runner: asyncio.Runner, call: Coroutine[Any, Any, R], following: Following) -> R:
    """Run a call to its end, and look at it in between: outside of the loop, where the database may be used."""
    task = runner.get_loop().create_task(call)
    try:
        while True:
            runner.run(_wait(task, LOOK_S))
            if task.done():
                following.show()
                return task.result()
            following.look()
    finally:
        if not task.done():
            # Closes the connection, by which the provider learns that it may stop.
            task.cancel()
            runner.run(_wait(task, CLOSE_S))


async def _wait(task: asyncio.Task[Any], timeout_s: float) -> None:
    await asyncio.wait({task}, timeout=timeout_s)
    if task.done() and not task.cancelled():
        task.exception()  # seen: whoever closes the call has an error of his own
