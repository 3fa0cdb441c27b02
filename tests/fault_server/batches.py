"""Files and batches, as OpenAI's: a batch is done when it has been looked at so often."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


def file_of(content_type: str, raw: bytes) -> bytes:
    """The file in a multipart body."""
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    parts = [part for part in message.walk() if part.get_filename()]
    found = parts[0].get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


@dataclass
class Batches:
    """All of the process. `looks` is how often a batch is found unfinished."""

    looks: int = 1
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: How often each has been looked at.
    seen: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        self.looks = 1
        self.files.clear()
        self.batches.clear()
        self.seen.clear()

    def keep(self, content: bytes) -> dict[str, Any]:
        with self._lock:
            id_ = f"file-{len(self.files) + 1}"
            self.files[id_] = content
        return {
            **{"id": id_, "object": "file", "bytes": len(content), "created_at": 1_800_000_000},
            **{"filename": "batch.jsonl", "purpose": "batch", "status": "processed"},
        }

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        total = len(self.files[body["input_file_id"]].splitlines())
        with self._lock:
            id_ = f"batch-{len(self.batches) + 1}"
            self.batches[id_] = {
                **{"id": id_, "object": "batch", "created_at": 1_800_000_000},
                **{name: body[name] for name in ("input_file_id", "endpoint", "completion_window")},
                **{"metadata": body.get("metadata"), "status": "in_progress"},
                "request_counts": {"total": total, "completed": 0, "failed": 0},
            }
            return self.batches[id_]

    def look(self, id_: str, answer: Answer) -> dict[str, Any] | None:
        batch = self.batches.get(id_)
        if batch is None:
            return None
        self.seen[id_] = self.seen.get(id_, 0) + 1
        if batch["status"] == "in_progress" and self.seen[id_] > self.looks:
            self._complete(batch, answer)
        return batch

    def cancel(self, id_: str) -> dict[str, Any]:
        self.batches[id_]["status"] = "cancelled"
        return self.batches[id_]

    def listed(self) -> dict[str, Any]:
        """The newest first, as a list of one page."""
        return {"object": "list", "data": list(self.batches.values())[::-1], "has_more": False}

    def _complete(self, batch: dict[str, Any], answer: Answer) -> None:
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for line in self.files[batch["input_file_id"]].splitlines():
            asked = json.loads(line)
            status, body = answer(asked["body"])
            response = {"status_code": status, "request_id": "r", "body": body}
            told = {"id": "b", "custom_id": asked["custom_id"], "response": response, "error": None}
            (good if status == 200 else bad).append(told)
        # The order of the answers is nobody's promise.
        batch["output_file_id"] = self._file(good[::-1])
        batch["error_file_id"] = self._file(bad)
        batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}
        batch["status"] = "completed"

    def _file(self, rows: list[dict[str, Any]]) -> str | None:
        if not rows:
            return None
        kept = self.keep("\n".join(map(json.dumps, rows)).encode())
        return str(kept["id"])
