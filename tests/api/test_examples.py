"""The examples of docs/http-api.md are run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from tests.api.calling import key_of
from tests.api.world import World, world
from tests.execution.engine import COMMITS

TEXT = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text()

#: What a section's examples are about, where it is not the run that has succeeded.
ABOUT = {
    "Cancel": "queued",
    "Retry": "failed",
    "Skip a step, or give its result": "failed",
    "Give a browser a token": "queued",
}


def examples(language: str) -> list[tuple[str, str]]:
    """(section, code) of each example in a language."""
    found = []
    for section in re.split(r"^##+ ", TEXT, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        found += [(title, code) for code in _blocks(section, language)]
    return found


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def made(flows: None) -> World:
    return world()


@pytest.fixture
def environ(live_server: LiveServer, settings: Any, made: World) -> dict[str, str]:
    settings.AIOPS_WORKFLOWS = ["tasks.workflows"]
    known = {"AIOPS_URL": live_server.url, "AIOPS_KEY": key_of(), "STEP": "notify"}
    return {"PATH": os.environ["PATH"], **known}


def run(command: list[str], environ: dict[str, str], about: Any) -> str:
    done = subprocess.run(
        command,
        env={**environ, "RUN": str(about)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@COMMITS
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_examples_in_curl_are_answered(environ: dict[str, str], made: World) -> None:
    for section, code in examples("sh"):
        about = getattr(made, ABOUT.get(section, "succeeded"))

        told = json.loads(run(["sh", "-ec", code], environ, about))

        assert "code" not in told, (section, told)


@COMMITS
@pytest.mark.parametrize("number", range(1, len(examples("python"))))
def test_an_example_in_python_runs(environ: dict[str, str], made: World, number: int) -> None:
    """Each is run after the first one, which says how to call."""
    parts = examples("python")
    section, code = parts[number]
    about = getattr(made, ABOUT.get(section, "succeeded"))
    before = f'{parts[0][1]}\nrun = os.environ["RUN"]\n'

    told = run([sys.executable, "-c", before + code], environ, about)

    assert "True http" in told


def test_every_example_is_told_in_three_languages() -> None:
    with_an_example = {section for section, _ in examples("sh")}

    assert len(with_an_example) >= 11
    for language in ("python", "javascript"):
        assert with_an_example <= {section for section, _ in examples(language)}
