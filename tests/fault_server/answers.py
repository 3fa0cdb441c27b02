"""Good answers, computed from the question alone, so that every test can say what must come back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.fault_server.faults import Fault

DIMENSIONS = 8


def prompt_of(body: Mapping[str, Any]) -> str:
    """The last thing that was said; of an embedding, the texts."""
    if messages := body.get("messages"):
        return _text(messages[-1].get("content", ""))
    given = body.get("input", "")
    return given if isinstance(given, str) else " ".join(map(str, given))


def text_of(body: Mapping[str, Any], fault: Fault) -> str:
    """The prompt comes back; where a schema is asked for, the smallest thing that fits it."""
    if fault.text is not None:
        return fault.text
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    return prompt_of(body) if schema is None else json.dumps(fitting(schema, schema))


def usage_of(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    """One token for each four characters, as a rule of thumb says."""
    told = " ".join(_text(turn.get("content", "")) for turn in body.get("messages", []))
    asked, said = _tokens(told or prompt_of(body)), _tokens(text)
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def completion(number: int, body: Mapping[str, Any], fault: Fault) -> dict[str, Any]:
    text = text_of(body, fault)
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if fault.refusal:
        message |= {"content": None, "refusal": fault.refusal}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": f"{body.get('model')}-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": fault.finish}],
        "usage": usage_of(body, text),
    }


def embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    given = body.get("input", "")
    texts = [given] if isinstance(given, str) else given
    rows = [
        {"object": "embedding", "index": n, "embedding": vector(t)} for n, t in enumerate(texts)
    ]
    tokens = sum(_tokens(str(text)) for text in texts)
    return {
        "object": "list",
        "data": rows,
        "model": f"{body.get('model')}-2026",
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def vector(text: object) -> list[float]:
    """Equal texts have equal vectors; nothing else is promised."""
    digest = hashlib.sha256(str(text).encode()).digest()
    return [round(byte / 255, 4) for byte in digest[:DIMENSIONS]]


def stream(number: int, body: Mapping[str, Any], fault: Fault) -> Iterator[dict[str, Any]]:
    """The events of a streamed completion; the caller writes them, and ends with [DONE]."""
    head = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": 1_800_000_000,
        "model": f"{body.get('model')}-2026",
    }
    text = text_of(body, fault)
    if fault.refusal:
        delta = {"role": "assistant", "refusal": fault.refusal}
        yield {**head, "choices": [_delta(delta, None)]}
    pieces = [] if fault.refusal else _pieces(text)
    for place, piece in enumerate(pieces):
        if fault.stream_error and place >= len(pieces) // 2:
            yield {"error": fault.stream_error}
            return
        yield {**head, "choices": [_delta({"role": "assistant", "content": piece}, None)]}
    if fault.finish is not None:
        yield {**head, "choices": [_delta({}, fault.finish)]}
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": usage_of(body, text)}


def fitting(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """The smallest value that fits a JSON schema of pydantic's making."""
    if "$ref" in schema:
        return fitting(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return fitting(schema[choice][0], root)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            needed = schema.get("required", list(fields))
            return {name: fitting(fields[name], root) for name in needed}
        case "array":
            return [fitting(schema["items"], root)] * int(schema.get("minItems", 0))
        case "string":
            return "x" * max(1, int(schema.get("minLength", 1)))
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return None


def _delta(delta: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _pieces(text: str) -> list[str]:
    words = text.split(" ")
    return [word if place == 0 else f" {word}" for place, word in enumerate(words)]


def _tokens(text: str) -> int:
    return max(1, len(text) // 4)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content or [])
