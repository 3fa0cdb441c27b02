"""Where the nodes of a graph stand: columns by the longest way to them, few crossings, no overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise

#: Size of a node, and the room between columns and between rows, in pixels.
WIDTH, HEIGHT, BETWEEN_X, BETWEEN_Y = 158.0, 56.0, 28.0, 18.0
#: Room that a line takes where it passes a column.
_LANE = 14.0
_SWEEPS = 6

Needs = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Spot:
    """The upper left corner of a node, or the height at which a line passes."""

    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Layout:
    spots: Mapping[str, Spot]
    #: For each edge: the node it leaves, what it passes, the node it reaches.
    edges: Sequence[tuple[str, ...]]
    width: float
    height: float


def lay_out(needs: Needs) -> Layout:
    """Place the nodes of an acyclic graph; needs that are not in it are ignored."""
    depth = _depths(needs)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in needs:
        columns[depth[name]].append(name)
    edges = [_edge(need, name, depth, columns) for name, need in _pairs(needs)]
    _untangle(columns, edges)
    return _placed(columns, edges, set(needs))


def around(needs: Needs, centres: Iterable[str], distance: int) -> set[str]:
    """The nodes at most so many edges away from these."""
    near: dict[str, set[str]] = {name: set() for name in needs}
    for name, need in _pairs(needs):
        near[name].add(need)
        near[need].add(name)
    found = {name for name in centres if name in near}
    for _ in range(distance):
        found |= {other for name in found for other in near[name]}
    return found


def _pairs(needs: Needs) -> list[tuple[str, str]]:
    return [(name, need) for name, found in needs.items() for need in found if need in needs]


def _depths(needs: Needs) -> dict[str, int]:
    depth: dict[str, int] = {}
    inner = {name: [need for need in found if need in needs] for name, found in needs.items()}
    for name in TopologicalSorter(inner).static_order():
        depth[name] = 1 + max((depth[need] for need in inner[name]), default=-1)
    return depth


def _edge(
    need: str, name: str, depth: Mapping[str, int], columns: list[list[str]]
) -> tuple[str, ...]:
    """An edge that skips columns passes each of them at a place of its own."""
    passed = []
    for column in range(depth[need] + 1, depth[name]):
        passed.append(f"{need}\n{name}\n{column}")
        columns[column].append(passed[-1])
    return (need, *passed, name)


def _untangle(columns: list[list[str]], edges: Sequence[tuple[str, ...]]) -> None:
    """Order each column by the mean place of its neighbours, to and fro."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for edge in edges:
        for left, right in pairwise(edge):
            before.setdefault(right, []).append(left)
            after.setdefault(left, []).append(right)
    place = {name: float(i) for column in columns for i, name in enumerate(column)}
    for sweep in range(_SWEEPS):
        near, order = (before, columns) if sweep % 2 == 0 else (after, columns[::-1])
        for column in order:
            means = {name: _mean(place, near.get(name, [name])) for name in column}
            column.sort(key=means.__getitem__)
            place.update((name, float(i)) for i, name in enumerate(column))


def _mean(place: Mapping[str, float], names: Sequence[str]) -> float:
    return sum(place[name] for name in names) / len(names)


def _placed(
    columns: Sequence[Sequence[str]], edges: Sequence[tuple[str, ...]], real: set[str]
) -> Layout:
    spots: dict[str, Spot] = {}
    tall = [_tallness(column, real) for column in columns]
    height = max(tall, default=0.0)
    for i, column in enumerate(columns):
        y = (height - tall[i]) / 2
        for name in column:
            size = HEIGHT if name in real else _LANE
            spots[name] = Spot(i * (WIDTH + BETWEEN_X), y, size)
            y += size + BETWEEN_Y
    width = len(columns) * (WIDTH + BETWEEN_X) - BETWEEN_X if columns else 0.0
    return Layout(spots, edges, width, height)


def _tallness(column: Sequence[str], real: set[str]) -> float:
    sizes = [HEIGHT if name in real else _LANE for name in column]
    return sum(sizes) + BETWEEN_Y * (len(sizes) - 1)
