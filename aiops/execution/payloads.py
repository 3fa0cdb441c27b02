"""Claim check, under the name that the engine knows it by."""

from __future__ import annotations

from aiops.models.payloads import check_in, check_out, dumps

__all__ = ["check_in", "check_out", "dumps"]
