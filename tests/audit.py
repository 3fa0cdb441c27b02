"""python -m tests.audit: known vulnerabilities of what is installed, by pip-audit; and plainly so when nobody could look.

pip-audit calls packages "clean" that its service did not know, and a service that cannot be reached is an error like any
other. Here both are told apart: something is known to be wrong (it fails), all was looked at and nothing is known, or it
was not looked at. Without a network the last is no failure, so that nobody is kept from working; in CI it is one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiops.servers.home import PROJECT

FILES = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-demo.txt",
    "requirements-demo-nodeps.txt",
)
#: Vulnerabilities that do not reach us: the id, and why. An entry goes when its reason does.
IGNORED: Mapping[str, str] = {}
TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Findings:
    """What pip-audit has told, sorted by what it means."""

    #: "django 5.2.1: GHSA-1234, fixed in 5.2.2".
    vulnerable: list[str] = field(default_factory=list)
    looked_at: int = 0
    #: Packages about which nothing is known, with the reason.
    not_looked_at: dict[str, str] = field(default_factory=dict)
    #: Why there is no report at all.
    error: str = ""


def findings(report: Mapping[str, Any]) -> Findings:
    """Sort a report of pip-audit. Pure."""
    vulnerable, not_looked_at, looked_at = [], {}, 0
    for package in report["dependencies"]:
        if reason := package.get("skip_reason"):
            not_looked_at[package["name"]] = reason
            continue
        looked_at += 1
        vulnerable += [
            f"{package['name']} {package['version']}: {one['id']}, "
            f"fixed in {', '.join(one['fix_versions']) or 'no version yet'}"
            for one in package["vulns"]
            if not {one["id"], *one.get("aliases", ())} & set(IGNORED)
        ]
    return Findings(vulnerable, looked_at, not_looked_at)


def told(found: Findings) -> str:
    """The findings in words. Pure."""
    lines = [f"Vulnerable: {line}" for line in found.vulnerable]
    if found.error:
        lines.append(f"The dependencies were NOT audited: {found.error}")
    elif not found.looked_at:
        lines.append("The dependencies were NOT audited: the service knew none of them.")
    elif not found.vulnerable:
        lines.append(f"No known vulnerabilities in the {found.looked_at} packages looked at.")
    if found.not_looked_at:
        names = sorted(found.not_looked_at)
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        lines.append(
            f"Not looked at, so nothing is known of them: {', '.join(names[:5])}{more}"
            f" ({found.not_looked_at[names[0]]})"
        )
    return "\n".join(lines)


def status(found: Findings, *, is_ci: bool) -> int:
    """The exit code. Pure."""
    if found.vulnerable:
        return 1
    has_gaps = bool(found.error or found.not_looked_at or not found.looked_at)
    return 1 if is_ci and has_gaps else 0


def ask() -> Findings:
    """Run pip-audit over the pinned requirements."""
    files = [part for name in FILES for part in ("-r", name)]
    options = ("--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", *files, *options],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Findings(error=f"pip-audit had no answer after {TIMEOUT_S} s.")
    try:
        return findings(json.loads(done.stdout))
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        return Findings(error=last[:300])


def main() -> int:
    found = ask()
    sys.stdout.write(f"{told(found)}\n")
    return status(found, is_ci=bool(os.environ.get("CI")))


if __name__ == "__main__":
    sys.exit(main())
