"""A job outside: submitted once, then asked about until it is done, with nobody waiting in between."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args, get_origin

R = TypeVar("R")

#: A handle finds a job again; what is larger is its content.
MOST_HANDLE_BYTES = 4_096
#: Nobody is asked more often than that, nor left alone for longer.
SHORTEST_S, LONGEST_S = 1.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Later(Generic[R]):
    """What a step returns that has submitted a job: it gives an R, later.

    The handle is kept before anything else happens; after `after_s` seconds the step's `poll` is given it, and
    returns the result or another Later. In between, the step holds no worker and no message.
    """

    #: What finds the job again: text, a number, or small JSON.
    handle: Any
    after_s: float = 60.0
    #: How far it is (0.0 to 1.0), and in words, where that is known.
    share: float | None = None
    text: str = ""

    def __post_init__(self) -> None:
        if self.handle is None or len(json.dumps(self.handle)) > MOST_HANDLE_BYTES:
            raise ValueError(
                f"a job's handle is what finds it again: give JSON of at most {MOST_HANDLE_BYTES} bytes, not None"
            )
        if not (math.isfinite(self.after_s) and SHORTEST_S <= self.after_s <= LONGEST_S):
            raise ValueError(
                f"Later(after_s={self.after_s!r}): give {SHORTEST_S:g} to {LONGEST_S:g} seconds"
            )

    @property
    def progress(self) -> dict[str, Any] | None:
        """The news for whoever waits, as a step's progress is kept."""
        if self.share is None and not self.text:
            return None
        share = {} if self.share is None else {"share": min(1.0, max(0.0, self.share))}
        return {**share, "text": self.text[:300]}


def promised(returns: Any) -> Any:
    """The R of Later[R]; None where a step returns something else."""
    return get_args(returns)[0] if get_origin(returns) is Later else None
