"""Looking after the ledger: what nobody settled, answers nobody needs, budgets nobody was asked about."""

from __future__ import annotations

from aiops.execution import budgets
from aiops.models import call_moves


def look_after() -> None:
    """Book abandoned calls, drop the answers of finished steps, keep one question for each budget."""
    call_moves.book_abandoned()
    call_moves.drop_answers()
    budgets.look()
