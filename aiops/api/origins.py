"""Origins of pages that may call the API from a browser."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_origin(text: str) -> bool:
    """Whether a text is a scheme and a host, as browsers send them; a star is none. Pure."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and "*" not in text
    return is_web and text == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc
