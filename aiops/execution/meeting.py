"""Where an event from outside and the step that waits for it meet: neither misses the other."""

from __future__ import annotations

from django.db import connection


def hold(tenant: str, name: str, match: str) -> None:
    """Let only one of them look for the other at a time, until the end of this transaction.

    Without it, two transactions could each look before the other has committed: the event would lie
    there, and its waiter wait for its time limit.
    """
    _lock("pg_advisory_xact_lock", tenant, name, match)


def hold_event(tenant: str, name: str, match: str) -> None:
    """The same for an event that comes: it meets those that wait for its key, and for any key.

    Events of one name do not wait for each other on account of those that wait for any.
    """
    if match:
        _lock("pg_advisory_xact_lock_shared", tenant, name, "")
    _lock("pg_advisory_xact_lock", tenant, name, match)


def _lock(function: str, tenant: str, name: str, match: str) -> None:
    key = "\x1f".join(("signal", tenant, name, match))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(hashtextextended(%s, 0))", [key]
        )  # one of two names of ours
