"""The audit of dependencies never calls clean what it did not look at."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from aiops.servers.home import PROJECT
from tests.audit import FILES, Findings, findings, status, told

GOOD: dict[str, Any] = {"name": "celery", "version": "5.7.0", "vulns": []}
BAD: dict[str, Any] = {
    "name": "django",
    "version": "5.2.0",
    "vulns": [{"id": "GHSA-1", "fix_versions": ["5.2.1"], "aliases": ["CVE-1"]}],
}
UNKNOWN: dict[str, Any] = {"name": "ours", "skip_reason": "not found on PyPI"}


def found(*packages: dict[str, Any]) -> Findings:
    return findings({"dependencies": packages})


def test_a_known_vulnerability_fails_everywhere_and_says_what_to_install() -> None:
    it = found(GOOD, BAD)

    assert "django 5.2.0: GHSA-1, fixed in 5.2.1" in told(it)
    assert "No known" not in told(it)
    assert (status(it, is_ci=False), status(it, is_ci=True)) == (1, 1)


def test_what_was_all_looked_at_is_clean() -> None:
    it = found(GOOD)

    assert told(it) == "No known vulnerabilities in the 1 packages looked at."
    assert (status(it, is_ci=False), status(it, is_ci=True)) == (0, 0)


def test_what_the_service_does_not_know_is_named_and_is_no_clean_bill_in_ci() -> None:
    it = found(GOOD, UNKNOWN)

    assert "Not looked at, so nothing is known of them: ours" in told(it)
    assert (status(it, is_ci=False), status(it, is_ci=True)) == (0, 1)


@pytest.mark.parametrize("it", [Findings(error="no network"), found(UNKNOWN), found()])
def test_without_an_answer_it_says_that_nobody_looked(it: Findings) -> None:
    assert "NOT audited" in told(it)
    assert "No known" not in told(it)
    assert (status(it, is_ci=False), status(it, is_ci=True)) == (0, 1)


def test_a_service_that_cannot_be_reached_is_told_and_keeps_nobody_from_working() -> None:
    environ = {k: v for k, v in os.environ.items() if k != "CI"}
    nowhere = "http://127.0.0.1:9"
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit"],
        env={**environ, "HTTPS_PROXY": nowhere, "https_proxy": nowhere, "NO_PROXY": ""},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert "NOT audited" in done.stdout
    assert done.returncode == 0


def test_every_file_of_pinned_requirements_is_audited() -> None:
    assert {path.name for path in PROJECT.glob("requirements*.txt")} == set(FILES)
