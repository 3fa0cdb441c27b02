"""What every test of a page in the browser looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PHONE: Any = {"width": 390, "height": 844}


def violations(page: Page) -> list[str]:
    """What axe-core finds at levels A and AA, one line each."""
    # Not as a script of the page: its policy would not let it in.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        "levels => axe.run(document, {runOnly: {type: 'tag', values: levels}})", LEVELS
    )
    return [
        f"{entry['id']}: {node['target']} {node['failureSummary']}"
        for entry in found["violations"]
        for node in entry["nodes"]
    ]


def wide_icons(page: Page) -> list[str]:
    """Icons that the font does not have: they are drawn as letters, and are wider than a square."""
    page.evaluate("document.fonts.ready")
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('.cx .material-symbols-outlined, .cx .icon')]"
        ".filter(e => !e.closest('details:not([open])'))"
        ".filter(e => e.getBoundingClientRect().width > 1.2 * parseFloat(getComputedStyle(e).fontSize))"
        ".map(e => e.textContent)"
    )
    return found
