"""The graph and the timeline, drawn from values alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from aiops.admin.page import graph, timeline, words
from aiops.admin.page.axis import axis
from aiops.admin.page.graph import Node
from aiops.admin.page.layout import HEIGHT, WIDTH, around, lay_out
from aiops.admin.page.timeline import Bar, Row

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}


def parsed(text: str) -> ElementTree.Element:
    """Well-formed, with one root around the pictures."""
    return ElementTree.fromstring(f"<div>{text}</div>")  # noqa: S314  # our own text


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_node_stands_to_the_right_of_everything_it_needs() -> None:
    laid = lay_out(DIAMOND)

    x = {name: laid.spots[name].x for name in DIAMOND}

    assert x["a"] < x["b"] == x["c"] < x["d"]
    assert all(x[need] + WIDTH < x[name] for name, needs in DIAMOND.items() for need in needs)


def test_nodes_of_a_column_do_not_overlap() -> None:
    laid = lay_out({"a": (), **{f"b{i}": ("a",) for i in range(9)}})

    tops = sorted(laid.spots[f"b{i}"].y for i in range(9))

    assert all(below - above >= HEIGHT for above, below in pairwise(tops))
    assert laid.height >= tops[-1] + HEIGHT


def test_an_edge_that_skips_a_column_passes_beside_the_nodes_there() -> None:
    laid = lay_out({"a": (), "b": ("a",), "c": ("a", "b")})

    [long] = [edge for edge in laid.edges if len(edge) == 3]

    passed, node = laid.spots[long[1]], laid.spots["b"]
    assert passed.y >= node.y + HEIGHT or passed.y + passed.height <= node.y


def test_branches_do_not_cross() -> None:
    laid = lay_out({"a": (), "b": (), "b2": ("b",), "a2": ("a",)})

    order = [laid.spots[name].y for name in ("a", "b", "a2", "b2")]

    assert (order[0] < order[1]) == (order[2] < order[3])


def test_a_graph_of_nothing_is_empty() -> None:
    assert lay_out({}).width == 0


def test_around_are_the_nodes_within_so_many_edges() -> None:
    chain = {str(i): (str(i - 1),) if i else () for i in range(10)}

    assert around(chain, ["5", "gone"], 2) == {"3", "4", "5", "6", "7"}


def test_a_node_links_to_its_step_and_says_its_state_in_words() -> None:
    text = graph.draw([Node("fetch", (), "succeeded", "3.8 s"), Node("send", ("fetch",), "failed")])

    links = [link.get("href") for link in parsed(text).iter("a")]

    assert links == ["#step-fetch", "#step-send"]
    assert "<title>fetch: Succeeded. 3.8 s</title>" in text
    assert "<title>send: Failed. Failed</title>" in text


def test_a_failed_node_wears_its_verdict() -> None:
    text = graph.draw([Node("send", (), "attention", verdict="check")])

    assert words.VERDICT["check"].icon in text
    assert "Check first" in text


def test_a_map_is_one_node_with_a_meter() -> None:
    text = graph.draw([Node("embed", (), "running", "289 of 480", shares=(0.6, 0.1))])

    width = {
        m[1]: float(m[2])
        for m in re.finditer(r'class="(track|done|bad)"[^>]*? width="([\d.]+)"', text)
    }

    assert "289 of 480" in text
    assert width["done"] == pytest.approx(width["track"] * 0.6, abs=0.1)
    assert width["bad"] == pytest.approx(width["track"] * 0.1, abs=0.1)


def test_a_long_graph_shows_what_is_around_the_trouble() -> None:
    nodes = [
        Node(f"s{i}", (f"s{i - 1}",) if i else (), "failed" if i == 150 else "pending")
        for i in range(300)
    ]

    text = graph.draw(nodes)

    assert len(list(parsed(text).iter("a"))) == 7
    assert "7 of 300 steps" in graph.left_out(nodes)
    assert graph.left_out(nodes[:10]) == ""


def test_names_are_escaped_in_pictures() -> None:
    evil = '<script>"&'

    drawn = graph.draw([Node(evil, (), "failed")])
    rows = [Row(evil, words.STEP["failed"], ())]
    drawn += timeline.draw(rows, begin=NOON, end=later(1), now=None)

    assert "<script" not in drawn
    assert parsed(drawn) is not None


def test_time_is_proportional_where_nothing_is_folded() -> None:
    scale = axis(100, [(0, 60), (70, 100)])

    assert not scale.folds
    assert scale.place(25) == pytest.approx(0.25)
    assert (scale.place(-5), scale.place(500)) == (0, 1)


def test_a_long_idle_stretch_is_folded_and_order_is_kept() -> None:
    scale = axis(3600, [(0, 30), (3570, 3600)])

    places = [scale.place(at) for at in (0, 30, 1800, 3570, 3600)]

    assert [*scale.folds] == [(30, 3570)]
    assert places == sorted(places)
    assert places[1] > 0.3
    assert places[3] - places[1] < 0.3


def test_ticks_are_round_and_stay_out_of_folds() -> None:
    assert list(axis(100, [(0, 100)]).ticks()) == [0, 30, 60, 90]
    assert all(tick <= 30 for tick in axis(3600, [(0, 30)]).ticks())


def test_a_run_that_has_just_begun_has_an_axis() -> None:
    assert axis(0, []).place(0) == 0


def bar(kind: timeline.Kind, begin_s: float, end_s: float) -> Bar:
    return Bar(kind, "green", later(begin_s), later(end_s), f"#1: {kind}")


def test_every_attempt_and_wait_has_a_bar_that_says_what_it_is() -> None:
    bars = (bar("queue", 0, 5), bar("bad", 5, 20), bar("backoff", 20, 30), bar("done", 30, 60))
    rows = [Row("send", words.STEP["succeeded"], bars)]

    text = timeline.draw(rows, begin=NOON, end=later(60), now=None)

    for title in ("#1: queue, 5.0 s", "#1: bad, 15.0 s", "#1: backoff, 10.0 s", "#1: done, 30.0 s"):
        assert f"<title>{title}</title>" in text
    assert ">now<" not in text


def test_a_run_that_goes_on_has_a_mark_at_the_present() -> None:
    rows = [Row("send", words.STEP["waiting"], (bar("wait", 10, 3600),))]

    text = timeline.draw(rows, begin=NOON, end=later(3600), now=later(3600))

    assert ">now<" in text
    assert "folded" in text
    assert parsed(text).find("svg") is not None
