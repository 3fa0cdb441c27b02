"""The pools: named queues, the workers that serve them, and their limits. Declared here, once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Pool:
    """One queue and the kind of worker that serves it.

    `prefork` children can be killed, so time limits hold there; `threads` are cheap to wait in,
    but only the call's own deadline ends them (the lease is the backstop).
    """

    name: str
    kind: Literal["prefork", "threads"]
    concurrency: int
    says: str
    #: Seconds after which a prefork child is killed whatever it runs; above the longest step.
    hard_limit_s: int = 3600

    @property
    def queue(self) -> str:
        return f"aiops.{self.name}"

    @property
    def arguments(self) -> list[str]:
        """The worker's command line after `python -m`.

        The node's name is the same after a restart, so that it finds the leases it left behind.
        """
        return [
            *(
                "celery",
                "--quiet",
                "-A",
                "aiops.celery",
                "worker",
                "-n",
                f"{self.name}@%h",
                "-Q",
                self.queue,
            ),
            *("-P", self.kind, "-c", str(self.concurrency), "-l", "WARNING"),
            *("--without-gossip", "--without-mingle"),
        ]


def _pool(name: str, kind: Literal["prefork", "threads"], concurrency: int, says: str) -> Pool:
    """A pool whose concurrency a host may set, as in AIOPS_POOL_LLM=16."""
    chosen = int(os.environ.get(f"AIOPS_POOL_{name.upper()}", concurrency))
    return Pool(name, kind, chosen, says)


POOLS: dict[str, Pool] = {
    pool.name: pool
    for pool in (
        _pool("control", "threads", 4, "The engine's own messages; never runs an author's code."),
        _pool("io", "threads", 16, "Short calls to databases and services."),
        _pool("llm", "threads", 16, "Model calls: long waits, little work."),
        _pool("cpu", "prefork", 2, "Parsing, chunking, local models: real work, killable."),
        _pool("effects", "threads", 4, "What goes out: mail, payments, tickets."),
        _pool("batch", "threads", 4, "Bulk work that may wait."),
    )
}

#: Pools that a step may name. `control` never runs an author's code.
STEP_POOLS: tuple[str, ...] = tuple(name for name in POOLS if name != "control")
