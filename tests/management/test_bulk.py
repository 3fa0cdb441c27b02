"""Many runs from the shell: a dry run unless it is wanted."""

from __future__ import annotations

import pytest

from aiops.models import BulkJob, Run
from tests.execution.orders import begun, stop_at
from tests.management.calling import refusal, said

pytestmark = pytest.mark.django_db


def failed(name: str = "notify", **what: str) -> Run:
    run = begun()
    stop_at(run, name, fingerprint="aa", **what)
    return run


def test_without_yes_it_only_tells(capsys: pytest.CaptureFixture[str]) -> None:
    failed()
    failed("charge", sent="maybe")

    told = said("bulk", "retry", "group=aa")

    assert "     1  go ahead" in told
    assert "     1  left out, check first" in told
    assert "nothing was done" in told
    assert not BulkJob.objects.exists()


def test_with_yes_the_job_begins() -> None:
    failed()

    told = said("bulk", "retry", "view=failed", "--yes", "--reason", "it is back")

    job = BulkJob.objects.get()
    assert str(job.id) in told
    assert (job.state, job.reason) == ("canary", "it is back")
    assert job.made_by.startswith("cli:")


def test_a_job_is_shown_and_stopped() -> None:
    failed()
    said("bulk", "retry", "view=failed", "--yes")
    job = BulkJob.objects.get()

    assert "1  will go ahead" in said("bulk", "show", str(job.id))
    assert "Stopped (lunch)" in said("bulk", "stop", str(job.id), "--reason", "lunch")
    assert "is not at work" in refusal("bulk", "stop", str(job.id))


@pytest.mark.parametrize("query", ["", "view=all"])
def test_a_filter_that_means_every_run_is_refused(query: str) -> None:
    failed()

    assert "every run there is" in refusal("bulk", "cancel", query, "--yes", "--reason", "x")
    assert Run.objects.get().state == "failed"


def test_what_stands_in_the_way_is_told() -> None:
    failed()

    assert "give a reason" in refusal("bulk", "cancel", "view=failed", "--yes").lower()
    assert "no filter" in refusal("bulk", "retry", "sate=failed")
    assert "no bulk job" in refusal("bulk", "show", "nothing")
