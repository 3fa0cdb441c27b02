"""python -m bench.front: how many starts the front door takes, and what becomes of twice as many."""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

from aiops.servers.errors import ServerError
from aiops.servers.running import free_port
from bench import table
from bench.stack import Stack
from tests.faults.knocking import Job, Report, knock, starts_of

#: Callers of the measures that ask as fast as they are answered.
CALLERS = 16
#: Connections of the crowd.
STRANGERS = 400
#: Chains of 20 that the workers are busy with while the door is knocked at.
BACKLOG = 150
OVERLOAD = 2.0
START_S = 60.0
REST_S = 600.0
BEGIN, END = "<!-- front: begin -->", "<!-- front: end -->"
#: The column holds no larger number; nothing here is to be limited but by what the machine can do.
MOST_PER_MINUTE = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long each part takes, in seconds."""

    warm_s: float
    closed_s: float
    overload_s: float


FULL, QUICK = Lengths(3, 15, 60), Lengths(2, 6, 30)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the record says when everybody has gone."""

    accepted: int
    #: Accepted by an answer, and not in the record.
    lost: int
    #: In the record, though nobody got the answer.
    unheard: int
    ended: int
    took_s: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.front", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="shorter; the crowd stays 30 s, not 60"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into the file")
    options = parser.parse_args()
    try:
        with Stack() as stack:
            os.environ.update(stack.env)
            django.setup()
            stack.start()
            text = "\n".join([made_by(is_quick=options.quick), "", *tell(stack, options.quick)])
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    print(text)
    if options.write:
        table.write(options.write, text, BEGIN, END)
    return 0


def made_by(*, is_quick: bool) -> str:
    words = "python -m bench.front" + (" --quick" if is_quick else "")
    return (
        f"`{words}` on {os.cpu_count()} cores with Python {platform.python_version()}; client, server, workers,"
        f" keeper and database share them. Load average before: {os.getloadavg()[1]:.1f}."
    )


def tell(stack: Stack, is_quick: bool) -> Iterator[str]:
    lengths = QUICK if is_quick else FULL
    key = _key()
    with _web(stack) as port, _bare(stack) as bare:
        _say("warming up")
        _closed(port, _starts(key, "warm"), lengths.warm_s)
        _rest(_starts_made())
        yield "| closed loop, 16 callers | per s | p50 ms | p95 ms | p99 ms | answers | rate / one row |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        ours, lines = _compared(stack, port, bare, key, lengths.closed_s)
        yield from lines
        _rest(0)
        _say("too many")
        yield ""
        yield from _overloaded(port, key, OVERLOAD * ours.per_s, lengths.overload_s)


def _compared(
    stack: Stack, port: int, bare: int, key: str, lasts_s: float
) -> tuple[Report, list[str]]:
    """The door next to bare Django's, each among idle and busy workers."""
    from aiops.models import Run
    from bench import runs, workflows

    idle = _closed(port, _starts(key, "idle"), lasts_s)
    _rest(0)
    backlog = runs.start(workflows.twenty, BACKLOG)
    busy = _closed(port, _starts(key, "busy"), lasts_s)
    runs.finish(backlog)
    _rest(0)
    some = [str(pk) for pk in Run.objects.order_by("-created_at").values_list("id", flat=True)[:50]]
    seen = _closed(port, _looks(key, some), lasts_s)
    given = {"method": "POST", "body": '{"workflow": "x", "input": {"number": 1}, "key": "{n}"}'}
    row = _closed(bare, {**given, "paths": ["/row"]}, lasts_s)
    task = _closed(bare, {**given, "paths": ["/task"]}, lasts_s)
    told = (
        ("starts, workers idle", idle),
        ("starts, workers busy", busy),
        ("the user's status", seen),
        ("bare Django: one row", row),
        ("bare Django: one `send_task`, no row", task),
    )
    return busy, [_line(name, report, row) for name, report in told]


def _overloaded(port: int, key: str, per_s: float, lasts_s: float) -> Iterator[str]:
    """Twice what the door takes, from strangers who do not wait for each other."""
    before = _starts_made()
    job = Job(
        port=port,
        mode="open",
        lasts_s=lasts_s,
        callers=STRANGERS,
        per_s=per_s,
        **_starts(key, "crowd"),
    )
    report = knock(job)
    still_there = _closed(port, _starts(key, "after"), 2)
    after = _rest(len(report.runs) + len(still_there.runs), before=before, ids=report.runs)
    yield f"Twice that for {lasts_s:.0f} s, open loop ({per_s:,.0f} requests a second, {STRANGERS} connections):"
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    yield f"| requests | {report.asked:,} |"
    for code, number in sorted(report.codes.items()):
        yield f"| answered {code} | {number:,} |"
    for what, number in sorted(report.unanswered.items()):
        yield f"| no answer: {what} | {number:,} |"
    yield f"| accepted a second | {len(report.runs) / report.took_s:,.0f} |"
    yield f"| p50 / p95 / p99 of what was accepted, ms | {_ms(report.waits_ms)} |"
    if report.refusals_ms:
        yield f"| p50 / p95 / p99 of what was turned away, ms | {_ms(report.refusals_ms)} |"
    yield f"| p50 / p95 / p99 right afterwards, ms | {_ms(still_there.waits_ms)} |"
    yield f"| accepted and not in the record | {after.lost:,} |"
    yield f"| in the record, answer not heard | {after.unheard:,} |"
    yield f"| runs that came to their end | {after.ended:,} of {after.accepted + after.unheard:,} |"
    yield f"| until the last had ended, s | {after.took_s:,.0f} |"
    verdict = "pass" if not report.broken and not after.lost else "MISS"
    yield f"| only 202 and 429, nothing lost | {verdict} |"


