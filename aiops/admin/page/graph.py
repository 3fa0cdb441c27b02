"""The graph of a run: a picture whose nodes lead to the steps below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.utils.safestring import SafeString

from aiops.admin.page import words
from aiops.admin.page.amounts import clipped, count
from aiops.admin.page.layout import HEIGHT, WIDTH, Layout, around, lay_out
from aiops.admin.page.svg import icon, number, rect, tag, text
from aiops.models.step import DONE, StepState

#: A graph of more nodes shows those around what runs or has stopped.
MOST_NODES = 200
_DISTANCE = 3
#: How far the picture may shrink before it scrolls.
SMALLEST = 0.86
_PAD = 14.0
_LABEL_X = 39.0
#: Characters that fit into the two lines of a node.
LABEL, NOTE = 16, 21

#: States that somebody who looks at a run looks for.
EYES: frozenset[str] = frozenset(
    {
        *(StepState.FAILED, StepState.ATTENTION, StepState.RUNNING),
        *(StepState.RETRYING, StepState.WAITING, StepState.QUEUED),
    }
)


@dataclass(frozen=True, slots=True)
class Node:
    """A step, as the graph shows it."""

    name: str
    needs: tuple[str, ...]
    state: str
    #: The line below the name: "2.6 s · 2 tries", "289 of 480".
    note: str = ""
    #: The key of its verdict, where it failed.
    verdict: str = ""
    #: Shares of a map's items that are done and that have failed; None for other steps.
    shares: tuple[float, float] | None = None
    #: How it is shown where it is a step of a plan, and in no state.
    look: words.Look | None = None


def draw(nodes: Sequence[Node], *, whole: bool = False) -> SafeString:
    """Draw steps from left to right; a large graph as far as it matters, unless the `whole` is wanted."""
    shown = _shown(nodes, whole=whole)
    laid = lay_out({node.name: node.needs for node in shown})
    by_name = {node.name: node for node in shown}
    width, height = laid.width + 2 * _PAD, laid.height + 2 * _PAD
    picture = tag(
        "svg",
        _arrow(),
        *(_edge(edge, laid, by_name) for edge in laid.edges),
        *(_node(node, laid) for node in shown),
        class_="cx-graph",
        role="group",
        aria_label=f"Graph of {_told(len(shown), len(nodes))}",
        viewBox=f"{-_PAD:g} {-_PAD:g} {number(width)} {number(height)}",
        width=width,
        height=height,
    )
    # An empty picture keeps the box from getting narrower than this: styles are not allowed to.
    floor = tag("svg", aria_hidden="true", class_="cx-floor", width=width * SMALLEST, height=1)
    return SafeString(picture + floor)


def left_out(nodes: Sequence[Node], *, whole: bool = False) -> str:
    """What a reader must know about a graph that is not all there."""
    shown = len(_shown(nodes, whole=whole))
    return "" if shown == len(nodes) else f"{_told(shown, len(nodes))}: those around what goes on"


def _told(shown: int, total: int) -> str:
    return count(total, "step") if shown == total else f"{shown} of {count(total, 'step')}"


def _shown(nodes: Sequence[Node], *, whole: bool) -> Sequence[Node]:
    if whole or len(nodes) <= MOST_NODES:
        return nodes
    centres = [node.name for node in nodes if node.state in EYES] or [nodes[-1].name]
    near = around({node.name: node.needs for node in nodes}, centres[:20], _DISTANCE)
    return [node for node in nodes if node.name in near][:MOST_NODES]


def _arrow() -> SafeString:
    head = tag("path", d="M0 0L8 4L0 8z", class_="cx-arrow")
    size: Mapping[str, str | float] = {"refX": 7, "refY": 4, "markerWidth": 7, "markerHeight": 7}
    marker = tag("marker", head, id="cx-arrow", viewBox="0 0 8 8", orient="auto", **size)
    return tag("defs", marker)


def _edge(edge: tuple[str, ...], laid: Layout, by_name: Mapping[str, Node]) -> SafeString:
    kind = _kind_of_edge(by_name[edge[0]].state, by_name[edge[-1]].state)
    return tag("path", class_=f"cx-edge {kind}", d=_way(edge, laid), marker_end="url(#cx-arrow)")


def _kind_of_edge(source: str, target: str) -> str:
    if target == StepState.RUNNING:
        return "flow"
    if source in DONE and target not in (StepState.PENDING, StepState.CANCELLED):
        return "done"
    return "todo"


def _way(edge: tuple[str, ...], laid: Layout) -> str:
    """Curves from the right side of each place to the left side of the next."""
    drawn = ""
    for left, right in pairwise(edge):
        a, b = laid.spots[left], laid.spots[right]
        x1, x2 = a.x + WIDTH, b.x - (2 if right == edge[-1] else 0)
        half, y1, y2 = number((x1 + x2) / 2), number(a.middle), number(b.middle)
        start = "M" if not drawn else "L"
        drawn += f"{start}{number(x1)} {y1}C{half} {y1} {half} {y2} {number(x2)} {y2}"
    return drawn


def _node(node: Node, laid: Layout) -> SafeString:
    look, spot = node.look or words.STEP[node.state], laid.spots[node.name]
    x, y = spot.x, spot.y
    note = node.note or look.word
    judged = f". {words.VERDICT[node.verdict].word}" if node.verdict else ""
    return tag(
        "a",
        tag("title", f"{node.name}: {look.word}. {note}{judged}"),
        tag("rect", class_="box", x=x, y=y, width=WIDTH, height=HEIGHT, rx=10),
        rect(x, y + 10, 4, HEIGHT - 20, "bar"),
        icon(x + 12, y + 36, look.icon, "icon"),
        text(x + _LABEL_X, y + 25, clipped(node.name, LABEL), "label"),
        text(x + _LABEL_X, y + 42, clipped(note, NOTE), "note"),
        *_meter(node, x + _LABEL_X, y + 48),
        *_badge(node, x + WIDTH - 4, y + 3),
        href=f"#step-{node.name}",
        class_=f"cx-node tone-{look.tone} s-{node.state}",
    )


def _meter(node: Node, x: float, y: float) -> list[SafeString]:
    if node.shares is None:
        return []
    full = WIDTH - _LABEL_X - 13
    done, bad = (full * share for share in node.shares)
    return [
        rect(x, y, full, 4, "track"),
        rect(x, y, done, 4, "done"),
        rect(x + done, y, bad, 4, "bad"),
    ]


def _badge(node: Node, x: float, y: float) -> list[SafeString]:
    if not node.verdict:
        return []
    look = words.VERDICT[node.verdict]
    return [
        tag(
            "g",
            tag("circle", class_="badge", cx=x, cy=y, r=10),
            icon(x, y + 5, look.icon, "badge-icon", text_anchor="middle"),
            class_=f"tone-{look.tone}",
        )
    ]
