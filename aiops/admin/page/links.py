"""Addresses of lists, with the filters that they know."""

from __future__ import annotations

from datetime import datetime

from django.urls import NoReverseMatch, reverse


def runs(**filters: str | datetime) -> str:
    """The list of runs; times are ISO."""
    query = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in filters.items()
    }
    return reverse("admin:aiops_run_changelist", query=query)


def shown_if_there(name: str, *args: str) -> str:
    """The address of a page; "" where this installation has no such page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
