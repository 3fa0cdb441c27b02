"""The messages of a block, overheard at the broker: how many, and how long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from redis import Redis

_END = "bench: the end"


@dataclass(slots=True)
class Messages:
    """Sizes in bytes, in the order of sending."""

    sizes: list[int] = field(default_factory=list)


@contextmanager
def overheard(broker: Redis) -> Iterator[Messages]:
    """Collect what is pushed to any queue of the broker's database while the block runs."""
    heard = Messages()
    with broker.monitor() as monitor:  # type: ignore[no-untyped-call]  # redis-py says nothing

        def listen() -> None:
            for said in monitor.listen():
                command, _, rest = said["command"].partition(" ")
                if command == "LPUSH":
                    heard.sizes.append(len(rest.partition(" ")[2]))
                elif _END in rest:
                    return

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield heard
        finally:
            broker.echo(_END)
            listener.join()
