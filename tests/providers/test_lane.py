"""A lane as a call meets it: its name, its limits, and the door."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiops.flow.errors import LaneStopped
from aiops.providers.lane import Door, Limits, Pass, Refuse, View, Wait, door, name_of
from aiops.providers.models import resolve

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OPEN = View(state="open", held_until=None, reason="", cause="", line="", line_at=None)


@pytest.mark.parametrize(
    ("url", "model", "credential", "name"),
    [
        ("https://api.openai.com/v1", "gpt-x", "OPENAI_KEY", "api.openai.com/gpt-x@OPENAI_KEY"),
        ("http://127.0.0.1:8711/v1", "smol", "", "127.0.0.1:8711/smol"),
    ],
)
def test_a_lane_is_named_by_host_model_and_the_name_of_its_key(
    url: str, model: str, credential: str, name: str
) -> None:
    assert name_of(url, model, credential) == name


SETTINGS = {
    "fast": {"base_url": "https://a.example/v1", "model": "m", "api_key_env": "A_KEY"},
    "mini": {"base_url": "https://a.example/v1", "model": "m", "lane": "ours"},
}


def test_the_settings_declare_a_lane_and_its_limits() -> None:
    limited = {"mini": {**SETTINGS["mini"], "limits": {"tokens_per_min": 9_000, "concurrency": 4}}}

    found = resolve("mini", limited, {})

    assert found.lane == "ours"
    assert found.limits == Limits(tokens_per_min=9_000, concurrency=4)


def test_the_value_of_a_key_is_in_no_name() -> None:
    found = resolve("fast", SETTINGS, {"A_KEY": "secret"})

    assert found.lane == "a.example/m@A_KEY"


def test_a_missing_key_stops_the_lane_that_it_is_of() -> None:
    with pytest.raises(LaneStopped) as caught:
        resolve("fast", SETTINGS, {})

    assert caught.value.lane == "a.example/m@A_KEY"


def test_the_environment_declares_limits_too() -> None:
    found = resolve("fast", {}, {"AIOPS_MODEL_REQUESTS_PER_MIN": "30"})

    assert found.limits == Limits(requests_per_min=30)


@pytest.mark.parametrize(
    "limits", [{"tokens": 5}, {"concurrency": -1}, {"concurrency": True}, {"window_s": 0}]
)
def test_limits_that_are_none_are_refused_with_what_to_write(limits: dict[str, Any]) -> None:
    with pytest.raises(LaneStopped, match=r"AIOPS_MODELS\['mini'\] are wrong: "):
        resolve("mini", {"mini": {**SETTINGS["mini"], "limits": limits}}, {})


def test_a_limit_of_the_environment_that_is_no_number_is_refused() -> None:
    with pytest.raises(LaneStopped, match="AIOPS_MODEL_CONCURRENCY='many'"):
        resolve("fast", {}, {"AIOPS_MODEL_CONCURRENCY": "many"})


def test_limits_are_kept_in_their_window() -> None:
    most = Limits(requests_per_min=600, tokens_per_min=6_000, window_s=10)

    assert (most.requests, most.tokens, Limits().requests) == (100, 1_000, 0)


def test_a_part_of_the_limits_is_never_none_of_them() -> None:
    assert Limits(concurrency=1, requests_per_min=10).shared(0.9) == Limits(
        concurrency=1, requests_per_min=9
    )


def in_line(priority: str, age_s: float = 1) -> View:
    return replace(OPEN, line=priority, line_at=NOON - timedelta(seconds=age_s))


HELD = replace(OPEN, state="held", held_until=NOON, reason="slow down")


@pytest.mark.parametrize(
    ("view", "priority", "has_waited", "found"),
    [
        (OPEN, "batch", False, Pass()),
        (HELD, "interactive", True, Wait("slow down", NOON)),
        (replace(OPEN, state="probing"), "batch", False, Pass(is_probe=True)),
        (
            replace(OPEN, state="stopped", cause="quota", reason="x"),
            "batch",
            True,
            Refuse("quota", "x"),
        ),
        (
            replace(OPEN, state="stopped", cause="person", reason="x"),
            "batch",
            True,
            Refuse("config", "x"),
        ),
        (replace(OPEN, state="ramping"), "batch", False, Pass()),
        (in_line("batch"), "batch", False, Wait("others have waited for longer")),
        (in_line("batch"), "batch", True, Pass()),
        (in_line("batch"), "interactive", False, Pass()),
        (in_line("interactive"), "interactive", False, Wait("others have waited for longer")),
        (in_line("interactive", age_s=6), "batch", False, Pass()),
    ],
    ids=[
        *("open", "held", "probing", "no quota", "stopped by hand", "ramping"),
        *("behind the line", "its turn", "before batch", "behind its like", "line is stale"),
    ],
)
def test_the_door(view: View, priority: str, has_waited: bool, found: Door) -> None:
    assert door(view, priority=priority, has_waited=has_waited, now=NOON) == found