def _starts(key: str, prefix: str) -> dict[str, Any]:
    return starts_of("bench_knocked", key, f"{prefix}-{time.time_ns()}", {"number": 1})


def _looks(key: str, runs: list[str]) -> dict[str, Any]:
    paths = [f"/api/v1/runs/{run}/status" for run in runs]
    return {"paths": paths, "headers": {"Authorization": f"Bearer {key}"}}


def _closed(port: int, given: dict[str, Any], lasts_s: float) -> Report:
    report = knock(Job(port=port, mode="closed", lasts_s=lasts_s, callers=CALLERS, **given))
    _say(f"{given['paths'][0]}: {report.per_s:.0f}/s {report.codes} {report.unanswered}")
    return report


def _line(name: str, report: Report, row: Report) -> str:
    ratio = report.per_s / row.per_s
    answers = ", ".join(f"{n:,} x {code}" for code, n in sorted(report.codes.items()))
    if report.unanswered:
        answers += f", {sum(report.unanswered.values()):,} x none"
    p50, p95, p99 = report.waits_ms or [0, 0, 0]
    return f"| {name} | {report.per_s:,.0f} | {p50:,.1f} | {p95:,.1f} | {p99:,.1f} | {answers} | {ratio:.2f} |"


def _ms(waits_ms: list[float]) -> str:
    return " / ".join(f"{wait:,.0f}" for wait in waits_ms) or "–"


def _key() -> str:
    from aiops.access import keys
    from aiops.models import ApiKey, Scope

    row, key = keys.make("bench", scopes=Scope.values)
    ApiKey.objects.filter(id=row.id).update(per_minute=MOST_PER_MINUTE)
    return key


def _starts_made() -> int:
    from aiops.models import Run

    return Run.objects.filter(workflow="bench_knocked").count()


def _rest(accepted: int, *, before: int = 0, ids: list[str] | None = None) -> Aftermath:
    """Wait until every run has ended, and count them."""
    from aiops.models import Run, RunState

    began = time.monotonic()
    knocked = Run.objects.filter(workflow="bench_knocked")
    while knocked.filter(finished_at__isnull=True).exists():
        if time.monotonic() - began > REST_S:
            break
        time.sleep(0.5)
    known = {str(pk) for pk in knocked.values_list("id", flat=True)}
    there = len(known) - before
    lost = len(set(ids or ()) - known)
    return Aftermath(
        accepted=accepted,
        lost=lost,
        unheard=there - accepted + lost,
        ended=knocked.filter(state=RunState.SUCCEEDED).count() - before,
        took_s=time.monotonic() - began,
    )


@contextmanager
def _web(stack: Stack) -> Iterator[int]:
    from django.conf import settings

    production = {
        "AIOPS_ENV": "production",
        "SECRET_KEY": settings.SECRET_KEY,
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "0",
        "LOG_LEVEL": "ERROR",
    }
    with _serving(stack, "web", "aiops.asgi:application", production) as port:
        yield port


@contextmanager
def _bare(stack: Stack) -> Iterator[int]:
    with _serving(stack, "bare", "bench.bare:application", {"BENCH_BARE": "1"}) as port:
        from django.db import connection

        from bench.bare import CREATE

        with connection.cursor() as cursor:
            cursor.execute(CREATE)
        yield port


@contextmanager
def _serving(stack: Stack, name: str, app: str, env: dict[str, str]) -> Iterator[int]:
    """A web server as the Procfile has it."""
    port = free_port()
    options = ("--port", str(port), "--lifespan", "off", "--http", "h11", "--no-access-log")
    stack.add("web", name, "-m", "uvicorn", app, *options, env=env)
    deadline = time.monotonic() + START_S
    while not _answers(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} did not start: see {stack.log(name)}")
        time.sleep(0.2)
    yield port
    stack.stop(name)


def _answers(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        line.request("GET", "/")
        line.getresponse().read()
    except OSError:
        return False
    finally:
        line.close()
    return True


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
