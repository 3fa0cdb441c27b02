"""Which sentences of the policies a reply leans on. Pure: the same reply, the same citations."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel

from tasks.support.policies import Passage

#: With fewer words in common, a reply does not lean on a sentence.
SHARED_WORDS = 2
#: Shorter words are in every sentence.
WORD_CHARS = 4


class Citation(BaseModel):
    """One sentence of a policy, word for word."""

    policy: str
    quote: str


def cite(body: str, policies: Sequence[Passage]) -> list[Citation]:
    """Quote of each policy the sentence that shares most words with the reply, if it shares enough."""
    said = _words(body)
    found = []
    for policy in policies:
        # Of the title too: it says what all of its sentences are about.
        best = max(sentences(policy.text), key=lambda told: len(_words(told) & said), default="")
        if len(_words(f"{policy.title} {best}") & said) >= SHARED_WORDS:
            found.append(Citation(policy=policy.id, quote=best))
    return found


def sentences(text: str) -> list[str]:
    return [found.strip() for found in re.findall(r"\S.*?[.!?](?=\s|$)", text, re.DOTALL)]


def _words(text: str) -> set[str]:
    """The words that carry meaning, without their plural s."""
    return {word.rstrip("s") for word in re.findall(rf"[^\W\d_]{{{WORD_CHARS},}}", text.lower())}
