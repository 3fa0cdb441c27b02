"""The five answers as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.color import Style

Paint = Callable[[str], str]

#: The colour of a state or a verdict, by the name that Django's style has for it.
_COLOURS: dict[str, str] = {
    **dict.fromkeys(("succeeded", "partial", "safe", "keyed", "done"), "SUCCESS"),
    **dict.fromkeys(("failed", "unsafe"), "ERROR"),
    **dict.fromkeys(("attention", "check", "fix", "decide", "retrying", "wait"), "WARNING"),
}


def told(answers: dict[str, Any], style: Style) -> str:
    """Write the five answers, one paragraph each."""
    now = datetime.fromisoformat(answers["asked_at"])
    parts = (
        _head(answers, style),
        _state(answers["state"], now, style),
        _succeeded(answers["succeeded"], style),
        _retry(answers["retry"], style),
        _person(answers["person"], now, style),
        _user(answers["user"], style),
    )
    return "\n\n".join("\n".join(lines) for lines in parts)


def paint(style: Style, key: str) -> Paint:
    """How a state or a verdict of this key is coloured."""
    found: Paint = getattr(style, _COLOURS.get(key, "HTTP_INFO"))
    return found


def money(microusd: int | None) -> str:
    """An amount, to the tenth of a cent; what is unknown is not 0."""
    return "cost unknown" if microusd is None else f"${microusd / 1e6:.3f}"


def ago(moment: str, now: datetime) -> str:
    """How long ago, or in how long."""
    seconds = (now - datetime.fromisoformat(moment)).total_seconds()
    return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"


def exact(moment: str, now: datetime) -> str:
    """How long ago, or in how long, and when that is."""
    at = datetime.fromisoformat(moment).astimezone(UTC)
    return f"{ago(moment, now)} ({at:%Y-%m-%d %H:%M:%S} UTC)"


def span(seconds: float) -> str:
    """A length of time in at most two units."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _head(answers: dict[str, Any], style: Style) -> Iterator[str]:
    named = f"{answers['workflow']} v{answers['workflow_version']}"
    title = f"  {answers['title']}" if answers["title"] else ""
    yield style.MIGRATE_HEADING(f"{named}  {answers['run_id']}{title}")
    facts = [f"for {answers['tenant']}"]
    facts += [f"key {answers['key']}"] if answers["key"] else []
    facts += [f"started by {answers['started_by']}"] if answers["started_by"] else []
    yield ", ".join(facts)


def _state(state: dict[str, Any], now: datetime, style: Style) -> Iterator[str]:
    reason = f": {state['reason']}" if state["reason"] else ""
    yield f"1. State   {paint(style, state['key'])(state['word'])}{reason}"
    yield f"   since {exact(state['since'], now)}"
    for name, told in (("paused_at", "paused"), ("cancel_requested_at", "asked to stop")):
        if state[name] and not state["is_ended"]:
            yield f"   {told} {exact(state[name], now)}"
    if state["deadline_at"] and not state["is_ended"]:
        yield f"   is stopped at its deadline, {exact(state['deadline_at'], now)}"
    if state["behind"]:
        yield f"   behind run {state['behind']}"
    for wait in state["waits"]:
        yield f"   {_wait(wait, now, style)}"


def _wait(wait: dict[str, Any], now: datetime, style: Style) -> str:
    parts = [f"{wait['step']}: {paint(style, wait['state'])(wait['word'].lower())}"]
    if wait["waits_for"]:
        parts.append(f"waits for {_lower(wait['waits_for'])}")
    if wait["worker"]:
        parts.append(f"on {wait['worker']}")
    if wait["child"]:
        parts.append(f"run {wait['child']}")
    parts.append(f"since {ago(wait['since'], now)}")
    if wait["until"]:
        parts.append(f"{'due' if wait['is_overdue'] else 'until'} {ago(wait['until'], now)}")
    if items := wait.get("items"):
        parts.append(_items(items))
    return ", ".join(parts)


