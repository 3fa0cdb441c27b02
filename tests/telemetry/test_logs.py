"""Logs: each line says what it is about; secrets and what a run is about stay out of them."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from aiops.celery import say_no_more, say_what_it_is_about
from aiops.flow.caller import Caller, calling
from aiops.telemetry import logs
from tasks import engine

SECRET = "a-private-word"


class Lines:
    """A logger whose lines are kept."""

    def __init__(self, *, is_production: bool) -> None:
        made = logs.logging_config("INFO", is_production=is_production)
        given = made["formatters"]["structured"]
        formatter = given["()"](**{k: v for k, v in given.items() if k != "()"})
        self._stream = io.StringIO()
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(formatter)
        self.log = logging.Logger("aiops.tests")
        self.log.addHandler(handler)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def last(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text.splitlines()[-1])
        return found


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield Lines(is_production=True)
    logs.unbind()


def test_a_line_is_json_with_its_name_and_its_fields_apart(lines: Lines) -> None:
    lines.log.warning("dispatch.broker_away run=%s steps=%d", "r1", 3)

    assert lines.last["event"] == "dispatch.broker_away"
    assert (lines.last["run"], lines.last["steps"]) == ("r1", 3)
    assert (lines.last["level"], lines.last["logger"]) == ("warning", "aiops.tests")
    assert lines.last["timestamp"].endswith("Z")


def test_a_line_of_another_library_stays_a_sentence(lines: Lines) -> None:
    lines.log.info("Connected to %s in %d s", "there", 2)

    assert lines.last["event"] == "Connected to there in 2 s"


def test_a_line_within_a_step_names_its_attempt(lines: Lines) -> None:
    run, step = uuid4(), uuid4()
    who = Caller(run, step, "support_reply", "draft", 4, 2, "acme", "interactive")
    with calling(who):
        lines.log.info("hello")

    assert (lines.last["run"], lines.last["step_id"]) == (str(run), str(step))
    assert (lines.last["workflow"], lines.last["step"]) == ("support_reply", "draft")
    assert (lines.last["attempt"], lines.last["item"]) == (2, 4)


def test_a_line_of_a_message_names_its_run_and_never_its_other_arguments(lines: Lines) -> None:
    run = str(uuid4())
    say_what_it_is_about(engine.run_steps, [run, ["s"], 0, ""], "t1")
    lines.log.info("hello")
    assert (lines.last["run"], lines.last["task_id"]) == (run, "t1")

    say_no_more()
    say_what_it_is_about(engine.start_run, [SECRET, {"text": SECRET}], "t2")
    lines.log.info("hello")
    say_no_more()
    assert "run" not in lines.last
    assert SECRET not in lines.text


def test_an_exception_is_told_by_its_class_and_its_place_and_not_by_its_message(
    lines: Lines,
) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        lines.log.exception("keeper.duty_failed act=%s", "look")

    assert lines.last["error_type"] == "ValueError"
    assert lines.last["error_at"][-1].endswith("and_not_by_its_message")
    assert SECRET not in lines.text


def test_what_a_server_says_of_itself_is_told_without_what_rows_hold(lines: Lines) -> None:
    from django.db import IntegrityError

    try:
        raise IntegrityError(f"duplicate key\nDETAIL: Key (key)=({SECRET}) already exists.")
    except IntegrityError:
        lines.log.exception("x")

    assert lines.last["error_message"] == "duplicate key"
    assert SECRET not in lines.text


@pytest.mark.parametrize(
    "text",
    [
        f"redis://user:{SECRET}@host:6379/0 refused",
        f"Authorization: Bearer {SECRET}",
        f"key sk-{SECRET}",
        f"password={SECRET}",
        f'{{"api_key": "{SECRET}"}}',
        f"secret whsec_{SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_struck_out(lines: Lines, text: str) -> None:
    lines.log.error("it failed: %s", text)
    lines.log.error("limits.redis_away lane=%s error=%s", "x", text)

    assert "***" in lines.text
    assert SECRET not in lines.text


def test_a_field_named_like_a_secret_is_struck_out(lines: Lines) -> None:
    lines.log.error("login.failed password=%s", "hunter2")

    assert lines.last["password"] == "***"


def test_a_message_that_celery_cannot_use_is_not_printed() -> None:
    from celery.worker.consumer import consumer

    lines = Lines(is_production=True)
    lines.log.name = "celery.worker.consumer.consumer"
    lines.log.error(
        consumer.UNKNOWN_TASK_ERROR,  # type: ignore[attr-defined]  # its types leave it out
        "tasks.gone",
        [SECRET],
        {"args": SECRET},
        {},
    )
    lines.log.critical(
        consumer.MESSAGE_DECODE_ERROR,  # type: ignore[attr-defined]
        "no JSON",
        "text",
        "utf-8",
        {},
        SECRET,
    )

    assert "tasks.gone" in lines.text
    assert SECRET not in lines.text


def test_a_long_line_is_cut(lines: Lines) -> None:
    lines.log.info("x" * 100_000)

    assert len(lines.text) < 5000


def test_a_developer_reads_plain_lines_with_the_whole_error() -> None:
    lines = Lines(is_production=False)
    try:
        raise ValueError("the whole of it")
    except ValueError:
        lines.log.exception("keeper.duty_failed act=%s", "look")

    assert "keeper.duty_failed" in lines.text
    assert "act=look" in lines.text
    assert "ValueError: the whole of it" in lines.text
