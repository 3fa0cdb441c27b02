"""The user's view of a run, as plain JSON: what the API, the stream, the page and webhooks tell."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext

from aiops.execution import eta, judge, usual_times
from aiops.execution.eta import Stand
from aiops.execution.facts import RunFacts, StepRow, load_for_user
from aiops.execution.user_parts import seen_by_user, share
from aiops.execution.user_status import GOOD, UserStatus
from aiops.execution.usual_times import History
from aiops.models import Reason, RunState, StepState
from aiops.models.step import DONE

#: The colour of each state; those that are not here are at work.
_MOODS: dict[str, str] = {
    **dict.fromkeys((RunState.SUCCEEDED, RunState.PARTIAL), "ok"),
    **dict.fromkeys((RunState.QUEUED, RunState.WAITING, RunState.ATTENTION), "wait"),
    **dict.fromkeys((RunState.CANCELLING, RunState.CANCELLED), "off"),
    RunState.RETRYING: "slow",
    RunState.FAILED: "bad",
}
_LONGEST_URL = 2_000


def user_view(run_id: UUID, *, language: str = "en") -> dict[str, Any]:
    """What the user sees of a run, in a language that LANGUAGES has. Raises Run.DoesNotExist."""
    facts = load_for_user(run_id)
    with translation.override(language):
        return of_facts(facts)


def of_facts(facts: RunFacts) -> dict[str, Any]:
    """The same, for somebody who has read the run already; in the language of the moment.

    `partial` is empty unless the facts were read for the user: operators need a permission for it.
    """
    run = facts.run
    # The bar of a run that ended well shows the whole, whatever its steps weigh.
    is_good = run.state in GOOD
    history = usual_times.NOTHING if is_good else usual_times.before_run(run, facts.plan)
    seen = seen_by_user(facts, eta.weights(facts.plan, history))
    left = _left_s(facts, seen, history)
    since_s = (facts.now - run.created_at).total_seconds()
    return {
        "run_id": str(run.id),
        "reference": reference(str(run.id)).upper(),
        "title": run.title,
        "version": facts.newest_event,
        "state": str(seen.state),
        "mood": _MOODS.get(seen.state, "work"),
        "headline": seen.headline,
        "sentence": seen.sentence,
        "hint": _hint(facts, seen, history, left, since_s),
        "progress": seen.progress,
        # Rounded down: 100 is the end.
        "percent": int(seen.progress * 100),
        "count": _count(seen),
        "parts": [{"says": says, "place": place} for says, place in seen.parts],
        "partial": _partial(facts),
        "eta_s": eta.foreseen_s(left, since_s, history),
        "is_final": run.is_ended,
        "is_cancellable": seen.is_cancellable,
        "since": _since(facts, seen).isoformat(),
        "promise": _promise(facts, seen),
        "sent": _sent(facts),
        "result_url": result_url(facts.result_url) if seen.state in GOOD else "",
    }


def reference(run_id: str) -> str:
    """The part of an id that a person reads out: its millisecond. The search finds runs by it."""
    return run_id[:13]


def result_url(said: str) -> str:
    """The address that a start gave for its result, if it is one that a link may have; else ""."""
    try:
        parts = urlsplit(said)
    except ValueError:
        return ""
    is_web = parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
    return said if is_web and said.isprintable() and len(said) <= _LONGEST_URL else ""


def _left_s(facts: RunFacts, seen: UserStatus, history: History) -> float | None:
    if seen.state not in (RunState.QUEUED, RunState.RUNNING):
        return None
    stands = {step.name: _stand(facts, step) for step in facts.steps}
    return eta.left_s(facts.plan, stands, history)


def _stand(facts: RunFacts, step: StepRow) -> Stand:
    has_begun = step.state in (StepState.RUNNING, StepState.WAITING) and step.started_at
    return Stand(
        is_done=step.state in DONE,
        elapsed_s=(facts.now - step.started_at).total_seconds()
        if has_begun and step.started_at
        else None,
        share=share(facts.items.get(step.id, ())),
    )


def _hint(
    facts: RunFacts, seen: UserStatus, history: History, left: float | None, since_s: float
) -> str:
    """What stands to the right of the bar."""
    match seen.state:
        case RunState.QUEUED | RunState.RUNNING:
            return eta.of_work(left, since_s, history, is_promised=facts.is_promised)
        case RunState.RETRYING:
            return gettext("Usually back within a few minutes.")
        case RunState.WAITING if facts.run.paused_at is None:
            return _answer_within(facts, history)
        case RunState.ATTENTION:
            return _decision_within(facts, history)
        case _:
            return ""


def _answer_within(facts: RunFacts, history: History) -> str:
    """When a person usually answers, or has to."""
    asked = next((step for step in facts.steps if _waits_for_a_person(step)), None)
    if asked is None:
        return ""
    if asked.name in history.answers:
        return eta.usually_within(history.answers[asked.name])
    return _due(asked.until, facts.now)


def _waits_for_a_person(step: StepRow) -> bool:
    return step.state == StepState.WAITING and step.reason == Reason.APPROVAL


def _decision_within(facts: RunFacts, history: History) -> str:
    if history.attention_s is not None:
        return eta.usually_within(history.attention_s)
    dues = [asked["due_at"] for asked in facts.questions if asked["due_at"] is not None]
    return _due(min(dues, default=None), facts.now)


def _due(due_at: datetime | None, now: datetime) -> str:
    """What is late already is not told as if it were not."""
    return eta.due_within((due_at - now).total_seconds()) if due_at and due_at > now else ""


def _count(seen: UserStatus) -> str:
    places = [place for _, place in seen.parts]
    if not places:
        return ""
    done = places.count("done")
    if seen.state == RunState.PARTIAL:
        return gettext("%(done)s of %(all)s steps done") % {"done": done, "all": len(places)}
    if seen.state == RunState.SUCCEEDED:
        # A branch that was not taken is nothing that is missing.
        return gettext("All %(n)s steps done") % {"n": done} if done > 1 else gettext("Done")
    done += places.count("left_out")
    at = min(done + 1, len(places))
    return gettext("Step %(at)s of %(all)s") % {"at": at, "all": len(places)}


def _partial(facts: RunFacts) -> str:
    """What a live attempt has written so far, where the workflow lets users see it."""
    for step in facts.steps:
        node = facts.plan.by_name.get(step.name)
        if node is not None and node.streams and step.partial and judge.is_leased(facts, step):
            return step.partial
    return ""


def _since(facts: RunFacts, seen: UserStatus) -> datetime:
    return seen.since or facts.run.since


def _promise(facts: RunFacts, seen: UserStatus) -> str:
    if not facts.is_promised or facts.run.is_ended or seen.state == RunState.CANCELLING:
        return ""
    return gettext("You can close this page. We will e-mail you when it is done.")


def _sent(facts: RunFacts) -> str:
    """What has gone out and stays out, for somebody who thinks of stopping it."""
    gone = [step for step in facts.steps if _has_gone_out(facts, step)]
    if not gone:
        return ""
    told = gettext("What has already been sent stays sent.")
    names = [gettext(said) for step in gone if (said := facts.plan.by_name[step.name].says)]
    return f"{told} ({', '.join(names)})" if names else told


def _has_gone_out(facts: RunFacts, step: StepRow) -> bool:
    node = facts.plan.by_name.get(step.name)
    if node is None or (node.effect != "once" and node.pool != "effects"):
        return False
    return step.state == StepState.SUCCEEDED or step.in_doubt
