"""The table of all figures, for a terminal and for README.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, number

BEGIN = "<!-- bench: begin -->"
END = "<!-- bench: end -->"
HEAD = ("measure", "unit", "ours", "bare Celery", "ours / Celery", "target", "")


def markers(apart: str = "") -> tuple[str, str]:
    """The lines around the table in a file; around that of a measure with a table of its own."""
    place = f"bench: {apart} " if apart else "bench: "
    return BEGIN.replace("bench: ", place), END.replace("bench: ", place)


class NoMarkers(Exception):
    """The file to write has no place for the table: add the two marker lines."""


def render(figures: Sequence[Figure]) -> str:
    """A markdown table; the columns are aligned, so that a terminal shows it as well."""
    rows = [HEAD, *map(_row, figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, _line(tuple("-" * width for width in widths), widths))
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    parts = ", ".join(f"{name} {number(value)}" for name, value in figure.parts.items())
    return (
        figure.what,
        figure.unit,
        f"{figure.ours}" + (f" ({parts})" if parts else ""),
        figure.peer_says if figure.peer is None else str(figure.peer),
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        str(figure.target or ""),
        figure.verdict,
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    return f"| {' | '.join(cells)} |"


def write(path: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Replace what is between the markers of a file."""
    before = path.read_text()
    place = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    if not place.search(before):
        raise NoMarkers(f"{path} has no place for the table: add a line {begin} and a line {end}")
    path.write_text(place.sub(lambda _: f"{begin}\n{text}\n{end}", before))
