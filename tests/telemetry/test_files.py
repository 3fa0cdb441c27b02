"""The dashboard, the alerts and their document name only what is exported, and all of it is explained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from aiops.upkeep.metrics.declared import METRICS

ROOT = Path(__file__).parent.parent.parent
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/aiops.json"
DOCUMENT = ROOT / "docs/telemetry.md"

NAME = re.compile(r"\baiops_\w+")
#: A metric, and the labels that its selector or its grouping names.
SELECTED = re.compile(r"\b(aiops_\w+)\{([^}]*)\}")
SAMPLES = {sample: metric for metric in METRICS.values() for sample in metric.samples}


def expressions_of_alerts() -> list[str]:
    return re.findall(r"expr: \|-\n +(.+)", ALERTS.read_text())


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", ALERTS.read_text())


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions_of_panels() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", ())]


EVERYTHING = [*expressions_of_alerts(), *expressions_of_panels()]


def test_there_is_something_to_check() -> None:
    assert len(expressions_of_alerts()) == len(alerts()) > 20
    assert len(expressions_of_panels()) > 30


@pytest.mark.parametrize("expression", EVERYTHING)
def test_each_metric_that_is_asked_for_is_exported(expression: str) -> None:
    assert NAME.findall(expression)
    assert set(NAME.findall(expression)) <= set(SAMPLES)


@pytest.mark.parametrize("expression", EVERYTHING)
def test_each_label_that_is_selected_exists(expression: str) -> None:
    for name, selectors in SELECTED.findall(expression):
        labels = set(re.findall(r"(\w+)(?:=|!=|=~|!~)", selectors))
        assert labels <= {*SAMPLES[name].labels, "le"}


def test_each_label_of_a_legend_exists() -> None:
    for panel in panels():
        for target in panel.get("targets", ()):
            names = {label for n in NAME.findall(target["expr"]) for label in SAMPLES[n].labels}
            assert set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))) <= names


def test_panels_do_not_lie_upon_each_other() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, panel["title"]
        assert max(x for x, _ in own) < 24
        cells |= own


def test_each_metric_is_explained_and_no_other() -> None:
    text = DOCUMENT.read_text()
    explained = set(re.findall(r"^\| `(aiops_\w+)", text, re.MULTILINE))

    assert explained == {metric.samples[0].removesuffix("_bucket") for metric in METRICS.values()}


def test_each_alert_says_what_to_do() -> None:
    text = DOCUMENT.read_text()
    headings = re.findall(r"^### (\w+)$", text, re.MULTILINE)

    assert headings == alerts()
    for name in alerts():
        assert f"runbook: docs/telemetry.md#{name.lower()}" in ALERTS.read_text()


def test_each_setting_of_telemetry_is_documented() -> None:
    text = DOCUMENT.read_text()
    for name in re.findall(
        r"^(AIOPS_(?:TRACE|METRICS|LOG)_\w+)", (ROOT / "aiops/settings.py").read_text(), re.M
    ):
        assert f"`{name}`" in text
