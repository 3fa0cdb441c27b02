"""The ledger: a row for each model call, with what may be spent held back before and booked after it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection, transaction

from aiops.flow.errors import StepError
from aiops.models import budget_moves, call_moves
from aiops.models.budget import Budget
from aiops.models.budget_moves import NotEnough, Wanted
from aiops.models.call_content import Capture
from aiops.models.model_call import CallOutcome, CostSource, ModelCall, Purpose
from aiops.providers import budgets, capture, memo, prices, traced
from aiops.providers.calling import Call, Next, Raw
from aiops.providers.errors import spent_on
from aiops.providers.exchange import RawAnswer
from aiops.providers.prices import Used

log = logging.getLogger(__name__)

#: An open row is looked after this long after the end of its call's own time.
MARGIN_S = 60.0


def around(asked: Call, go: Next) -> Raw:
    """Use an answer that was paid for, or make the call and record it."""
    with opened(asked) as entry:
        if entry.found is not None:
            return entry.found.raw
        raw = go()
        entry.answered(raw)
        return raw


def leaving(asked: Call, go: Next) -> Raw:
    """The innermost layer: notes that the request really leaves, and how its provider fails."""
    entry = _entry.get()
    if entry is None:
        return go()
    entry.left_at = time.monotonic()
    try:
        return go()
    except StepError as error:
        # What the lane makes of it (the step waits in line) is not what was said.
        entry.said = error
        raise


@dataclass(slots=True)
class Entry:
    """A call while it is made."""

    asked: Call
    fingerprint: str
    purpose: str
    #: The most that it may cost; None: no price is known.
    estimate: int | None
    is_free: bool
    wanted: list[Wanted]
    #: The answer of an earlier attempt, used again.
    found: memo.Found | None = None
    #: The row, where there is one before the call.
    row: ModelCall | None = None
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)
    #: time.monotonic() when the request left; None: it did not.
    left_at: float | None = None
    raw: Raw | None = None
    said: StepError | None = None
    #: The row as it is in the end; None: nothing left.
    settled: ModelCall | None = None

    def answered(self, raw: Raw) -> None:
        self.raw = raw

    def opens(self) -> None:
        """Hold back what it may cost, and write the row, in one short transaction."""
        if self.is_free and not self.wanted:
            return  # a crash can lose no money
        if self.wanted and self.estimate is None:
            raise budgets.no_price(self.asked.address.model, self.asked.alias)
        row = self._blank()
        refused = self._reserve(row)
        if refused is not None and not Budget.objects.filter(id=refused.budget).exists():
            budget_moves.forget()  # it was deleted since this process has met it
            refused = self._reserve(row)
        if refused is not None:
            budget = Budget.objects.get(id=refused.budget)
            raise budgets.spent(budget, self.estimate or 0, datetime.now(UTC))
        self.row = row

    def _reserve(self, row: ModelCall) -> NotEnough | None:
        row.budgets = budget_moves.open_all(self.wanted)
        row.reserved_microusd = self.estimate
        try:
            with transaction.atomic():
                budget_moves.reserve(row.budgets, self.estimate or 0)
                row.save(force_insert=True)
        except NotEnough as refused:
            return refused
        return None

    def reused(self, found: memo.Found) -> None:
        self.found = found
        row = self._blank()
        row.outcome, row.memo_of = CallOutcome.REUSED, found.call
        row.cost_microusd, row.cost_source = 0, CostSource.TABLE
        row.model, row.finished_at = found.raw.model, datetime.now(UTC)
        row.save(force_insert=True)
        traced.called(row, self.asked, found.raw)

    def ends(self, error: BaseException | None) -> None:
        """Settle. What cannot be written now is booked later, as uncertain; the answer is not lost."""
        try:
            with transaction.atomic():
                self._settle(self.said if error is not None and self.said else error)
        except (DatabaseError, InterfaceError) as trouble:
            log.warning("ledger.not_settled step=%s error=%s", self.asked.caller.step_id, trouble)
            if not connection.in_atomic_block:
                connection.close()
        if self.settled is not None:
            traced.called(self.settled, self.asked, self.raw)

    def _settle(self, error: BaseException | None) -> None:
        if error is not None and self.left_at is None:
            self.take_back()
            return
        row = self.row or self._blank()
        self._fill(row, error)
        self.settled = row
        reserved = row.reserved_microusd or 0
        row.reserved_microusd = None
        if self.row is None:
            row.save(force_insert=True)
        is_settled = self.row is None or call_moves.settle(row)
        capture.keep(row, self.asked, self.raw if error is None else spent_on(error))
        if not is_settled:
            booked = call_moves.correct(row)
            budget_moves.settle(row.budgets, reserved=0, spent=(row.cost_microusd or 0) - booked)
            return
        budget_moves.settle(row.budgets, reserved=reserved, spent=row.cost_microusd or 0)
        if error is None and self.raw is not None and not (self.is_free or self.asked.fresh):
            memo.keep(row, self.raw)

    def take_back(self) -> None:
        """It never left: its lane is shut, or nothing could be made of it. Nothing happened."""
        if self.row is None:
            return
        budget_moves.settle(self.row.budgets, reserved=self.row.reserved_microusd or 0, spent=0)
        self.row.delete()

    def _fill(self, row: ModelCall, error: BaseException | None) -> None:
        raw = self.raw if error is None else spent_on(error)
        now = time.monotonic()
        left_at = self.left_at or self.began
        row.finished_at = datetime.now(UTC)
        row.queue_s = round(left_at - self.began, 4)
        row.provider_s = round(now - left_at, 4)
        row.outcome = CallOutcome.ANSWERED if error is None else outcome_of(error)
        if raw is not None:
            _fill_used(row, raw)
            row.cost_microusd, row.cost_source = self._cost(raw)
        elif isinstance(error, StepError) and error.sent == "no":
            row.cost_microusd, row.cost_source = 0, CostSource.TABLE
        else:
            row.cost_microusd, row.is_uncertain = self.estimate, self.estimate != 0
            row.cost_source = CostSource.UNKNOWN if self.estimate is None else CostSource.ESTIMATED

    def _cost(self, raw: Raw) -> tuple[int | None, str]:
        if raw.cost_microusd is not None:
            return raw.cost_microusd, CostSource.PROVIDER
        if not raw.tokens_in and not is_counted(raw):
            # Some gateways leave the usage out: it cost something, and nobody says what.
            source = CostSource.UNKNOWN if self.estimate is None else CostSource.ESTIMATED
            return self.estimate, source
        cost = prices.cost_microusd(self.asked.alias, self.asked.address, used_of(raw))
        return cost, CostSource.UNKNOWN if cost is None else CostSource.TABLE

    def _blank(self) -> ModelCall:
        asked, who = self.asked, self.asked.caller
        return ModelCall(
            run_id=who.run_id,
            step_id=who.step_id,
            item=who.item,
            attempt=who.attempt,
            workflow=who.workflow,
            step_name=who.step,
            tenant=who.tenant,
            alias=(asked.instead_of or asked.alias)[:100],
            route=asked.alias[:100] if asked.instead_of else "",
            because=asked.because,
            lane=asked.address.lane[:200],
            asked_model=asked.address.model[:200],
            kind=asked.kind,
            purpose=self.purpose,
            fingerprint=self.fingerprint,
            prompt_hash=""
            if capture.policy_of(who.workflow) == Capture.NONE
            else memo.prompt_hash(asked),
            template=asked.template[:100],
            started_at=self.began_at,
            over_at=self.began_at + timedelta(seconds=asked.timeout_s + MARGIN_S),
        )


#: The call that is being made now in this thread.
_entry: ContextVar[Entry | None] = ContextVar("aiops_ledger_entry", default=None)


@contextmanager
def opened(asked: Call) -> Iterator[Entry]:
    """The row of a call, for the length of the block. With `found`, there is nothing to ask."""
    entry = _begin(asked)
    if entry.found is not None:
        yield entry
        return
    entry.opens()
    token = _entry.set(entry)
    try:
        yield entry
    except BaseException as error:
        entry.ends(error)
        raise
    else:
        entry.ends(None)
    finally:
        _entry.reset(token)


def _begin(asked: Call) -> Entry:
    is_free = prices.is_free(asked.alias, asked.address)
    print_ = memo.fingerprint(asked)
    before = memo.past(asked)
    has_spent = bool(before) and memo.has_spent(asked)
    entry = Entry(
        asked=asked,
        fingerprint=print_,
        purpose=memo.purpose(before, has_spent=has_spent),
        estimate=prices.cost_microusd(
            asked.alias, asked.address, Used(asked.tokens_in, asked.max_tokens)
        ),
        is_free=is_free,
        wanted=[] if is_free else budgets.wanted(asked.caller, datetime.now(UTC).date()),
    )
    if has_spent and not asked.fresh:
        found = memo.find(asked, print_, before)
        if found is not None:
            entry.purpose = Purpose.FIRST  # nothing is paid for it
            entry.reused(found)
    return entry


def outcome_of(error: BaseException) -> str:
    """The word of a failure, as the ledger keeps it. Pure."""
    word = error.word if isinstance(error, StepError) else CallOutcome.BUG
    return word if word in CallOutcome.values else CallOutcome.BUG


def used_of(raw: Raw) -> Used:
    if isinstance(raw, RawAnswer):
        return Used(raw.tokens_in, raw.tokens_out, raw.tokens_cached)
    return Used(raw.tokens_in)


def is_counted(raw: Raw) -> bool:
    return isinstance(raw, RawAnswer) and raw.tokens_out > 0


def _fill_used(row: ModelCall, raw: Raw) -> None:
    """What the answer says of itself; a provider may say anything."""
    row.model = _word(raw.model, 200)
    row.request_id = _word(raw.request_id, 200)
    if raw.tokens_in or is_counted(raw):
        row.tokens_in = raw.tokens_in
        row.tokens_out = 0
    if isinstance(raw, RawAnswer):
        row.finish_reason = _word(raw.finish_reason, 50)
        if is_counted(raw):
            row.tokens_out = raw.tokens_out
            row.tokens_cached = raw.tokens_cached
            row.tokens_reasoning = raw.tokens_reasoning


def _word(text: str, most: int) -> str:
    """PostgreSQL keeps neither NUL nor half a surrogate pair."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:most]
