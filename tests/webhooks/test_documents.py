"""The page of webhooks says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.models.webhook_kinds import KINDS, TEST
from aiops.servers.home import PROJECT

PAGE = Path(PROJECT, "docs", "webhooks.md").read_text()


@pytest.mark.parametrize("kind", [*KINDS, TEST])
def test_every_kind_is_on_the_page(kind: str) -> None:
    assert f"`{kind}`" in PAGE


@pytest.mark.parametrize("name", ["ALLOW", "ALLOW_HTTP", "PORTS", "AT_ONCE", "DAYS"])
def test_every_setting_is_on_the_page(name: str) -> None:
    assert f"`AIOPS_WEBHOOKS_{name}`" in PAGE
