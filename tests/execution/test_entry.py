"""What other programs were answered by Celery message, as django-celery-results keeps it."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from celery.result import AsyncResult
from django.db import DatabaseError
from django.utils import timezone
from django_celery_results.backends import DatabaseBackend
from django_celery_results.models import TaskResult

from aiops.celery import app
from aiops.upkeep.retention import sweep
from tasks.engine import start_run

pytestmark = pytest.mark.django_db


def returned(status: str, value: Any, einfo: Any = None) -> str:
    """A message has come to its end."""
    task_id = str(uuid4())
    start_run.after_return(status, value, task_id, ("line", {"card": "a secret"}), {}, einfo)
    return task_id


def asked(task_id: str) -> AsyncResult[Any]:
    """As a Django project asks that shares our database, and has `result_backend = "django-db"`."""
    return AsyncResult(task_id, app=app, backend=DatabaseBackend(app=app))


def test_a_program_that_sees_the_database_reads_the_answer_there() -> None:
    task_id = returned("SUCCESS", {"v": 1, "ok": True, "run_id": "r"})

    assert asked(task_id).get(timeout=5) == {"v": 1, "ok": True, "run_id": "r"}


def test_a_message_that_failed_says_so() -> None:
    task_id = returned("FAILURE", KeyError("gone"), SimpleNamespace(traceback="Traceback ..."))

    found = asked(task_id)
    assert (found.state, type(found.result).__name__) == ("FAILURE", "KeyError")
    assert str(found.traceback) == "Traceback ..."


def test_what_was_asked_is_not_kept() -> None:
    returned("SUCCESS", {"ok": True})

    assert "a secret" not in str(TaskResult.objects.values().get())


def test_an_answer_that_cannot_be_kept_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise DatabaseError("the database is away")

    monkeypatch.setattr(TaskResult.objects, "store_result", away)

    returned("SUCCESS", {"ok": True})

    assert not TaskResult.objects.exists()


@pytest.mark.parametrize(("days", "is_left"), [(6, True), (8, False)])
def test_an_answer_is_swept_after_a_week(days: int, is_left: bool) -> None:
    returned("SUCCESS", {"ok": True})
    TaskResult.objects.update(date_done=timezone.now() - timedelta(days=days))

    sweep()

    assert TaskResult.objects.exists() == is_left
