"""A time axis on which long stretches without work are folded: they would flatten everything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

#: An idle stretch longer than this share of the whole is folded.
FOLDED_FROM = 0.35
#: What a fold still takes, as a share of the time that is shown.
_FOLD = 0.28
#: Gaps below this share of the whole are no stretch of their own.
_GAP = 0.02
_TICKS = 6
_STEPS_S = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400),
    *(21600, 43200, 86400, 172800, 604800, 2592000, 31536000),
)

Stretch = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """Seconds since the beginning to places from 0.0 to 1.0."""

    whole_s: float
    folds: tuple[Stretch, ...]

    def place(self, at_s: float) -> float:
        """Where a moment is; what lies outside is at the edge."""
        inside = min(max(at_s, 0.0), self.whole_s)
        return self._unfolded(inside) / self._unfolded(self.whole_s)

    def ticks(self) -> Iterator[float]:
        """Round moments that are not in or near a fold."""
        open_s = self._unfolded(self.whole_s)
        step_s = next((s for s in _STEPS_S if open_s / s <= _TICKS), _STEPS_S[-1])
        # Behind a fold the marks would stand at odd distances.
        end_s = self.folds[0][0] if self.folds else self.whole_s
        # A mark close to the end would run into what is said there.
        for i in range(int(end_s / step_s) + 1):
            if i * step_s < end_s - open_s * 0.05:
                yield i * step_s

    def _unfolded(self, at_s: float) -> float:
        """How much of the axis is before a moment."""
        folded = sum(end - begin for begin, end in self.folds)
        size = (self.whole_s - folded) * _FOLD or self.whole_s
        shown, done = 0.0, 0.0
        for begin, end in self.folds:
            if at_s <= begin:
                break
            shown, done = shown + begin - done, end
            if at_s < end:
                return shown + size * (at_s - begin) / (end - begin)
            shown += size
        return shown + max(at_s - done, 0.0)


def axis(whole_s: float, busy: Iterable[Stretch]) -> Axis:
    """An axis of this length that folds the long stretches in which nothing is busy."""
    whole_s = max(whole_s, 0.001)
    folds, until = [], 0.0
    for begin, end in [*_merged(busy, whole_s * _GAP), (whole_s, whole_s)]:
        if begin - until > whole_s * FOLDED_FROM:
            folds.append((until, begin))
        until = max(until, end)
    return Axis(whole_s, tuple(folds))


def _merged(stretches: Iterable[Stretch], gap_s: float) -> Sequence[Stretch]:
    found: list[Stretch] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1] + gap_s:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found
