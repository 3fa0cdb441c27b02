"""A worker that stands still when it has a paid answer, and the ledger does not know it yet."""

from __future__ import annotations

from itertools import count

from aiops.models import ModelCall, call_moves
from tests.faults.outside import gate

_settle = call_moves.settle
_answers = count(1)


def _stand_still(call: ModelCall) -> bool:
    gate(f"answered.{next(_answers)}", str(call.run_id))
    return _settle(call)


call_moves.settle = _stand_still
