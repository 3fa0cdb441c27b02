"""What the demo does: start runs, kill a worker, approve all but one, and look at what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from aiops.execution.answer import answer
from aiops.models import Escalation, Event, Run, RunState, Step
from tasks.demo.stage import Stage
from tasks.support import mail, receiving
from tasks.workflows.support_reply import Mail

#: The demo waits this long for its runs, at most.
PATIENCE_S = 150.0


@dataclass(slots=True)
class Story:
    """The runs of one demo, and what was seen of them."""

    stage: Stage
    say: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    runs: list[Run] = field(default_factory=list)
    #: time.monotonic() when the first run was finished; when the worker was killed.
    first_finished: float | None = None
    killed: float | None = None
    taken_back: int = 0
    _heard: int = 0

    def start(self, mails: Sequence[Mail]) -> None:
        """Start a run for each mail. Needs no worker, and no broker: accepted means durable."""
        self._heard = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
        # Of this demo: an earlier one on the same data has had the same mails.
        sent = [
            given.model_copy(update={"message_id": f"<{uuid4()}@customers.example>"})
            for given in mails
        ]
        for number, given in enumerate(sent, start=1):
            run = self._receive(given, "batch" if number > len(sent) // 2 else "interactive")
            self.runs.append(run)
            self.say(f"#{number} accepted: {run.title}")
        copy = self._receive(sent[0], "interactive")
        self.say("#1 came twice, and has one run" if not copy.is_new else "#1 has two runs")

    def _receive(self, given: Mail, priority: str) -> Run:
        return receiving.start(given, started_by="demo", priority=priority)

    def watch(self) -> None:
        """Tell what happens until every run is finished or waits for the one approval left open."""
        while time.monotonic() - self.began < PATIENCE_S:
            self._tell_events()
            self._approve()
            self._kill_once()
            if self._is_over():
                break
            time.sleep(0.2)
        self._tell_events()

    @property
    def left_open(self) -> Run:
        """The run whose approval is left to the reader."""
        return self.runs[-1]

    def problems(self) -> list[str]:
        """What should have happened and did not; empty when the demo did what it promises."""
        found = []
        if (started := Run.objects.filter(key__in=[run.key for run in self.runs]).count()) != len(
            self.runs
        ):
            found.append(f"{started} runs were started for {len(self.runs)} mails")
        for number, run in enumerate(self.runs, start=1):
            run.refresh_from_db()
            is_open = run == self.left_open
            expected = RunState.WAITING if is_open else RunState.SUCCEEDED
            if run.state != expected:
                found.append(f"#{number} is {run.state} ({run.reason}) and not {expected}")
            sent, should = self._mails(run), 0 if is_open else 1
            if sent != should:
                found.append(f"#{number} has sent {sent} mails and not {should}")
        if self.killed is None:
            found.append("no worker was killed: no draft was seen running")
        elif not self.taken_back:
            found.append("the killed worker's steps were not taken back")
        return found

    def _mails(self, run: Run) -> int | None:
        return mail.times_delivered(mail.message_id(f"{run.id}:send"))

    def _is_over(self) -> bool:
        states = dict(Run.objects.filter(id__in=self._ids()).values_list("id", "state"))
        others = [states[run.id] for run in self.runs if run != self.left_open]
        waits = states[self.left_open.id] == RunState.WAITING
        return waits and all(state == RunState.SUCCEEDED for state in others)

    def _ids(self) -> list[UUID]:
        return [run.id for run in self.runs]

    def _approve(self) -> None:
        """Play the person who approves; one request is left open."""
        asked = Escalation.objects.filter(run__in=self._ids(), kind="approval", state="open")
        for escalation in asked.exclude(run=self.left_open):
            answer(escalation.id, "approve", actor="demo", shown_hash=escalation.shown_hash)

    def _kill_once(self) -> None:
        """Kill the worker of the model calls in the middle of a draft, once a run is finished."""
        if self.killed is not None or self.first_finished is None:
            return
        running = Step.objects.filter(run__in=self._ids(), name="draft", state="running").count()
        if not running:
            return
        pid = self.stage.kill("llm")
        self.killed = time.monotonic()
        self.say(
            f"KILLED the llm worker (pid {pid}, kill -9) in the middle of {running} model calls"
        )

    def _tell_events(self) -> None:
        numbers = {run.id: number for number, run in enumerate(self.runs, start=1)}
        events = Event.objects.filter(run__in=numbers, id__gt=self._heard).order_by("id")
        for event in events:
            self._heard = event.id
            if event.run_id and (text := self._sentence(event)):
                self.say(f"#{numbers[event.run_id]} {text}")

    def _sentence(self, event: Event) -> str:
        name = event.data.get("name", "")
        match event.kind:
            case "step.succeeded" if name:
                again = event.data.get("attempt", 1)
                return f"{name} done" + (f" (attempt {again})" if again > 1 else "")
            case "step.worker_lost":
                self.taken_back += 1
                after_s = time.monotonic() - (self.killed or time.monotonic())
                return f"{name} taken back from the lost worker {after_s:.1f} s after the kill"
            case "step.failed":
                return f"{name} failed, and is tried again: {event.data.get('message', '')[:80]}"
            case "escalation.opened":
                return f"asks a person: {event.data.get('question', '')}"
            case "escalation.answered":
                return f"{event.actor} answers: {event.data.get('answer')}"
            case "run.succeeded":
                self.first_finished = self.first_finished or time.monotonic()
                return "FINISHED"
        return ""
