"""The state folder: where the embedded servers keep their data, passwords and addresses."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
#: Others may pass through the folder (a server may run as another user), but not list it.
FOLDER_MODE = 0o711


def home() -> Path:
    """AIOPS_HOME, or `.aiops` beside manage.py. The folder need not exist yet."""
    return Path(os.environ.get("AIOPS_HOME") or PROJECT / ".aiops").expanduser().absolute()


def make(folder: Path) -> Path:
    """Create a state folder; one that exists keeps the mode its owner gave it."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(FOLDER_MODE)
    return folder


def write_private(path: Path, text: str) -> None:
    """Replace a file in one move; nobody but its owner ever reads it, not even half-written."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def password(folder: Path, name: str) -> str:
    """The password of one server, made on first use."""
    path = folder / f"{name}.password"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text().strip()
