"""Where an event from outside and the step that waits for it meet: neither misses the other."""

from __future__ import annotations

from django.db import connection


def hold(tenant: str, name: str, match: str) -> None:
    """Let only one of them look for the other at a time, until the end of this transaction.

    Without it, two transactions could each look before the other has committed: the event would lie
    there, and its waiter wait for its time limit.
    """
    key = "\x1f".join(("signal", tenant, name, match))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
