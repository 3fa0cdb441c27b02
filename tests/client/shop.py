"""The example's project as its own processes, with its own database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from aiops.servers.home import PROJECT

_SHOP = PROJECT / "examples" / "shop"


class Shop:
    """A shop whose server and key can be set, as an operator sets them."""

    def __init__(self, folder: Path) -> None:
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DJANGO")},
            "PYTHONPATH": str(PROJECT / "client"),
            "SHOP_DATABASE": str(folder / "shop.sqlite3"),
        }
        self.manage("migrate", "--verbosity=0")

    def at(self, server: str, key: str) -> None:
        self.environ |= {"AIOPS_SERVER": server, "AIOPS_KEY": key}

    def manage(self, *argv: str) -> str:
        """What a command of its manage.py prints."""
        done = subprocess.run(self.command(*argv), **self.place, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return str(done.stdout.decode())

    def command(self, *argv: str) -> list[str]:
        return [sys.executable, "manage.py", *argv]

    @property
    def place(self) -> dict[str, Any]:
        """Where and with what its processes are started."""
        return {"cwd": _SHOP, "env": self.environ}

    def do(self, script: str) -> Any:
        """Run Python inside the shop; returns what it puts in `told`."""
        told = self.manage("shell", "--no-imports", "-c", f"{_BEGIN}\n{script}\n{_END}")
        return json.loads(told)


_BEGIN = """
import json
from django.db import transaction
from aiops_client.outbox.models import Start
from aiops_client.outbox.sending import start
told = None
"""
_END = "print(json.dumps(told))"
