"""Messages that other programs send: their answers are kept where those programs, and people, look."""

from __future__ import annotations

import logging
from typing import Any

from celery import Task
from django.db import DatabaseError, InterfaceError
from django_celery_results.backends import DatabaseBackend
from django_celery_results.models import TaskResult

log = logging.getLogger(__name__)


class Entry(Task):  # type: ignore[type-arg]  # generic for the checker only
    """A message whose answer is kept twice: on the result backend, and by django-celery-results.

    The result backend counts chords too, so it stays as it is. A program that sees our database
    reads the answer there for days; one that sees the broker's machine only has an hour.
    """

    abstract = True
    ignore_result = False

    def after_return(
        self,
        status: str,
        retval: Any,
        task_id: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        einfo: Any,
    ) -> None:
        """Keep the answer, and who gave it; not what was asked, which may be private."""
        backend = DatabaseBackend(app=self.app)
        kind, encoding, answer = backend.encode_content(backend.encode_result(retval, status))
        # The package's types know the columns of an earlier version.
        told: Any = {
            "task_name": self.name,
            "worker": self.request.hostname,
            "periodic_task_name": getattr(self.request, "periodic_task_name", None),
        }
        try:
            TaskResult.objects.store_result(
                kind,
                encoding,
                task_id,
                answer,
                status,
                traceback=str(einfo.traceback) if einfo else None,
                meta=backend.encode_content({"children": []})[2],
                **told,
            )
        except (DatabaseError, InterfaceError) as error:
            # What was asked for is done, and told on the result backend.
            log.warning("answer.not_kept task=%s error=%s", task_id, str(error).splitlines()[:1])
