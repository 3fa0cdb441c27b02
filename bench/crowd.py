"""Many runs out of a few real ones: their rows are copied in the database, shifted in time."""

# ruff: noqa: S608  # names of tables and columns from the models; every value is bound

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import connection

from aiops.models import Attempt, Escalation, Event, Run, Step
from aiops.models.run import RunState

#: The copies lie in this span before their originals.
SPAN = timedelta(days=30)

#: For each run that is in trouble or under way, so many that ended well.
GOOD_SHARE = 19

_GOOD = (RunState.SUCCEEDED, RunState.PARTIAL, RunState.CANCELLED)

# An id begins with its time in milliseconds, as a UUIDv7 does; the rest is made of the original.
_FUNCTION = """
CREATE OR REPLACE FUNCTION pg_temp.copied(id uuid, number int, shift interval) RETURNS uuid AS $$
    SELECT (
        lpad(to_hex(('x' || lpad(left(replace(id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint
            - (extract(epoch FROM shift) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(id::text || number), 1, 3)
        || '8' || substr(md5(id::text || number), 4, 15)
    )::uuid
$$ LANGUAGE sql IMMUTABLE
"""

_IDS: Mapping[type, tuple[str, ...]] = {
    Run: ("id",),
    Step: ("id", "run_id", "map_id"),
    Attempt: ("step_id", "run_id"),
    Event: ("run_id", "step"),
    Escalation: ("id", "run_id", "step_id"),
}
#: Columns that would point to a run or step outside of the copy, or must be unique.
_EMPTY: Mapping[type, tuple[str, ...]] = {
    Run: ("parent_step_id", "replay_of_id", "after_id", "key"),
    Step: ("copied_from",),
}


def multiply(total: int) -> int:
    """Copy the runs that there are until there are about `total`. Returns how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(_FUNCTION)
    good = Run.objects.filter(state__in=_GOOD).count()
    others = Run.objects.exclude(state__in=_GOOD).count()
    rounds = max(1, total // (others + GOOD_SHARE * others))
    _copy(rounds, "NOT IN", others)
    _copy(max(1, (total - others * rounds) // max(good, 1)), "IN", good)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Run.objects.count()


def _copy(copies: int, which: str, originals: int) -> None:
    if not originals:
        return
    words = ", ".join(f"'{state}'" for state in _GOOD)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.originals")
        cursor.execute(
            f"CREATE TEMP TABLE originals AS SELECT id FROM aiops_run"
            f" WHERE state {which} ({words}) ORDER BY created_at LIMIT {originals}"
        )
        for model in (Run, Step, Attempt, Event, Escalation):
            cursor.execute(_statement(model), {"copies": copies, "span": SPAN})


def _statement(
    model: type[Run] | type[Step] | type[Attempt] | type[Event] | type[Escalation],
) -> str:
    meta = model._meta
    columns = [
        field.column
        for field in meta.concrete_fields
        if not (field.primary_key and field.column not in _IDS[model])
    ]
    values = [_value(model, column) for column in columns]
    owner = "id" if model is Run else "run_id"
    return (
        f"INSERT INTO {meta.db_table} ({_quoted(columns)})"
        f" SELECT {', '.join(values)}"
        f" FROM {meta.db_table} t JOIN originals o ON o.id = t.{owner}"
        " CROSS JOIN LATERAL (SELECT number, %(span)s::interval * number / %(copies)s AS shift"
        " FROM generate_series(1, %(copies)s) number) copy"
    )


def _value(model: type, column: str) -> str:
    kind = {f.column: f.get_internal_type() for f in model._meta.concrete_fields}[column]  # type: ignore[attr-defined]
    if column in _EMPTY.get(model, ()):
        return "NULL"
    if column in _IDS[model]:
        return f"pg_temp.copied(t.{column}, copy.number, copy.shift)"
    if column == "lease_until":
        return "t.lease_until + interval '1 day'"
    if kind == "DateTimeField" and column not in ("due_at", "until", "wake_at", "dispatch_due"):
        return f't."{column}" - copy.shift'
    return f't."{column}"'


def _quoted(columns: list[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
