"""As whom a server runs. PostgreSQL refuses root, which is what a container usually offers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiops.servers.errors import ServerError

#: "nobody": owns nothing, and exists by number on every system.
NOBODY = 65534
#: Who a server believes to be inside a user namespace; any number but 0.
INNER_UID = 1000


class NoIdentity(ServerError):
    """Root found no user who may enter the folders in question."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user to become before exec. `uid` None: stay who we are."""

    uid: int | None = None
    gid: int | None = None
    namespace: bool = False

    @property
    def owner(self) -> tuple[int, int] | None:
        """The user and group that the server's files must belong to; None: leave them."""
        if self.namespace:
            return os.geteuid(), os.getegid()
        return None if self.uid is None or self.gid is None else (self.uid, self.gid)

    @property
    def options(self) -> list[str]:
        """What launch.py is told."""
        if self.uid is None:
            return []
        who = ["--uid", str(self.uid), "--gid", str(self.gid)]
        return [*who, "--namespace"] if self.namespace else who


AS_WE_ARE = Identity()
IN_NAMESPACE = Identity(INNER_UID, INNER_UID, namespace=True)


def candidates(euid: int, project_owner: tuple[int, int]) -> list[Identity]:
    """Whom to try, best first.

    The project's owner comes before the namespace: under sudo the checkout lies in a private home
    that neither "nobody" nor a namespaced root may enter.
    """
    if euid != 0:
        return [AS_WE_ARE]
    owner = Identity(*project_owner)
    return [Identity(NOBODY, NOBODY), *([owner] if owner.uid else []), IN_NAMESPACE]


def choose(
    choices: Sequence[Identity], works: Callable[[Identity], bool], folder: Path
) -> Identity:
    """The first identity that works; raises NoIdentity."""
    if choices == [AS_WE_ARE]:
        return AS_WE_ARE
    for identity in choices:
        if works(identity):
            return identity
    raise NoIdentity(
        f"PostgreSQL does not run as root, no other user may enter {folder} or the Python"
        " environment, and user namespaces are not allowed here: run as an ordinary user, move the"
        " project to a folder that others may enter, or set DATABASE_URL"
    )
