"""python -m tasks.demo.mail_sink: the mail server outside. It takes every mail, delivers none, and keeps count."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiops.servers.home import home

#: How many mails the list shows.
LATEST = 100


class Journal:
    """Every mail that was accepted, in a file of JSON lines that survives a restart."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self.latest: list[dict[str, str]] = []
        for entry in _whole_lines(path):
            self._remember(entry)
        self._file = path.open("a", encoding="utf-8")
        # A crash may have cut the last line: start a new one, so that ours is whole.
        self._file.write("\n")

    def record(self, raw: bytes, recipients: list[str]) -> None:
        """Keep one mail. It is in the file before this returns, so before the sender hears 250."""
        message = message_from_bytes(raw, policy=default)
        entry = {
            "message_id": str(message.get("Message-ID", "")),
            "to": ", ".join(recipients),
            "subject": " ".join(str(message.get("Subject", "")).split()),
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        with self._lock:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
            self._remember(entry)

    def count(self, message_id: str) -> int:
        return self._counts[message_id]

    def close(self) -> None:
        self._file.close()

    def _remember(self, entry: dict[str, str]) -> None:
        self._counts[entry["message_id"]] += 1
        self.latest = [*self.latest[-LATEST + 1 :], entry]


def _whole_lines(path: Path) -> Iterator[dict[str, str]]:
    """Read the entries of an earlier run; one that was cut was never confirmed to its sender."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):
            yield json.loads(line)


class Inbox:
    """aiosmtpd's handler: called for each mail once it is here whole."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self._journal.record(envelope.content, envelope.rcpt_tos)
        return "250 Message accepted"


class JournalServer(ThreadingHTTPServer):
    """Answers how often a Message-ID has arrived: what `reconcile` asks."""

    daemon_threads = True

    def __init__(self, host: str, port: int, journal: Journal) -> None:
        self.journal = journal
        super().__init__((host, port), JournalHandler)


class JournalHandler(BaseHTTPRequestHandler):
    """GET /messages/<message-id>, GET /messages, GET /health."""

    server: JournalServer

    def do_GET(self) -> None:
        status, answer = self._answer()
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _answer(self) -> tuple[int, dict[str, Any]]:
        match self.path.split("/")[1:]:
            case ["health"]:
                return 200, {"status": "ok"}
            case ["messages"]:
                return 200, {"messages": self.server.journal.latest}
            case ["messages", quoted]:
                message_id = unquote(quoted)
                count = self.server.journal.count(message_id)
                return 200, {"message_id": message_id, "count": count}
            case _:
                return 404, {"error": f"There is no {self.path} here."}

    def log_message(self, format: str, *args: object) -> None:
        return None


class MailSink:
    """SMTP and the journal's web page, each in a thread of its own."""

    def __init__(self, journal: Journal, *, host: str, smtp_port: int, http_port: int) -> None:
        # Imported here: what only reads the journal does not need the demo's packages.
        from aiosmtpd.controller import Controller

        self._journal = journal
        self._smtp = Controller(Inbox(journal), hostname=host, port=smtp_port)
        self._web = JournalServer(host, http_port, journal)
        self._web_thread = threading.Thread(target=self._web.serve_forever, args=(0.05,))
        self.smtp_url = f"smtp://{host}:{smtp_port}"
        self.journal_url = f"http://{host}:{self._web.server_port}"

    def start(self) -> None:
        """Listen; raises OSError when the SMTP port is taken."""
        try:
            self._smtp.start()
        except OSError:
            self._web.server_close()
            raise
        self._web_thread.start()

    def stop(self) -> None:
        self._smtp.stop()
        self._web.shutdown()
        self._web_thread.join()
        self._web.server_close()
        self._journal.close()


def main() -> int:
    """Serve until SIGTERM or SIGINT. Returns 2, with the way out on stderr, when it cannot start."""
    given = _arguments()
    asked_to_stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: asked_to_stop.set())
    try:
        sink = MailSink(
            Journal(given.journal),
            host=given.host,
            smtp_port=given.smtp_port,
            http_port=given.http_port,
        )
        sink.start()
    except ImportError:
        return _refuse(
            "The mail sink needs aiosmtpd. `make demo` installs it; "
            "by hand: pip install -r requirements-demo.txt"
        )
    except OSError as error:
        return _refuse(
            f"The mail sink cannot start: {error}. Choose other ports, or another --journal."
        )
    sys.stdout.write(
        f"mail sink: takes mail on {sink.smtp_url}, counts it on {sink.journal_url}/messages\n"
    )
    sys.stdout.flush()
    asked_to_stop.wait()
    sink.stop()
    return 0


def _refuse(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tasks.demo.mail_sink", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=8712)
    parser.add_argument("--http-port", type=int, default=8713)
    parser.add_argument("--journal", type=Path, default=home() / "demo" / "mail.jsonl")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
