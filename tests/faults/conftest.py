"""A stack of its own for the faults: nobody else is harmed when its servers are stopped."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.faults.aftermath", "tests.faults.talk")

from aiops.servers.home import home  # noqa: E402  # only now are its helpers' assertions told
from tests.faults.stack import Stack  # noqa: E402


@pytest.fixture(scope="session")
def _stack() -> Iterator[Stack]:
    # Below the home of the tests' own servers, which goes with them.
    stack = Stack(home() / "faults")
    yield stack
    stack.close()


@pytest.fixture
def stack(_stack: Stack) -> Iterator[Stack]:
    """The stack without runs and messages; processes that an earlier test left well still run."""
    yield _stack
    _stack.clean()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """A failure shows the last lines of every process that the test has used."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, Stack):
        report.sections += [(f"the end of {name}.log", text) for name, text in stack.last_words()]
    return report
