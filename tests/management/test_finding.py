"""What a person types for a run, an escalation or JSON."""

from __future__ import annotations

import io
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management.base import CommandError

from aiops.management.finding import approval_named, escalation_named, json_given, run_named
from aiops.models import Escalation
from tests.execution.orders import ask, begun, edit


def refused(find: object, *arguments: str) -> str:
    assert callable(find)
    with pytest.raises(CommandError) as caught:
        find(*arguments)
    return str(caught.value)


@pytest.mark.django_db
def test_a_run_is_found_by_its_id_in_any_writing() -> None:
    run = begun()
    texts = (str(run.id), run.id.hex, run.id.hex.upper(), run.id.hex[:31])

    assert {run_named(text).id for text in texts} == {run.id}


@pytest.mark.django_db
def test_a_start_that_two_runs_share_lists_both() -> None:
    first, second = begun(), begun()
    shared = first.id.hex[:6]

    told = refused(run_named, shared)

    assert told.startswith(f"more than one run begins with {shared}: give more of")
    assert str(first.id) in told
    assert str(second.id) in told


@pytest.mark.django_db
def test_a_run_that_is_not_there_says_where_to_look() -> None:
    assert refused(run_named, str(uuid4())).endswith("manage.py runs lists them")


@pytest.mark.parametrize("text", ["", "abc", "xyz-nope", "0" * 33, "0192'; --", "١٢٣٤"])
def test_what_is_no_id_is_refused_before_anything_is_asked(text: str) -> None:
    assert "is no id of a run: give the id" in refused(run_named, text)


@pytest.mark.django_db
def test_an_escalation_is_found_by_its_id() -> None:
    run = begun()
    ask(run, "charge")
    asked = Escalation.objects.get(run=run)

    assert escalation_named(str(asked.id)[:30]) == asked


@pytest.mark.django_db
def test_the_approval_of_a_run_is_found_by_the_run_or_by_itself() -> None:
    run = begun()
    edit(run, "agree", state="waiting", reason="approval", dispatch_due=None)
    ask(run, "agree", "approval", question="Ship it?")
    asked = Escalation.objects.get(run=run)

    assert approval_named(str(run.id)) == asked
    assert approval_named(str(asked.id)) == asked


@pytest.mark.django_db
def test_a_run_without_an_approval_says_where_to_look() -> None:
    run = begun()
    ask(run, "charge")

    assert f"manage.py show {run.id}" in refused(approval_named, str(run.id))


@pytest.mark.django_db
def test_a_run_with_two_approvals_asks_which() -> None:
    run = begun()
    ask(run, "agree", "approval", question="Ship it?")
    ask(run, "charge", "approval", question="Pay it?")

    told = refused(approval_named, str(run.id))

    assert "asks for 2 approvals: name one of" in told
    assert "Ship it?" in told
    assert "Pay it?" in told


def test_json_is_given_as_it_is_from_a_file_or_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "input.json").write_text('{"a": 2}')
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": 3}'))

    assert json_given('{"a": 1}', "--input") == {"a": 1}
    assert json_given(f"@{tmp_path}/input.json", "--input") == {"a": 2}
    assert json_given("-", "--input") == {"a": 3}


@pytest.mark.parametrize("text", ["{", "hello", "", "{'a': 1}"])
def test_what_is_no_json_says_what_json_is(text: str) -> None:
    told = refused(json_given, text, "--input")

    assert told.startswith("--input is not JSON (line 1")
    assert "@file" in told


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    for name in ("nowhere", "binary", "."):
        assert f"cannot be read from {tmp_path}/{name}" in refused(
            json_given, f"@{tmp_path}/{name}", "--input"
        )
