"""What tests of the pages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings


@pytest.fixture(autouse=True)
def _static_files(tmp_path: Path) -> Iterator[None]:
    """A folder of collected files: WhiteNoise warns when there is none."""
    with override_settings(STATIC_ROOT=str(tmp_path)):
        yield
