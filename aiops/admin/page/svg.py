"""Writing SVG: every value is escaped, and attributes do what styles may not."""

from __future__ import annotations

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString


def tag(name: str, *children: str, **attributes: str | float) -> SafeString:
    """One element. `class_` is `class`, and `text_anchor` is `text-anchor`."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value != ""
    )
    inner = "".join(conditional_escape(child) for child in children)
    return SafeString(f"<{name}{written}>{inner}</{name}>")


def rect(
    x: float, y: float, width: float, height: float, class_: str, *children: str
) -> SafeString:
    """A rectangle with corners as round as its height allows, up to 4."""
    return tag(
        *("rect", *children),
        class_=class_,
        x=x,
        y=y,
        width=max(width, 0.0),
        height=height,
        rx=min(4.0, height / 2),
    )


def text(x: float, y: float, words: str, class_: str, **attributes: str | float) -> SafeString:
    return tag("text", words, class_=class_, x=x, y=y, **attributes)


def icon(x: float, y: float, name: str, class_: str, **attributes: str | float) -> SafeString:
    """A symbol of the icon font; the words beside it say the same."""
    return text(x, y, name, class_, aria_hidden="true", **attributes)


def number(value: float) -> str:
    """A coordinate, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")


def _value(value: str | float) -> str:
    return number(value) if isinstance(value, int | float) else conditional_escape(value)
