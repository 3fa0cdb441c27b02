"""What a step may ask and say while it works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aiops.flow import Cancelled, StepContext


class Listener:
    def __init__(self, cancelled: bool = False) -> None:
        self.cancelled = cancelled
        self.heard: list[tuple[object, ...]] = []

    def progress(self, share: float, text: str) -> None:
        self.heard.append((share, text))

    def partial(self, text: str) -> None:
        self.heard.append((text,))

    def is_cancelled(self) -> bool:
        return self.cancelled


def test_news_reach_the_sink_and_shares_stay_between_0_and_1() -> None:
    listener = Listener()
    context = StepContext.sample(sink=listener)

    context.progress(0.4, "Page 4 of 10")
    context.progress(7)
    context.progress(-1)
    context.partial("Dear")

    assert listener.heard == [(0.4, "Page 4 of 10"), (1.0, ""), (0.0, ""), ("Dear",)]


def test_a_step_that_asks_is_told_to_stop() -> None:
    context = StepContext.sample(sink=Listener(cancelled=True))

    with pytest.raises(Cancelled, match="asked to stop"):
        context.raise_if_cancelled()


def test_a_step_that_need_not_stop_goes_on() -> None:
    context = StepContext.sample()

    context.raise_if_cancelled()

    assert not context.is_cancelled()


@pytest.mark.parametrize(("minutes", "least", "most"), [(5, 290, 300), (-5, 0, 0)])
def test_the_time_that_remains_is_never_below_zero(minutes: int, least: int, most: int) -> None:
    context = StepContext.sample(deadline=datetime.now(UTC) + timedelta(minutes=minutes))

    assert least <= context.remaining_s() <= most


def test_a_sample_is_complete_and_can_be_changed() -> None:
    context = StepContext.sample("send", tenant="acme", metadata={"plan": "pro"})

    context.progress(0.5)
    context.partial("nobody listens")

    assert (context.step, context.tenant, context.attempt) == ("send", "acme", 1)
    assert context.metadata["plan"] == "pro"
