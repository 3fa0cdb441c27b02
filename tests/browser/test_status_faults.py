"""One page, watched from the first word to the last while the worker behind it is killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from aiops.execution.start import start_run
from tests.browser.flows.fetching import Parcel, fetching
from tests.browser.processes import keeper, worker
from tests.browser.waiting_for import address

pytestmark = [
    pytest.mark.browser,
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]

FLOWS = "tests.browser.flows"
#: A lease that a test can wait for.
LEASE = {"AIOPS_LEASE_S": "4", "AIOPS_RENEW_S": "1"}

#: Everything that the page has said and shown, in order.
WATCH = """
addEventListener("DOMContentLoaded", () => {
  const seen = (window.seen = { headlines: [], values: [] });
  const look = () => {
    const headline = document.querySelector("[role=status]").textContent;
    if (seen.headlines.at(-1) !== headline) seen.headlines.push(headline);
    seen.values.push(document.querySelector("progress").value);
  };
  look();
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
});
"""


def test_a_page_tells_the_truth_from_in_line_to_done_across_a_worker_kill(
    page: Page, tmp_path: Path
) -> None:
    """Kills the worker with all its children in the middle of the first part, and starts another."""
    run = start_run(fetching, Parcel(path=str(tmp_path / "parcel")))
    headline = page.get_by_role("status")
    page.add_init_script(WATCH)
    page.goto(address(run))
    expect(headline).to_have_text("In line")

    with keeper(FLOWS, tmp_path, **LEASE):
        with worker(FLOWS, tmp_path, **LEASE):
            expect(headline).to_have_text("Working on it", timeout=40_000)
            expect(page.get_by_text("Fetching your parcel…")).to_be_visible()
        expect(headline).not_to_have_text("Working on it", timeout=20_000)
        with worker(FLOWS, tmp_path, **LEASE):
            expect(headline).to_have_text("Working on it", timeout=40_000)
            (tmp_path / "parcel").touch()
            expect(headline).to_have_text("Done", timeout=20_000)

    expect(page.get_by_text("Your parcel is at the door.")).to_be_visible()
    seen: dict[str, Any] = page.evaluate("window.seen")
    assert (seen["headlines"][0], seen["headlines"][-1]) == ("In line", "Done")
    assert set(seen["headlines"]) <= {
        "In line",
        "Working on it",
        "Taking longer than usual",
        "Done",
    }
    assert seen["values"] == sorted(seen["values"])
