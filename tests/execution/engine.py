"""A broker and workers in this process: messages are kept, and run in the order a test asks for."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from aiops.execution import member, runner
from aiops.execution.advance import advance
from aiops.execution.canvas import Branch, Members, Segment, Vehicle
from aiops.execution.claim import Owner
from aiops.execution.dispatch import Addressee, BrokerAway
from aiops.execution.runner import Delivery, Message
from aiops.execution.start import start_run
from aiops.execution.values import output
from aiops.models import Escalation, Event, Run, Step

#: A test whose transactions really commit. Only our tables are emptied after it: making all
#: permissions anew takes longer than most of these tests do.
COMMITS = pytest.mark.django_db(transaction=True, available_apps=["aiops"])


@dataclass(eq=False)
class Chord:
    """Counts the messages of a header as Celery 5.7 does: each once, however often it comes."""

    run_id: UUID
    open: set[int]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, member: int) -> bool:
        """Count a message that has ended; True when it was the last one."""
        with self._lock:
            before = len(self.open)
            self.open.discard(member)
            return before == 1 and not self.open


@dataclass(eq=False)
class Letter:
    """A message with what its canvas adds to it: the rest of its chain, and its chord."""

    run_id: UUID
    say: Callable[[Owner], bool]
    names: tuple[str, ...]
    rest: tuple[Letter, ...] = ()
    chord: Chord | None = None
    place: int = 0


Order = Callable[[list[Letter]], int]


def in_order(_: list[Letter]) -> int:
    return 0


def reversed_order(letters: list[Letter]) -> int:
    return len(letters) - 1


def at_random(seed: int) -> Order:
    rng = random.Random(seed)
    return lambda letters: rng.randrange(len(letters))


@dataclass
class Engine:
    """What `dispatch.publish` is replaced by, and the workers that take from it."""

    letters: list[Letter] = field(default_factory=list)
    vehicles: list[Vehicle] = field(default_factory=list)
    #: What became of each `run_steps` message.
    deliveries: list[Delivery] = field(default_factory=list)
    is_away: bool = False

    def publish(self, run: Addressee, vehicle: Vehicle) -> None:
        if self.is_away:
            raise BrokerAway("the broker is away")
        self.vehicles.append(vehicle)
        branch = vehicle.branches[0]
        if len(vehicle.branches) == 1 and not isinstance(branch, Members):
            self.letters.append(self._chain(run.run_id, branch, tail=runner.ADVANCE))
            return
        heads = [head for branch in vehicle.branches for head in self._heads(run.run_id, branch)]
        chord = Chord(run.run_id, set(range(len(heads))))
        for place, head in enumerate(heads):
            for letter in (head, *head.rest):
                letter.chord, letter.place = chord, place
        self.letters += heads

    def start(self, workflow: str, **given: Any) -> Run:
        """Start a run; `input` is a dict, the rest are options of a start."""
        return start_run(workflow, given.pop("input", {}), **given)

    def work(self, order: Order = in_order, *, times: int = 1, most: int = 500) -> None:
        """Run all messages, and those that they lead to; each `times` times."""
        while self.letters:
            most -= 1
            assert most > 0, "the messages do not come to an end"
            letter = self.letters.pop(order(self.letters))
            for _ in range(times):
                self.deliver(letter)

    def run(self, workflow: str, **given: Any) -> Run:
        """Start a run and work until no message is left."""
        run = self.start(workflow, **given)
        self.work()
        return fresh(run)

    def deliver(self, letter: Letter) -> None:
        """Run one message as a worker would."""
        if not letter.say(Owner("tests@here/1", f"task-{id(letter)}")):
            return
        if letter.rest:
            self.letters.append(_linked(letter.rest, letter))
        elif letter.chord and letter.chord.count(letter.place):
            self.letters.append(self._join(letter.run_id))

    def drop(self) -> list[Letter]:
        """Lose every message that is on its way."""
        lost, self.letters = self.letters, []
        return lost

    def _chain(self, run_id: UUID, segments: tuple[Segment, ...], *, tail: str) -> Letter:
        ends = [*(str(segment.steps[0]) for segment in segments[1:]), tail]
        links = [self._steps(run_id, *pair) for pair in zip(segments, ends, strict=True)]
        return _linked(tuple(links))

    def _heads(self, run_id: UUID, branch: Branch) -> Iterator[Letter]:
        if not isinstance(branch, Members):
            yield self._chain(run_id, branch, tail="")
            return
        for _ in range(branch.count):
            yield self._items(run_id, branch)

    def _steps(self, run_id: UUID, segment: Segment, then: str) -> Letter:
        message = Message(run_id, segment.steps, segment.epoch, then)

        def say(owner: Owner) -> bool:
            delivery = runner.run_segment(message, owner)
            self.deliveries.append(delivery)
            # LEASED ends with `Ignore`: nothing follows, and no chord counts it.
            return delivery is not Delivery.LEASED

        return Letter(run_id, say, segment.names)

    def _items(self, run_id: UUID, branch: Members) -> Letter:
        def say(owner: Owner) -> bool:
            has_more = member.run_items(run_id, branch.map_id, branch.name, owner)
            if has_more:
                self.letters.append(letter)
            return not has_more

        letter = Letter(run_id, say, (f"{branch.name}[]",))
        return letter

    def _join(self, run_id: UUID) -> Letter:
        def say(_: Owner) -> bool:
            advance(run_id)
            return True

        return Letter(run_id, say, ("join",))


def _linked(letters: tuple[Letter, ...], before: Letter | None = None) -> Letter:
    first, *rest = letters
    if before is not None:
        first.chord, first.place = before.chord, before.place
    first.rest = tuple(rest)
    return first


def fresh(run: Run) -> Run:
    """The run as the record has it now."""
    return Run.objects.get(id=run.id)


def states(run: Run) -> dict[str, str]:
    """The state of each step of the plan, by name."""
    rows = Step.objects.filter(run=run, map__isnull=True).order_by("id")
    return dict(rows.values_list("name", "state"))


def items(run: Run, name: str) -> list[str]:
    """The states of a map's items, in order."""
    rows = Step.objects.filter(run=run, name=name, map__isnull=False).order_by("item")
    return list(rows.values_list("state", flat=True))


def the_step(run: Run, name: str, item: int | None = None) -> Step:
    return Step.objects.get(run=run, name=name, item=item)


def error_of(run: Run, name: str) -> dict[str, Any]:
    """What the row of a failed step says went wrong."""
    error = the_step(run, name).error
    assert isinstance(error, dict)
    return error


def meanwhile(
    act: Callable[..., object], *given: Any, then: Any = 1, **named: Any
) -> Callable[[], Any]:
    """What a step does: somebody acts in the middle of it, then it returns."""

    def returned() -> Any:
        act(*given, **named)
        return then

    return returned


def question(run: Run) -> Escalation:
    """The one open question of a run."""
    return Escalation.objects.get(run=run, state="open")


def told(run: Run, kind: str) -> list[Event]:
    """The events of one kind, in order."""
    return list(Event.objects.filter(run=run, kind=kind).order_by("id"))


def result(run: Run) -> Any:
    return output(fresh(run))


def time_passes(run: Run) -> None:
    """Let the time come for everything of a run that waits for one, and move it on."""
    past = timezone.now() - timedelta(seconds=1)
    Step.objects.filter(run=run, wake_at__isnull=False).update(wake_at=past)
    Step.objects.filter(run=run, until__isnull=False).update(until=past)
    advance(run.id)
