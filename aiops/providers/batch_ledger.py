"""A batch in the ledger: one row, written before it is submitted, settled when its answers are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from aiops.flow.caller import Caller
from aiops.flow.errors import StepError
from aiops.models import budget_moves, call_moves
from aiops.models.call_content import Capture
from aiops.models.model_call import CallOutcome, CostSource, ModelCall, Purpose
from aiops.providers import budgets, capture, memo, prices
from aiops.providers.calling import Call
from aiops.providers.exchange import Question, RawAnswer
from aiops.providers.ledger import Entry
from aiops.providers.models import Address, address_of
from aiops.providers.prices import Used

#: A batch is looked after this long after it must be over: until then its money is held back.
OVERDUE_S = 7_200
#: So many of its questions are kept, as far as texts are kept at all.
MOST_KEPT = 200


@dataclass(slots=True)
class Opened:
    """A batch that is being submitted; `entry` is None outside of the engine."""

    entry: Entry | None

    def submitted(self, handle: str) -> None:
        if self.entry is not None and self.entry.row is not None:
            ModelCall.objects.filter(id=self.entry.row.id).update(request_id=handle[:200])

    def failed(self, error: StepError) -> None:
        """What certainly was not submitted costs nothing; of the rest `find` will tell."""
        if self.entry is not None and error.sent == "no":
            with transaction.atomic():
                self.entry.take_back()


def open_batch(
    who: Caller | None,
    alias: str,
    address: Address,
    questions: Sequence[Question],
    template: str = "",
) -> Opened:
    """Hold back what a batch may cost at most. Raises BudgetSpent."""
    if who is None:
        return Opened(None)
    asked = _as_call(who, alias, address, questions, template)
    used = Used(asked.tokens_in, sum(one.max_tokens for one in questions))
    entry = Entry(
        asked=asked,
        fingerprint=memo.fingerprint(asked),
        purpose=Purpose.FIRST,
        estimate=prices.batch_microusd(alias, address, used),
        is_free=False,
        wanted=budgets.wanted(who, datetime.now(UTC).date()),
    )
    entry.opens()
    if entry.row is not None:
        _keep_questions(entry.row, asked, questions)
    return Opened(entry)


def settle_batch(who: Caller | None, handle: str, raws: Sequence[RawAnswer], count: int) -> None:
    """Book what the answers used, on the attempt that fetched them. A second time nothing changes."""
    row = _row(who, handle)
    if who is None or row is None:
        return
    alias, reserved = row.alias, row.reserved_microusd or 0
    address = address_of(alias)
    costs = [
        prices.batch_microusd(
            alias, address, Used(one.tokens_in, one.tokens_out, one.tokens_cached)
        )
        for one in raws
    ]
    known = [cost for cost in costs if cost is not None]
    row.outcome = CallOutcome.ANSWERED if raws else CallOutcome.PERMANENT_INPUT
    row.model = raws[0].model[:200] if raws else ""
    row.request_id, row.finish_reason = handle[:200], f"{len(raws)} of {count} answered"
    row.tokens_in = sum(one.tokens_in for one in raws)
    row.tokens_out = sum(one.tokens_out for one in raws)
    row.tokens_cached = sum(one.tokens_cached for one in raws)
    row.cost_microusd = sum(known) if len(known) == len(costs) else None
    row.cost_source = CostSource.UNKNOWN if row.cost_microusd is None else CostSource.TABLE
    row.is_uncertain, row.reserved_microusd = False, None
    row.finished_at = datetime.now(UTC)
    row.provider_s = (row.finished_at - row.started_at).total_seconds()
    with transaction.atomic():
        _settle(row, reserved)
        ModelCall.objects.filter(id=row.id).update(attempt=who.attempt)
        _keep_answers(row, raws)


def forget_batch(who: Caller | None) -> None:
    """The provider knows of no such batch: what was booked for it was not spent."""
    row = _row(who, "")
    if row is None or row.request_id:
        return
    reserved = row.reserved_microusd or 0
    row.outcome, row.cost_microusd, row.cost_source = CallOutcome.TRANSIENT, 0, CostSource.TABLE
    row.is_uncertain, row.reserved_microusd = False, None
    row.finished_at = datetime.now(UTC)
    with transaction.atomic():
        _settle(row, reserved)


def _settle(row: ModelCall, reserved: int) -> None:
    if call_moves.settle(row):
        budget_moves.settle(row.budgets, reserved=reserved, spent=row.cost_microusd or 0)
        return
    # It was booked as lost, or is fetched a second time.
    booked = call_moves.correct(row)
    budget_moves.settle(row.budgets, reserved=0, spent=(row.cost_microusd or 0) - booked)


def _row(who: Caller | None, handle: str) -> ModelCall | None:
    """The row of a batch: by its handle, else the newest that has none (its worker was lost)."""
    if who is None:
        return None
    rows = ModelCall.objects.filter(step=who.step_id, kind="batch").order_by("-id")
    return rows.filter(request_id=handle).first() or rows.filter(request_id="").first()


def _as_call(
    who: Caller, alias: str, address: Address, questions: Sequence[Question], template: str
) -> Call:
    """A batch as one call: its questions are one conversation, for the estimate and the hash alone."""
    whole = Question(
        conversation=[turn for one in questions for turn in one.conversation],
        system=questions[0].system * len(questions),
        output=questions[0].output,
        max_tokens=questions[0].max_tokens,
        temperature=questions[0].temperature,
        timeout_s=questions[0].timeout_s,
    )
    timeout_s = questions[0].timeout_s + OVERDUE_S
    return Call(who, alias, address, "batch", whole, (), timeout_s, fresh=True, template=template)


def _keep_questions(row: ModelCall, asked: Call, questions: Sequence[Question]) -> None:
    policy = capture.policy_of(row.workflow)
    if policy in (Capture.REDACTED, Capture.FULL):
        turns = [dict(turn) for one in questions[:MOST_KEPT] for turn in one.conversation]
        value = {"system": questions[0].system, "conversation": turns, "answer": None}
        capture.write(row, policy, value, secrets=[asked.address.key])


def _keep_answers(row: ModelCall, raws: Sequence[RawAnswer]) -> None:
    """Beside the questions, as far as those were kept."""
    from aiops.models import CallContent
    from aiops.models.payloads import check_out

    kept = CallContent.objects.filter(call=row.pk).first()
    if kept is not None:
        value = check_out(kept.value, kept.value_ref)
        answer = "\n\n".join(raw.text for raw in raws[:MOST_KEPT])
        capture.write(row, kept.policy, {**value, "answer": answer}, secrets=[])
