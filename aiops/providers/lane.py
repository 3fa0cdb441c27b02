"""A lane as a call meets it: its name, its limits, and whether a call may pass now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

#: Calls that are let through to see whether a provider that failed answers again.
PROBES = 3
#: What is known of the line before a lane is this old at most; the keeper looks every second.
LINE_S = 5.0
#: The share of each limit that batch work leaves to work that somebody waits for.
INTERACTIVE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """What all workers together may use of a lane; 0 is no limit."""

    requests_per_min: int = 0
    tokens_per_min: int = 0
    concurrency: int = 0
    #: The limits hold in every stretch of this length: shorter is smoother.
    window_s: float = 60.0

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Limits:
        """Read limits as settings and rows keep them; raises ValueError for what is no limit."""
        if unknown := set(entry) - set(cls.__dataclass_fields__):
            known = ", ".join(cls.__dataclass_fields__)
            raise ValueError(f"no such limit: {', '.join(sorted(unknown))}; there are {known}")
        for name, value in entry.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or value < 0 or (name == "window_s" and value < 0.1):
                raise ValueError(f"{name}={value!r}: give a number, 0 for no limit")
        return cls(**entry)

    def to_json(self) -> dict[str, Any]:
        """Only what differs from no limits at all."""
        plain = asdict(Limits())
        return {name: value for name, value in asdict(self).items() if value != plain[name]}

    @property
    def requests(self) -> int:
        """Requests in one window."""
        return self._in_window(self.requests_per_min)

    @property
    def tokens(self) -> int:
        """Tokens in one window."""
        return self._in_window(self.tokens_per_min)

    def shared(self, share: float) -> Limits:
        """A part of the limits; of what is limited, one at least."""
        return replace(
            self,
            requests_per_min=_part(self.requests_per_min, share),
            tokens_per_min=_part(self.tokens_per_min, share),
            concurrency=_part(self.concurrency, share),
        )

    def _in_window(self, per_min: int) -> int:
        return max(1, int(per_min * self.window_s / 60)) if per_min else 0


def _part(limit: int, share: float) -> int:
    return max(1, int(limit * share)) if limit else 0


def name_of(base_url: str, model: str, credential: str) -> str:
    """The name of a lane: host, model, and the name (never the value) of its key."""
    host = urlsplit(base_url).netloc or base_url
    return f"{host}/{model}" + (f"@{credential}" if credential else "")


@dataclass(frozen=True, slots=True)
class View:
    """What decides whether a call may pass: the lane's row, as it was read just now."""

    state: str
    held_until: datetime | None
    reason: str
    cause: str
    #: The best priority among the steps that wait in line, and when that was seen.
    line: str
    line_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pass:
    """The call may go; as a probe it must get one of the few places first."""

    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """The call waits in line, nothing is sent."""

    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The lane is stopped until a person resumes it."""

    kind: Literal["auth", "quota", "config"]
    why: str


Door: TypeAlias = Pass | Wait | Refuse


def door(view: View, *, priority: str, has_waited: bool, now: datetime) -> Door:
    """Decide whether a call may pass."""
    match view.state:
        case "stopped":
            return Refuse(_kind(view.cause), view.reason)
        case "held":
            return Wait(view.reason, view.held_until)
        case "probing":
            return Pass(is_probe=True)
    if not has_waited and _has_line(view, priority, now):
        return Wait("others have waited for longer")
    return Pass()


def _kind(cause: str) -> Literal["auth", "quota", "config"]:
    return cause if cause in ("auth", "quota") else "config"  # type: ignore[return-value]  # it is


def _has_line(view: View, priority: str, now: datetime) -> bool:
    """Whether steps wait in line that this one must not overtake: work somebody waits for passes batch."""
    if not view.line or view.line_at is None or now - view.line_at > timedelta(seconds=LINE_S):
        return False
    return view.line == "interactive" or priority == "batch"
