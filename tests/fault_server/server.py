"""The server: OpenAI's paths with faults, the effect sink, and its own book-keeping under /_."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fault_server import answers, sending
from tests.fault_server.batches import Batches, file_of
from tests.fault_server.faults import Fault, UnknownFault
from tests.fault_server.journal import Entry, Journal
from tests.fault_server.script import Rule, Script
from tests.fault_server.sink import Sink


class FaultyServer(ThreadingHTTPServer):
    """All state of the process."""

    daemon_threads = True
    # Hundreds of callers may come at once.
    request_queue_size = 1024

    def __init__(self, host: str, port: int) -> None:
        self.journal = Journal()
        self.script = Script()
        self.sink = Sink()
        self.batches = Batches()
        #: Set: whatever hangs, ends.
        self.released = threading.Event()
        super().__init__((host, port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        return None  # a caller that was killed in the middle is the ordinary case here


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyServer
    # A small write must not wait for the acknowledgement of the one before it.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        match address.path:
            case "/_journal":
                self._json(
                    200,
                    self.server.journal.to_json(query.get("model", ""), int(query.get("since", 0))),
                )
            case "/_counts":
                self._json(200, self.server.journal.counts())
            case "/_sink":
                self._json(200, self.server.sink.to_json())
            case path if path.startswith(("/v1/batches", "/v1/files/")):
                self._look(path.removeprefix("/v1/"))
            case path if path.startswith("/effects/"):
                times = self.server.sink.times(path.removeprefix("/effects/"))
                self._json(200 if times else 404, {"times": times})
            case _:
                self._json(404, {"error": {"message": f"There is no {address.path} here."}})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/v1/files":
            content = file_of(self.headers["Content-Type"], raw)
            self._json(200, self.server.batches.keep(content))
            return
        body = json.loads(raw or "{}")
        match urlsplit(self.path).path:
            case "/v1/batches":
                self._answer({**body, "input": f"batch {body.get('metadata')}"})
            case path if path.startswith("/v1/batches/") and path.endswith("/cancel"):
                self._json(200, self.server.batches.cancel(path.split("/")[3]))
            case "/_looks":
                self.server.batches.looks = body["looks"]
                self._json(200, {})
            case "/v1/chat/completions" | "/v1/embeddings":
                self._answer(body)
            case path if path.startswith("/effects/"):
                self._effect(path.removeprefix("/effects/"), body)
            case "/_script":
                self._set_script(body)
            case "/_reset":
                self.server.journal.reset()
                self.server.sink.reset()
                self.server.batches.reset()
                self.server.script.set([])
                self.server.released.clear()
                self._json(200, {})
            case "/_release":
                self.server.released.set()
                self._json(200, {})
            case path:
                self._json(404, {"error": {"message": f"There is no {path} here."}})

    def _set_script(self, body: Any) -> None:
        try:
            rules = [Rule.from_json(rule) for rule in body]
        except UnknownFault as error:
            self._json(400, {"error": {"message": str(error)}})
            return
        self.server.script.set(rules)
        self._json(200, {})

    def _answer(self, body: dict[str, Any]) -> None:
        prompt, model = answers.prompt_of(body), str(body.get("model", ""))
        headers = {name.lower(): value for name, value in self.headers.items()}
        entry = self.server.journal.arrive(self.path, model, prompt, headers)
        chosen = self.server.script.choose(model, prompt)
        entry.fault, entry.status = chosen.name, chosen.status
        waiting = sending.Waiting(self.connection, self.server.released, entry)
        try:
            self._send(body, chosen, entry, waiting)
        except (sending.ClientGone, ConnectionError):
            entry.client_gone_at = entry.client_gone_at or time.time()
            self.close_connection = True
        except sending.CutOff:
            return
        else:
            entry.completed_at = time.time()

    def _send(
        self, body: dict[str, Any], fault: Fault, entry: Entry, waiting: sending.Waiting
    ) -> None:
        match fault.how:
            case "hang":
                waiting.wait(None)
                sending.cut_off(self)
            case "hang_up":
                sending.cut_off(self)
            case "slow":
                waiting.wait(fault.number)
        if fault.computes:
            entry.computed_at = time.time()
        if body.get("stream") and fault.body is None:
            sending.events(self, answers.stream(entry.number, body, fault), fault, waiting)
        else:
            raw = self._raw(body, fault, entry.number)
            match fault.how:
                case "drop":
                    sending.cut_off(self)
                case "half":
                    sending.half(self, raw, fault)
                case "drip":
                    sending.drip(self, raw, fault, waiting)
                case "stall":
                    sending.stall(self, raw, fault, waiting)
                case _:
                    sending.whole(self, raw, fault)
        self.wfile.flush()

    def _raw(self, body: dict[str, Any], fault: Fault, number: int) -> bytes:
        if fault.body is not None:
            said = json.dumps(answers.prompt_of(body))[1:-1]
            return fault.body.replace("<<PROMPT>>", said).encode()
        if self.path.endswith("/batches"):
            return json.dumps(self.server.batches.create(body)).encode()
        if self.path.endswith("/embeddings"):
            return json.dumps(answers.embeddings(body)).encode()
        return json.dumps(answers.completion(number, body, fault)).encode()

    def _look(self, path: str) -> None:
        """A batch, all batches, or the content of a file."""
        what, _, rest = path.partition("/")
        id_ = rest.partition("/")[0]
        if what == "files":
            found: bytes | None = self.server.batches.files.get(id_)
        else:
            batches = self.server.batches
            told = batches.look(id_, self._batched) if id_ else batches.listed()
            found = None if told is None else json.dumps(told).encode()
        if found is None:
            self._json(404, {"error": {"message": f"There is no {path} here."}})
            return
        sending.whole(self, found, Fault(status=200))

    def _batched(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The answer to one question of a batch; a fault with a body is its error."""
        model, prompt = str(body.get("model", "")), answers.prompt_of(body)
        entry = self.server.journal.arrive("/batch", model, prompt, {})
        chosen = self.server.script.choose(model, prompt)
        entry.fault, entry.status = chosen.name, chosen.status
        if chosen.body is not None:
            return chosen.status, json.loads(chosen.body)
        entry.computed_at = entry.completed_at = time.time()
        return 200, answers.completion(entry.number, body, chosen)

    def _effect(self, key: str, body: dict[str, Any]) -> None:
        """Do it; then answer, hang ("hang"), hang up ("drop") or take some seconds ("slow_s")."""
        entry = self.server.journal.arrive(self.path, "", key, {})
        waiting = sending.Waiting(self.connection, self.server.released, entry)
        with self.server.sink.doing(key) as times:
            entry.computed_at = time.time()
            try:
                match body.get("then"):
                    case "hang":
                        waiting.wait(None)
                    case "drop":
                        sending.cut_off(self)
                    case _:
                        waiting.wait(float(body.get("slow_s", 0)))
            except (sending.ClientGone, sending.CutOff):
                self.close_connection = True
                return
        self._json(200, {"times": times})
        entry.completed_at = time.time()

    def _json(self, status: int, answer: Any) -> None:
        sending.whole(self, json.dumps(answer).encode(), Fault(status=status))

    def log_message(self, format: str, *args: object) -> None:
        return None
