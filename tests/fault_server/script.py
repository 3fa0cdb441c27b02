"""The script: which fault meets which request. The first rule that fits and is not used up decides."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fault_server.faults import Fault, fault

#: A model may be named after a fault, and a prompt may carry one: no script is needed then.
_MODEL = re.compile(r"^fault-(?P<fault>.+)$")
_PROMPT = re.compile(r"\[\[fault:(?P<fault>[^\]]+)\]\]")


@dataclass(slots=True)
class Rule:
    """For requests of this model (or any), whose prompt holds this text (or any): these, in order."""

    faults: list[str]
    model: str = ""
    prompt: str = ""
    #: What follows when `faults` are used up; "": the next rule that fits.
    then: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rule:
        """Read a rule; raises UnknownFault for a name that would fail only when it is met."""
        rule = cls(
            list(data.get("faults", [])),
            data.get("model", ""),
            data.get("prompt", ""),
            data.get("then", ""),
        )
        for name in (*rule.faults, *([rule.then] if rule.then else [])):
            fault(name)
        return rule

    def fits(self, model: str, prompt: str) -> bool:
        return (not self.model or self.model == model) and self.prompt in prompt


@dataclass(slots=True)
class Script:
    rules: list[Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, rules: list[Rule]) -> None:
        with self._lock:
            self.rules = rules

    def choose(self, model: str, prompt: str) -> Fault:
        with self._lock:
            for rule in self.rules:
                if not rule.fits(model, prompt):
                    continue
                if rule.faults:
                    return fault(rule.faults.pop(0))
                if rule.then:
                    return fault(rule.then)
        found = _PROMPT.search(prompt) or _MODEL.match(model)
        return fault(found["fault"]) if found else Fault()
