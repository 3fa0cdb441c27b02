"""Who comes on stage: pretended work for every state that the console can show."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks.demo.pretending import Case, Trouble

TENANTS = ("northwind", "contoso", "fabrikam", "tailspin")
CALLERS = ("api:portal", "api:mail", "beat", "dana", "omar")

_TITLES: dict[str, tuple[str, ...]] = {
    "invoice_intake": (
        *("INV-20418 Lumen Print", "INV-9001 Blue Catering", "INV-88123 Cargo Nord"),
        *("Credit note 3321", "INV-5504 Paper & Co", "INV-7719 City Power"),
    ),
    "contract_review": (
        *("MSA – Fabrikam", "NDA – Northwind Ltd", "Lease, 4 Harbour St"),
        *("Supplier terms – Contoso", "Employment contract, draft 3"),
    ),
    "lead_research": ("wayne.example", "hooli.example", "stark.example", "acme.example"),
    "knowledge_refresh": ("Handbook", "Release notes", "Price list", "Policies"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One run to start, and what a person or the outside does about it afterwards."""

    workflow: str
    case: Case
    #: "approve", "reject", "cancel", "pause", "event", "retry", "claim" or "".
    then: str = ""
    priority: str = "interactive"
    tenant: str = TENANTS[0]
    started_by: str = CALLERS[0]


@dataclass(frozen=True, slots=True)
class _Scene:
    """A kind of run, and how often it comes for one that goes well."""

    workflow: str
    trouble: dict[str, Trouble] = field(default_factory=dict)
    then: str = ""
    times: int = 99
    size: int = 12


#: What goes well, most of the time.
_GOOD = (
    _Scene("invoice_intake"),
    _Scene("invoice_intake", {"find_amounts": "away"}, times=1),
    _Scene("contract_review", then="approve"),
    _Scene("lead_research", then="event"),
    _Scene("knowledge_refresh", size=40),
    _Scene("knowledge_refresh", {"embed_page[3]": "too_long"}, size=30),
)

#: Each of these is seen once in every round.
_REST = (
    _Scene("invoice_intake", {"book": "away"}, times=3),
    _Scene("invoice_intake", {"book": "away"}, times=3),
    _Scene("invoice_intake", {"book": "away"}, then="claim", times=3),
    _Scene("invoice_intake", {"tell_sender": "lost_answer"}),
    _Scene("invoice_intake", {"tell_sender": "went_out"}),
    _Scene("invoice_intake", {"find_amounts": "too_long"}),
    _Scene("invoice_intake", {"find_amounts": "too_long"}),
    _Scene("invoice_intake", {"find_amounts": "nonsense"}),
    _Scene("invoice_intake", {"match_order": "asks"}),
    _Scene("invoice_intake", {"match_order": "bug"}),
    _Scene("invoice_intake", {"read_scan": "killed"}),
    _Scene("contract_review"),
    _Scene("contract_review", then="reject"),
    _Scene("contract_review", {"find_clauses[7]": "slow"}),
    _Scene("contract_review", {"summarise": "late"}),
    _Scene("contract_review", {"send_report": "away"}, then="approve"),
    _Scene("lead_research"),
    _Scene("lead_research", {"score": "refused"}, then="event"),
    _Scene("lead_research", {"score": "slow"}, then="event"),
    _Scene("knowledge_refresh", {f"embed_page[{n}]": "too_long" for n in range(9)}, size=60),
    _Scene("knowledge_refresh", {"publish": "slow"}, then="cancel"),
    _Scene("knowledge_refresh", {"publish": "away"}, then="retry", times=3),
    _Scene("lead_research", then="pause"),
)


def cast(number: int, *, seed: int = 1) -> Iterator[Part]:
    """So many runs: rounds of everything that can go wrong, among others that go well."""
    rng = random.Random(seed)  # noqa: S311  # a play, not a secret
    for place in range(number):
        turn, is_rest = divmod(place, 2)
        scene = _REST[turn % len(_REST)] if is_rest else rng.choice(_GOOD)
        yield _part(scene, rng)


def _part(scene: _Scene, rng: random.Random) -> Part:
    title = rng.choice(_TITLES[scene.workflow])
    if scene.workflow == "lead_research":
        # The event that it waits for finds it by its title.
        title = f"{rng.randrange(1_000):03d}.{title}"
    pace_s = round(rng.uniform(0.1, 0.6), 2)
    return Part(
        workflow=scene.workflow,
        case=Case(
            title=title, trouble=scene.trouble, times=scene.times, size=scene.size, pace_s=pace_s
        ),
        then=scene.then,
        priority="batch" if scene.workflow == "knowledge_refresh" else "interactive",
        tenant=rng.choice(TENANTS),
        started_by=rng.choice(CALLERS),
    )
