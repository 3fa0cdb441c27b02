"""A condition whose rows are found first: the planner may not turn it round."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, F, Func, Model, Q, QuerySet, Subquery


class _Array(Subquery):
    template = "ARRAY(%(subquery)s)"


class _Is(Func):
    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def found_first(keys: QuerySet[Model, Any]) -> Q:
    """The id is one of these.

    With `id IN (SELECT ...)`, PostgreSQL would rather walk through all runs in the order of the
    list and probe each, hoping that a page is soon full: six seconds when few or odd ones match.
    """
    return Q(_Is(F("id"), _Array(keys)))
