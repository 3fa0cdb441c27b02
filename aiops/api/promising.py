"""The one place where the API asks for a promise: an e-mail when a run is done."""

from __future__ import annotations

from uuid import UUID

from django.utils.module_loading import import_string

from aiops.api.problems import Problem

#: `promise(run_id, email=...)`, in the transaction of the start.
_PROMISE = "aiops.execution.promises.promise"


def promise_mail(run_id: UUID, email: str) -> None:
    """Promise to write to somebody when the run is done."""
    try:
        promise = import_string(_PROMISE)
    except ImportError:
        raise Problem(
            422,
            "no-mail",
            "No e-mail can be promised here",
            "Leave `notify_email` out, and look at the run's status instead.",
        ) from None
    promise(run_id, email=email)
