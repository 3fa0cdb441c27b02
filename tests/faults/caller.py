"""Another program, which starts runs as a web process does: it writes rows and publishes nothing.

One JSON line asks, one answers; it ends with its input.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import UUID

import django
from django.db import close_old_connections


def main() -> None:
    django.setup()
    verbs = _verbs()
    for line in sys.stdin:
        asked = json.loads(line)
        # As Django does at the beginning of every request.
        close_old_connections()
        sys.stdout.write(json.dumps(_answer(verbs[asked.pop("verb")], asked), default=str) + "\n")
        sys.stdout.flush()


def _answer(verb: Callable[..., Any], asked: dict[str, Any]) -> dict[str, Any]:
    began = time.monotonic()
    try:
        answer = verb(**asked)
    except Exception as error:  # whatever it is, the test is told
        return {"error": f"{type(error).__name__}: {error}"}
    return {"answer": answer, "took_s": time.monotonic() - began}


def _verbs() -> dict[str, Callable[..., Any]]:
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    from aiops.access import keys
    from aiops.execution import lanes
    from aiops.execution.answer import answer
    from aiops.execution.cancel import cancel
    from aiops.execution.catalog import load_workflows
    from aiops.execution.start import start_run
    from aiops.models import (
        ApiKey,
        CatchUp,
        Escalation,
        Overlap,
        Schedule,
        Scope,
        WebhookEndpoint,
        schedule_moves,
    )
    from aiops.upkeep import prove
    from aiops.webhooks import configure
    from aiops.webhooks.configure import Given

    load_workflows()

    def start(workflow: str, input: Any) -> str:
        return str(start_run(workflow, input).id)

    def stop(run_id: str) -> str:
        return str(cancel(UUID(run_id), reason="the test says so", actor="tester").state)

    def approve(run_id: str) -> None:
        asked = Escalation.objects.get(run_id=run_id, kind="approval", state="open")
        answer(asked.id, "approve", actor="tester", shown_hash=asked.shown_hash)

    def resume_lane(name: str) -> int:
        return lanes.resume(name, actor="tester", reason="the test says so")

    def limbo() -> list[dict[str, Any]]:
        return [asdict(found) for found in prove.limbo(slack_s=0, recent_s=None)]

    def make_key() -> str:
        row, key = keys.make("tests", scopes=Scope.values)
        ApiKey.objects.filter(id=row.id).update(per_minute=1_000_000)
        return key

    def every_second(workflow: str, input: Any) -> None:
        interval, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
        PeriodicTask.objects.create(
            name=workflow,
            task="tasks.start_run",
            args=json.dumps([workflow, input]),
            interval=interval,
        )

    def schedule(workflow: str) -> None:
        """Let a workflow be due every second, from now on, whatever is open."""
        interval, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
        made = Schedule(
            name=workflow,
            workflow=workflow,
            interval=interval,
            overlap=Overlap.ALLOW,
            catch_up=CatchUp.EACH,
        )
        schedule_moves.make(made, actor="tester")

    def pause(name: str) -> None:
        found = Schedule.objects.get(name=name)
        schedule_moves.pause(found, actor="tester", reason="the test says so")

    def never_again() -> None:
        for task in PeriodicTask.objects.exclude(name__startswith="celery."):
            task.delete()

    def listen(url: str) -> list[str]:
        """A webhook; its id and its secret."""
        endpoint, secret = configure.make(Given("tests", url), actor="tester")
        return [str(endpoint.id), secret]

    def rotate(webhook: str) -> str:
        return configure.rotate(WebhookEndpoint.objects.get(id=webhook), actor="tester")

    verbs = (
        *(start, stop, approve, resume_lane, limbo, make_key),
        *(every_second, never_again, schedule, pause, listen, rotate),
    )
    return {verb.__name__: verb for verb in verbs}


if __name__ == "__main__":
    main()
