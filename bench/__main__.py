"""python -m bench: measure what a durable step costs, next to bare Celery on the same broker."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path

import django

from aiops.servers.errors import ServerError
from bench import table
from bench.bench import Bench
from bench.figures import Figure, as_json
from bench.measures import APART, ORDER
from bench.stack import Stack


def main() -> int:
    options = parse()
    try:
        with Stack() as stack:
            os.environ.update(stack.env)
            django.setup()
            stack.start()
            figures = measure(Bench(stack, options.quick), options.only or ORDER)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    text = f"{made_by(options)}\n\n{table.render(figures)}"
    print(text)
    if options.json:
        options.json.write_text(json.dumps([as_json(figure) for figure in figures], indent=2))
    if options.write:
        table.write(options.write, text, *table.markers(_apart(options.only)))
    return 0


def _apart(only: list[str] | None) -> str:
    """The measure whose own table this is; "": the table of all."""
    return only[0] if only and len(only) == 1 and only[0] in APART else ""


def made_by(options: argparse.Namespace) -> str:
    """What a reader must know of a table before comparing it with another."""
    words = ["python -m bench", *(["--quick"] if options.quick else [])]
    words += [f"--only {name}" for name in options.only or ()]
    load = os.getloadavg()[1]
    return (
        f"`{' '.join(words)}` on {os.cpu_count()} cores with Python {platform.python_version()};"
        f" load average over the last five minutes {load:.1f}."
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        choices=(*ORDER, *APART),
        action="append",
        metavar="NAME",
        help=f"one of {', '.join((*ORDER, *APART))}",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and smaller ones")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the numbers as JSON")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put the table between the file's markers"
    )
    return parser.parse_args()


def measure(bench: Bench, names: list[str] | tuple[str, ...]) -> list[Figure]:
    found: list[Figure] = []
    for name in names:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        found += importlib.import_module(f"bench.measures.{name}").measure(bench)
    return found


if __name__ == "__main__":
    sys.exit(main())
