"""The local model's one port: embeddings answered here, chat handed to llama.cpp's server behind it."""

from __future__ import annotations

import http.client
import json
import select
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiops.providers.local.chat import ChatModel
from aiops.providers.local.embeddings import MiniLM
from aiops.providers.models import LOCAL_CAVEAT, LOCAL_CHAT_MODEL, LOCAL_EMBED_MODEL

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_TEXTS = 512


class BadRequest(Exception):
    """The caller's mistake; its text is the answer."""


class LocalModelServer(ThreadingHTTPServer):
    """Listens at once; the models are loaded before it is made, so what answers is ready."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.embeddings = MiniLM()
        self.chat = ChatModel()
        super().__init__((host, port), Handler)


class Handler(BaseHTTPRequestHandler):
    """The OpenAI paths that the port uses, and /health."""

    protocol_version = "HTTP/1.1"
    server: LocalModelServer

    def do_GET(self) -> None:
        match self.path:
            case "/health":
                self._json(200, {"status": "ok"})
            case "/v1/models":
                self._json(200, models())
            case _:
                self._refuse(404, f"There is no {self.path} here.")

    def do_POST(self) -> None:
        try:
            raw = self._body()
            match self.path:
                case "/v1/embeddings":
                    self._json(200, embeddings(self.server.embeddings, raw))
                case "/v1/chat/completions":
                    self._relay(raw)
                case _:
                    self._refuse(404, f"There is no {self.path} here.")
        except BadRequest as error:
            self._refuse(400, str(error))

    def _relay(self, raw: bytes) -> None:
        upstream = http.client.HTTPConnection(self.server.chat.host, self.server.chat.port)
        try:
            upstream.request("POST", self.path, raw, {"Content-Type": "application/json"})
            if not self._wait_for(upstream):
                self.close_connection = True  # nobody listens: closing upstream stops the writing
                return
            self._pass_on(upstream.getresponse())
        finally:
            upstream.close()

    def _wait_for(self, upstream: http.client.HTTPConnection) -> bool:
        """Wait until the model answers; False when our caller has hung up before that."""
        waiting = [self.connection, upstream.sock]
        readable, _, _ = select.select(waiting, [], [])
        return upstream.sock in readable or not _hung_up(self.connection)

    def _pass_on(self, answer: http.client.HTTPResponse) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type", "application/json"))
        self._label()
        # Streams have no length: the connection's end is the answer's end.
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while chunk := answer.read1(65_536):
            self.wfile.write(chunk)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise BadRequest(f"Content-Length must be given, and at most {MAX_BODY_BYTES}.")
        return self.rfile.read(int(length))

    def _refuse(self, status: int, message: str) -> None:
        error = {"message": message, "type": "invalid_request_error", "code": str(status)}
        self._json(status, {"error": error})

    def _json(self, status: int, answer: dict[str, Any]) -> None:
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self._label()
        self.end_headers()
        self.wfile.write(raw)

    def _label(self) -> None:
        self.send_header("X-Model-Caveat", LOCAL_CAVEAT)

    def log_message(self, format: str, *args: object) -> None:
        return None  # a line for each request is noise in the demo's terminal


def models() -> dict[str, Any]:
    entries = [
        {"id": name, "object": "model", "owned_by": "local", "caveat": LOCAL_CAVEAT}
        for name in (LOCAL_CHAT_MODEL, LOCAL_EMBED_MODEL)
    ]
    return {"object": "list", "data": entries}


def embeddings(model: MiniLM, raw: bytes) -> dict[str, Any]:
    """Answer POST /v1/embeddings. Vectors are plain lists, which every client accepts."""
    texts = texts_of(raw)
    done = model.embed(texts)
    data = [
        {"object": "embedding", "index": index, "embedding": [round(float(x), 7) for x in vector]}
        for index, vector in enumerate(done.vectors)
    ]
    usage = {"prompt_tokens": done.tokens, "total_tokens": done.tokens}
    return {"object": "list", "data": data, "model": LOCAL_EMBED_MODEL, "usage": usage}


def texts_of(raw: bytes) -> list[str]:
    """Read `input` of an embeddings request; raises BadRequest."""
    try:
        given = json.loads(raw).get("input")
    except (ValueError, AttributeError):
        raise BadRequest("The body must be a JSON object.") from None
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadRequest("`input` must be a text or a list of texts.")
    if not 1 <= len(texts) <= MAX_TEXTS:
        raise BadRequest(f"`input` must hold 1 to {MAX_TEXTS} texts.")
    return texts


def _hung_up(connection: socket.socket) -> bool:
    """Whether a readable connection is readable because the other side closed it."""
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except ConnectionError:
        return True
