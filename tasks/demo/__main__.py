"""make demo: the whole system at work on real tickets, with a local model, on this machine alone."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from aiops.servers.__main__ import on_interrupt, say
from aiops.servers.errors import ServerError
from aiops.servers.running import Servers
from tasks.demo.stage import Addresses, Stage

if TYPE_CHECKING:
    from tasks.demo.story import Story

LOGIN = "admin"
#: How many pretended runs fill the console, and how long people act on them.
PRETENDED = 46
REHEARSAL_S = 90.0

Tell = Callable[[str], None]


def main() -> int:
    options = arguments()
    try:
        with Servers.ensure(say=say) as servers:
            return play(servers, options)
    except ServerError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--once",
        action="store_true",
        help="end when the runs are done: exit code 0 if and only if all went as it should",
    )
    parser.add_argument(
        "--tickets", type=int, default=6, choices=range(2, 9), help="how many tickets (2 to 8)"
    )
    return parser.parse_args()


def play(servers: Servers, options: argparse.Namespace) -> int:
    tell = teller()
    addresses = Addresses.choose()
    # Our own process looks where the workers look.
    os.environ.update(servers.environ | addresses.environ())
    stage = Stage(servers, addresses)
    interrupted = on_interrupt()
    try:
        stage.start_outside()
        tell("database and broker are up, the local model is loading")
        password = prepare(servers.folder)
        stage.start_first()
        story = act(stage, servers.folder, options.tickets, tell)
        problems = report(story, addresses, password)
        if options.once:
            return 1 if problems else 0
        say("Serving. Ctrl-C stops everything; the data stays.")
        rehearse(interrupted)
        interrupted.wait()
        return 1 if problems else 0
    finally:
        say("Stopping.")
        stage.stop()


def teller() -> Tell:
    """Print lines with the seconds since the demo began."""
    began = time.monotonic()
    return lambda text: print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


def prepare(folder: Path) -> str:
    """Bring the database up to date, and make the console's login. Returns its password."""
    import django
    from django.core.management import call_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User

    path = folder / "demo" / "password"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(0o600)
        path.write_text(secrets.token_urlsafe(9))
    password = path.read_text()
    user, _ = User.objects.get_or_create(
        username=LOGIN, defaults={"is_staff": True, "is_superuser": True}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    return password


def act(stage: Stage, folder: Path, tickets: int, tell: Tell) -> Story:
    """Start the runs before any worker is up: they are accepted all the same."""
    from tasks.demo.story import Story
    from tasks.demo.tickets import load

    demo = load(folder / "demo")
    tell(f"tickets: {demo.source}")
    story = Story(stage, tell)
    story.start(demo.tickets[:tickets])
    stage.start_rest()
    story.watch()
    return story


def rehearse(interrupted: Event) -> None:
    """Fill the console with pretended work in every state, until a signal comes."""
    from tasks.demo.rehearsal import Rehearsal
    from tasks.demo.timetable import make_schedules

    make_schedules()
    rehearsal = Rehearsal(say=lambda text: None)
    number = rehearsal.start(PRETENDED, seed=1)
    say(f"{number} pretended runs, many of them in trouble, show what the console is for.")
    end = time.monotonic() + REHEARSAL_S
    while not interrupted.is_set() and time.monotonic() < end and rehearsal.act(1.0):
        pass


def report(story: Story, addresses: Addresses, password: str) -> list[str]:
    """Print the five answers for each run, what went wrong, and where to look."""
    from django.core.management import call_command

    from aiops.access import run_token

    for run in story.runs:
        print(flush=True)
        call_command("show", str(run.id))
    problems = story.problems()
    python = os.path.relpath(sys.executable)
    first_s = (story.first_finished or time.monotonic()) - story.began
    print(
        f"\nFirst run finished {first_s:.1f} s after it was accepted; "
        f"{story.taken_back} model calls taken back from the killed worker; "
        f"{len(story.runs) - 1} mails sent once each; run {story.left_open.id} waits for you."
        if not problems
        else "\n".join(["", "NOT as it should be:", *problems])
    )
    print(
        f"\nConsole   http://127.0.0.1:{addresses.web}/admin/  login {LOGIN}  password {password}"
        f"\nUser      {run_token.page_url(run_token.sign(story.left_open.id))}"
        f"\nAPI       http://127.0.0.1:{addresses.web}/api/v1/docs"
        f"\nFlower    http://127.0.0.1:{addresses.flower}/flower/"
        f"\nApprove   {python} manage.py approve {story.left_open.id}"
        f"\nAnswers   {python} manage.py show {story.left_open.id}\n",
        flush=True,
    )
    return problems


if __name__ == "__main__":
    sys.exit(main())
