"""The plan: a workflow flattened to plain data, kept with every run that began with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from aiops.flow.retry import Effect, Retry
from aiops.flow.tells import Tells

FORMAT = 1

Kind = Literal["step", "choose", "map", "approval", "wait_for", "sleep", "child"]

#: Kinds whose code runs on a worker; the others are waits, kept by rows alone.
WORKED: frozenset[str] = frozenset({"step", "choose", "map"})


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One node of a plan. Fields that a kind does not use keep their defaults."""

    name: str
    kind: Kind
    #: Nodes that must be finished (succeeded or skipped) before this one is ready.
    needs: tuple[str, ...] = ()
    #: (choose node, branch) pairs that must all hold; otherwise the node is skipped.
    when: tuple[tuple[str, str], ...] = ()
    #: Parameter name -> source: "input", "item", "context", or the name of an earlier node.
    takes: Mapping[str, str] = field(default_factory=dict)
    says: str = ""

    # step, choose, map: the code ("module:qualname" of the Step object) and how to run it
    code: str = ""
    pool: str = ""
    effect: Effect = "pure"
    timeout_s: float = 60.0
    retry: Retry = field(default_factory=Retry)
    has_reconcile: bool = False
    has_undo: bool = False
    #: The names of its checks: its code must still have them.
    checks: tuple[str, ...] = ()
    has_cancel: bool = False
    #: Users may see what it has written so far, while it writes.
    streams: bool = False

    # map: where the items come from ("input", "input.tickets", "listing", "listing.rows")
    items: str = ""
    max_parallel: int = 0
    #: Share of the items (0.0 to 1.0) that may fail without failing the map.
    tolerate: float = 0.0

    # choose: the answers it may give, in the author's order
    branches: tuple[str, ...] = ()

    # approval
    question: str = ""
    shows: tuple[str, ...] = ()
    due_h: float = 0.0
    if_nobody: Literal["wait", "approve", "reject"] = "wait"
    on_reject: Literal["stop", "continue"] = "stop"
    people: int = 1
    not_by_starter: bool = False
    #: Whom it is for, and how much depends on it; "": as the workflow says.
    group: str = ""
    severity: str = ""

    # wait_for: the event's name, and the source of the key that tells this run's event from others
    event: str = ""
    match: str = ""
    timeout_h: float = 0.0

    # sleep
    sleep_s: float = 0.0

    # child: the workflow's name and the source of its input
    workflow: str = ""
    input: str = ""

    def tolerates(self, failed: int, total: int) -> bool:
        """Whether a map may go on although so many of its items failed."""
        # 0.29 * 100 is a little less than 29.
        return failed <= self.tolerate * total + 1e-9


@dataclass(frozen=True)
class Plan:
    """Everything of a workflow but its code. Equal workflows have equal hashes."""

    workflow: str
    version: int
    nodes: tuple[PlanNode, ...]
    #: Names of the nodes whose results are the run's output; one name: its result, several: a dict.
    output: tuple[str, ...]
    #: What happens to finished steps that have an `undo` when the run fails.
    on_failure: Literal["keep", "undo"] = "keep"
    #: Hours after which a run is overdue and is stopped; 0: never.
    deadline_h: float = 0.0
    says: str = ""
    #: Dollars that a run may spend on model calls; 0: no limit.
    budget_usd: float = 0.0
    #: Whom its questions are for, and how much depends on their answers; "": the defaults.
    group: str = ""
    severity: str = ""
    #: What the user reads instead of the plain sentences.
    tells: Tells = field(default_factory=Tells)

    @cached_property
    def by_name(self) -> Mapping[str, PlanNode]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def followers(self) -> Mapping[str, tuple[str, ...]]:
        """For each node, the nodes that need it directly."""
        found: dict[str, list[str]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for need in node.needs:
                found[need].append(node.name)
        return {name: tuple(names) for name, names in found.items()}

    def before(self, name: str) -> frozenset[str]:
        """Every node that is finished for certain when this one begins."""
        found: set[str] = set()
        todo = list(self.by_name[name].needs)
        while todo:
            need = todo.pop()
            if need not in found:
                found.add(need)
                todo += self.by_name[need].needs
        return frozenset(found)

    def after(self, name: str) -> frozenset[str]:
        """Every node that waits for this one, directly or not."""
        found: set[str] = set()
        todo = list(self.followers[name])
        while todo:
            following = todo.pop()
            if following not in found:
                found.add(following)
                todo += self.followers[following]
        return frozenset(found)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the canonical JSON, 16 hex digits."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        asks = {
            "group": self.group,
            "severity": self.severity,
            "budget_usd": self.budget_usd,
            "tells": self.tells.to_json(),
        }
        return {
            # Left out where nothing is said: plans of an earlier time keep their hashes.
            **{name: said for name, said in asks.items() if said},
            "format": FORMAT,
            "workflow": self.workflow,
            "version": self.version,
            "nodes": [_without_defaults(node) for node in self.nodes],
            "output": list(self.output),
            "on_failure": self.on_failure,
            "deadline_h": self.deadline_h,
            "says": self.says,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Rebuild a plan from its snapshot; raises ValueError for a format of another time."""
        if data.get("format") != FORMAT:
            raise ValueError(f"plan format {data.get('format')!r} is not {FORMAT}")
        return cls(
            workflow=data["workflow"],
            version=data["version"],
            nodes=tuple(_node(entry) for entry in data["nodes"]),
            output=tuple(data["output"]),
            on_failure=data["on_failure"],
            deadline_h=data["deadline_h"],
            says=data.get("says", ""),
            group=data.get("group", ""),
            severity=data.get("severity", ""),
            budget_usd=data.get("budget_usd", 0.0),
            tells=Tells.from_json(data.get("tells", {})),
        )


_DEFAULTS = asdict(PlanNode(name="", kind="step"))


def _without_defaults(node: PlanNode) -> dict[str, Any]:
    kept = {"name", "kind"}
    entry = {k: v for k, v in asdict(node).items() if k in kept or v != _DEFAULTS[k]}
    return json.loads(json.dumps(entry))  # type: ignore[no-any-return]  # tuples become lists


def _node(entry: Mapping[str, Any]) -> PlanNode:
    fields = dict(entry)
    for name in ("needs", "branches", "shows", "checks"):
        if name in fields:
            fields[name] = tuple(fields[name])
    if "when" in fields:
        fields["when"] = tuple((pair[0], pair[1]) for pair in fields["when"])
    if "retry" in fields:
        fields["retry"] = Retry(**fields["retry"])
    return PlanNode(**fields)
