"""Pretended work through the real engine: start it, then do what people and the outside would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from aiops.execution import hand_over, resume
from aiops.execution.answer import answer
from aiops.execution.cancel import cancel
from aiops.execution.receive import receive
from aiops.execution.resume import NotPossible
from aiops.execution.start import start_run
from aiops.models import Escalation, Run, RunState
from tasks.demo.cast import Part, cast

#: Who does what people do.
ACTOR = "dana"

#: States in which a run stays until somebody or something comes.
_SETTLED = (RunState.WAITING, RunState.ATTENTION, RunState.FAILED)


@dataclass(slots=True)
class Rehearsal:
    """The runs of one seeding, and what is still to be done about them."""

    say: Callable[[str], None]
    _open: dict[UUID, Part] = field(default_factory=dict)

    def start(self, number: int, *, seed: int) -> int:
        """Start the runs; they need no worker to be accepted. Returns how many."""
        for part in cast(number, seed=seed):
            run = start_run(
                part.workflow,
                part.case,
                title=part.case.title,
                tenant=part.tenant,
                started_by=part.started_by,
                priority=part.priority,
            )
            if part.then:
                self._open[run.id] = part
        return number

    def act(self, patience_s: float) -> int:
        """Do what is to be done as soon as a run is ready for it. Returns what was left undone."""
        end = time.monotonic() + patience_s
        while self._open and time.monotonic() < end:
            for run_id in list(self._ready()):
                part = self._open.pop(run_id)
                try:
                    _do(part, run_id)
                except NotPossible as error:
                    self.say(f"{part.case.title}: {part.then} was not possible: {error}")
                else:
                    self.say(f"{part.case.title}: {part.then}")
            time.sleep(0.3)
        return len(self._open)

    def _ready(self) -> Iterator[UUID]:
        for run in Run.objects.filter(id__in=self._open).only("id", "state", "finished_at"):
            wanted = self._open[run.id].then
            if wanted in ("cancel", "pause"):
                is_ready = run.state == RunState.RUNNING or run.state in _SETTLED
            else:
                is_ready = run.state in _SETTLED
            if is_ready or run.is_ended:
                yield run.id


def _do(part: Part, run_id: UUID) -> None:
    match part.then:
        case "approve" | "reject":
            asked = _question(run_id)
            note = "It is not what we agreed on" if part.then == "reject" else ""
            answer(asked.id, part.then, actor=ACTOR, note=note, shown_hash=asked.shown_hash)
        case "claim":
            hand_over.take(_question(run_id).id, actor=ACTOR)
        case "cancel":
            cancel(run_id, actor=ACTOR, reason="Not needed any more")
        case "pause":
            resume.pause(run_id, actor=ACTOR, reason="The customer asked us to wait")
        case "retry":
            resume.retry(run_id, actor=ACTOR, reason="The server is back")
        case "event":
            receive(
                "enrichment.done",
                {"employees": 120},
                match=part.case.title,
                source_id=f"enrichment:{run_id}",
                tenant=part.tenant,
            )


def _question(run_id: UUID) -> Escalation:
    asked = Escalation.objects.filter(run=run_id, state="open").first()
    if asked is None:
        raise NotPossible("nobody is asked anything")
    return asked
