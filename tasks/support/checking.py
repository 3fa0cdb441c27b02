"""What must be true of a reply before a person is asked to send it. Plain functions, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel

from tasks.support.citing import Citation
from tasks.support.policies import Passage
from tasks.support.redaction import marks, private

#: A model that speaks of itself, sends people elsewhere, or promises what nobody has decided.
FORBIDDEN = (
    *("as an ai", "language model", "http://", "https://", "www."),
    *("guarantee", "legal advice", "your password is", "your pin is"),
)
#: A shorter text in quotation marks is a name or a button, not a quotation.
QUOTATION_WORDS = 4

_QUOTED = re.compile(r'"([^"\n]+)"|“([^”\n]+)”')


class Check(BaseModel):
    """One check, and what it found."""

    name: str
    passed: bool
    evidence: str = ""


def check(
    body: str, citations: Sequence[Citation], *, policies: Sequence[Passage], message: str
) -> list[Check]:
    """Hold a reply against the policies that were given and the message that it answers."""
    return [
        _cites_what_was_given(citations, policies),
        _quotes_word_for_word(body, citations, policies, message),
        _says_nothing_forbidden(body),
    ]


def problems(checks: Sequence[Check]) -> str:
    """What is wrong, in one line; "" when nothing is."""
    return "; ".join(f"{found.name}: {found.evidence}" for found in checks if not found.passed)


def _cites_what_was_given(citations: Sequence[Citation], policies: Sequence[Passage]) -> Check:
    given = {policy.id for policy in policies}
    unknown = sorted({found.policy for found in citations} - given)
    if unknown:
        return _failed("citations", f"no policy called {', '.join(unknown)} was given")
    if not citations:
        return _failed("citations", "it leans on none of the policies")
    return Check(name="citations", passed=True, evidence=", ".join(c.policy for c in citations))


def _quotes_word_for_word(
    body: str, citations: Sequence[Citation], policies: Sequence[Passage], message: str
) -> Check:
    """Each citation is in its policy; what the reply quotes is in a policy or in the message."""
    texts = {policy.id: _plain(policy.text) for policy in policies}
    known = " ".join([*texts.values(), _plain(message)])
    wrong = [c.quote for c in citations if _plain(c.quote) not in texts.get(c.policy, "")]
    wrong += [quote for quote in _quotations(body) if _plain(quote) not in known]
    if wrong:
        return _failed("quotes", f"nobody wrote {wrong[0][:120]!r}")
    return Check(name="quotes", passed=True)


def _says_nothing_forbidden(body: str) -> Check:
    said = body.lower()
    found = [word for word in FORBIDDEN if word in said]
    found += [f"the mark [{kind}]" for kind in marks(body)]
    found += [f"somebody's {kind}" for kind in private(body)]
    if found:
        return _failed("forbidden", f"it holds {', '.join(found)}")
    return Check(name="forbidden", passed=True)


def _quotations(body: str) -> list[str]:
    found = [one or other for one, other in _QUOTED.findall(body)]
    return [quote for quote in found if len(quote.split()) >= QUOTATION_WORDS]


def _failed(name: str, evidence: str) -> Check:
    return Check(name=name, passed=False, evidence=evidence)


def _plain(text: str) -> str:
    """Line breaks, capitals and a full stop at the end make no other text."""
    return " ".join(text.lower().split()).rstrip(".!?,")
