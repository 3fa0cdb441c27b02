"""Chat: SmolLM2-135M behind llama.cpp's own HTTP server, on a private port of the loopback."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiops.providers.local.weights import CHAT, NotInstalled, find
from aiops.providers.models import LOCAL_CHAT_MODEL

try:
    import xllamacpp
except ImportError as error:
    raise NotInstalled("xllamacpp") from error

#: Prompt and answer together. The memory of one conversation grows with it.
CONTEXT_TOKENS = 2048
#: For a caller who names no limit: it must not write for a minute.
DEFAULT_MAX_TOKENS = 256


class ChatModel:
    """The running model. It serves one conversation at a time; more wait in its queue."""

    def __init__(self) -> None:
        # The object keeps the server alive: its threads end with it.
        self._server = xllamacpp.Server(_parameters(str(find(CHAT))))
        address = urlsplit(self._server.listening_address)
        self.host: str = address.hostname or "127.0.0.1"
        self.port: int = address.port or 0


def _parameters(weights: str) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = weights
    parameters.model_alias = {LOCAL_CHAT_MODEL}
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_predict = DEFAULT_MAX_TOKENS
    parameters.n_parallel = 1
    # One thread: on a busy machine two wait for each other at every token (31 tokens/s against 3.3).
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.n_threads_http = 4
    parameters.warmup = False
    parameters.verbosity = -1
    return parameters