def _succeeded(succeeded: dict[str, Any], style: Style) -> Iterator[str]:
    cost = money(succeeded["cost_microusd"])
    yield f"2. Done    {succeeded['steps_done']} of {succeeded['steps_total']} steps, {cost}"
    for step in succeeded["steps"]:
        parts = [paint(style, step["state"])(step["name"])]
        parts += ["left out"] if step["state"] == "skipped" else []
        parts += [span(step["took_s"])] if step["took_s"] is not None else []
        parts += [number(step["attempts"], "attempt")] if step["attempts"] else []
        parts += [money(step["cost_microusd"])] if step["cost_microusd"] is not None else []
        parts += [_items(step["items"])] if "items" in step else []
        yield f"   {', '.join(parts)}"


def _retry(retry: dict[str, Any], style: Style) -> Iterator[str]:
    verdict = retry["verdict"]
    word = paint(style, verdict["key"])(verdict["word"])
    if retry["is_possible"]:
        yield f"3. Retry   {word}: {verdict['sentence']}"
        yield f"   {_price(retry['price'])}"
    else:
        yield f"3. Retry   {retry['why_not']}"
    for step in retry["steps"]:
        if step["verdict"]["key"] in ("blocked", "done", "live"):
            continue
        judged = paint(style, step["verdict"]["key"])(step["verdict"]["word"])
        yield f"   {step['name']}: {judged}. {step['verdict']['sentence']}{_error(step)}"
    shown = retry["failed_items"]
    for item in shown:
        yield f"   {item['name']}[{item['item']}]: {item['verdict']['word']}{_error(item)}"
    if (rest := retry["failed_items_total"] - len(shown)) > 0:
        yield f"   and {number(rest, 'failed item')} more"


def _price(price: dict[str, Any]) -> str:
    keeps = [number(price["keeps_steps"], "finished step")]
    keeps += [number(price["keeps_items"], "item")] if price["keeps_items"] else []
    kept = f" ({money(price['keeps_cost_microusd'])})" if price["keeps_cost_microusd"] else ""
    again = number(price["runs_again"], "attempt")
    return f"price: {again}, {money(price['cost_microusd'])}; keeps {' and '.join(keeps)}{kept}"


def _error(entry: dict[str, Any]) -> str:
    error = entry["error"]
    if not error:
        return ""
    line = " ".join(str(error["message"] or error["type"]).split())
    return f" [{error['word']}: {line[:200]}]"


def _person(person: dict[str, Any], now: datetime, style: Style) -> Iterator[str]:
    if not person["total"]:
        yield "4. People  nobody is asked"
        return
    yield f"4. People  {number(person['total'], 'open question')}"
    for asked in person["questions"]:
        where = asked["step"] + ("" if asked["item"] is None else f"[{asked['item']}]")
        yield style.WARNING(f"   {asked['question']}") + (f"  ({where})" if where else "")
        yield f"     {asked['id']}  {_due(asked, now)}, {asked['owner'] or 'nobody has taken it'}"
        yield f"     manage.py answer {asked['id']} {'|'.join(asked['answers'])}"


def _due(asked: dict[str, Any], now: datetime) -> str:
    if asked["due_at"] is None:
        return "no due time"
    nobody = {"wait": "then it waits on", "approve": "then approved", "reject": "then rejected"}
    late = "was due" if asked["is_overdue"] else "due"
    return f"{late} {exact(asked['due_at'], now)}, {nobody.get(asked['if_nobody'], '')}"


def _user(user: dict[str, Any], style: Style) -> Iterator[str]:
    yield f"5. User    {paint(style, user['state'])(user['headline'])}: {user['sentence']}"
    yield f"   {user['progress']:.0%}" + (", may cancel" if user["is_cancellable"] else "")


def _items(items: dict[str, int]) -> str:
    states = _listed(f"{count} {name}" for name, count in items.items() if name != "total")
    return f"{items.get('succeeded', 0)} of {items['total']} items ({states})"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
