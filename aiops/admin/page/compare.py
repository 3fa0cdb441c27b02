"""Two attempts of a step side by side, as far as the record keeps what they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiops.admin.page import words
from aiops.admin.page.amounts import length, money
from aiops.admin.page.build import exact
from aiops.admin.page.content import as_text
from aiops.admin.page.differences import Line, differences
from aiops.execution.looking import Seen
from aiops.models import Attempt, ModelCall, Outcome, Run, RunState, Step

NOT_RECORDED = "not recorded"

#: So many of a step's newest attempts can be chosen, and among so many of the newest runs of the
#: workflow the last good one is looked for.
MOST_ATTEMPTS, MOST_RUNS = 50, 500
GOOD = "good"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    #: How the address names it.
    choice: str
    title: str
    attempt: Attempt
    calls: Sequence[ModelCall]
    #: Whether the result that the step keeps is this attempt's.
    has_output: bool


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        # No two attempts began at the same time.
        return self.left != self.right and self.name != "Began"


@dataclass(frozen=True, slots=True)
class Text:
    """A longer text of both."""

    name: str
    lines: Sequence[Line]
    #: What both say, where they say the same; or why there is nothing to compare.
    same: str


def attempts_of(step: Step) -> list[Attempt]:
    """Those that can be chosen, the newest first."""
    return list(Attempt.objects.filter(step=step).order_by("-number")[:MOST_ATTEMPTS])


def last_good(step: Step) -> Attempt | None:
    """The attempt by which this step succeeded in the last good run of its workflow."""
    newest = Run.objects.filter(workflow=step.run.workflow).order_by("-created_at")
    rows = newest.values_list("id", "state")[:MOST_RUNS]
    good = (RunState.SUCCEEDED, RunState.PARTIAL)
    run_id = next((id_ for id_, state in rows if state in good and id_ != step.run_id), None)
    found = Attempt.objects.filter(
        step__run=run_id, step__name=step.name, step__item=step.item, outcome=Outcome.SUCCEEDED
    )
    return found.order_by("-number").first() if run_id else None


def choose(
    step: Step, wanted: Mapping[str, str], own: Sequence[Attempt], good: Attempt | None
) -> tuple[Side, Side] | None:
    """The two that are asked for; unless said otherwise, the last one and what went before it.

    None when there are no two to compare.
    """
    known = {str(one.pk): one for one in own} | ({GOOD: good} if good else {})
    right = wanted.get("b", "") if wanted.get("b") in known else next(iter(known), "")
    left = wanted.get("a", "")
    if left not in known or left == right:
        left = next((choice for choice in known if choice != right), "")
    if not left or not right:
        return None
    return _side(step, left, known[left]), _side(step, right, known[right])


def _side(step: Step, choice: str, attempt: Attempt) -> Side:
    last = Attempt.objects.filter(step=attempt.step_id).order_by("-number").first()
    calls = ModelCall.objects.filter(step=attempt.step_id, attempt=attempt.number).order_by("id")
    return Side(
        choice=choice,
        title=title(attempt, is_other=choice == GOOD),
        attempt=Attempt.objects.select_related("step", "run__version").get(pk=attempt.pk),
        calls=list(calls[:MOST_ATTEMPTS]),
        has_output=last is not None
        and last.pk == attempt.pk
        and attempt.outcome in (Outcome.SUCCEEDED, Outcome.RECONCILED),
    )


def title(attempt: Attempt, *, is_other: bool) -> str:
    outcome = words.OUTCOME[attempt.outcome].word.lower()
    if is_other:
        return f"The last good run, {str(attempt.run_id)[:13]}"
    return f"Attempt {attempt.number}: {outcome}"


def facts(left: Side, right: Side) -> list[Fact]:
    """What is said in a word or a number."""
    told = zip(_facts(left), _facts(right), strict=True)
    return [Fact(name, a, b) for (name, a), (_, b) in told]


def _facts(side: Side) -> list[tuple[str, str]]:
    one, calls = side.attempt, side.calls
    error: Mapping[str, Any] = one.error or {}
    version = one.run.version
    return [
        ("Outcome", words.OUTCOME[one.outcome].word),
        (
            "Error",
            " ".join(filter(None, (str(error.get(k) or "") for k in ("type", "code")))) or "–",
        ),
        ("Went out", words.SENT.get(one.sent, "–")),
        ("Began", exact(one.started_at)),
        ("Took", length((one.finished_at - one.started_at).total_seconds())),
        ("Worker", one.worker or "–"),
        ("Workflow version", f"v{version.version} {version.hash[:8]}"),
        ("Release", NOT_RECORDED),
        ("Model", _of_calls(calls, lambda call: call.model or call.asked_model)),
        ("Model calls", str(len(calls)) if calls else NOT_RECORDED),
        ("Prompt, as a hash", _of_calls(calls, lambda call: call.prompt_hash[:12])),
        ("Prompt version", _of_calls(calls, lambda call: call.template)),
        ("Model, prompt and settings, as a hash", _of_calls(calls, lambda c: c.fingerprint[:12])),
        ("Tokens in", _tokens([call.tokens_in for call in calls])),
        ("Tokens out", _tokens([call.tokens_out for call in calls])),
        ("Cost", money(one.cost_microusd)),
    ]


def _of_calls(calls: Sequence[ModelCall], what: Any) -> str:
    """What the calls of an attempt say, each once."""
    found = dict.fromkeys(str(what(call)) for call in calls)
    return ", ".join(filter(None, found)) or NOT_RECORDED


def _tokens(numbers: Sequence[int | None]) -> str:
    known = [number for number in numbers if number is not None]
    return f"{sum(known):,}" if known else NOT_RECORDED


def errors(left: Side, right: Side) -> Text:
    """What they say went wrong, with where."""
    return _text("Error", _error(left), _error(right), none="Neither has an error.")


def _error(side: Side) -> str:
    error = side.attempt.error or {}
    told = (str(error.get(name) or "") for name in ("message", "traceback"))
    return "\n".join(filter(None, told)).strip()


def contents(
    left: Side, right: Side, seen: Sequence[Seen], asked: Sequence[Sequence[str]]
) -> list[Text]:
    """What they took, asked and gave, for somebody who may see it."""
    inputs = [as_text(one.values["Input"]) for one in seen]
    return [
        _text("Input, as the record has it now", *inputs, none="It takes nothing."),
        _outputs(left, right, [as_text(one.values["Output"]) for one in seen]),
        _text("Prompts and answers", *map(_calls, asked), none="Neither asked a model."),
    ]


def _calls(asked: Sequence[str]) -> str:
    """The calls of an attempt, one after the other."""
    return "\n\n".join(f"Call {number}\n{text}" for number, text in enumerate(asked, 1))


def _outputs(left: Side, right: Side, outputs: Sequence[str]) -> Text:
    if left.has_output and right.has_output:
        return _text("Output", *outputs, none="Neither gave anything.")
    told = [
        f"{side.title}\n{output if side.has_output else _NO_OUTPUT}"
        for side, output in zip((left, right), outputs, strict=True)
    ]
    return Text("Output", (), "\n\n".join(told))


_NO_OUTPUT = f"{NOT_RECORDED}: a step keeps the result of its last attempt alone"


def _text(name: str, left: str, right: str, *, none: str) -> Text:
    if left == right:
        return Text(name, (), f"The same in both:\n{left}" if left else none)
    return Text(name, differences(left, right), "")
