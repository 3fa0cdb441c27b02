"""What runs are about, as texts to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: A longer text is cut: a page of it would not be read, and a browser would suffer.
MOST_CHARS = 200_000


def written(values: Mapping[str, Any]) -> dict[str, str]:
    """Each value as a person reads JSON; one that is too long says how much is left out."""
    return {name: _cut(as_text(value)) for name, value in values.items()}


def as_text(value: Any) -> str:
    """JSON with a line for each value; a text that stands alone keeps its own lines."""
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)


def _cut(text: str) -> str:
    left_out = len(text) - MOST_CHARS
    if left_out <= 0:
        return text
    return f"{text[:MOST_CHARS]}\n… {left_out:,} more characters are not shown here"
