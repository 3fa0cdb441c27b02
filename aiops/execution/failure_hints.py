"""What a group of failures is called, and what to do about it: pure, over one of its errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiops.flow.errors import normalised

#: What to do, by the error's word.
HINTS: dict[str, str] = {
    "transient": "The other side was not there. Retry when it is back.",
    "rate_limited": "Too many calls at once. Retry later, or lower the limit of its lane.",
    "ambiguous": "No answer came. See which may have gone out, and look for those first.",
    "bad_output": "The answer could not be used. Mend the prompt or the type, then retry.",
    "permanent_input": "The same input fails the same way. Change the input or the code first.",
    "lane_stopped": "The provider refuses us. Mend the credential or the quota, then retry.",
    "budget_spent": "Our own limit is reached. Raise the budget, or cancel.",
    "needs_human": "Only a person knows. Answer the questions in the inbox.",
    "cancelled": "Somebody asked for it to stop. There is nothing to do.",
    "code_gone": "The code of the step is not there. Put it back, restart, then retry.",
    "lost": "Its workers were lost. Look at their memory and logs before you retry.",
    "bug": "The code has a mistake. Mend it, restart the workers, then retry.",
}
UNKNOWN = "Open one of the runs and look at its attempts."

#: What to do where the provider's own code says more than the word.
_BY_CODE: dict[str, str] = {
    "401": "The credential is wrong or has ended. Put in a new one, then retry.",
    "402": "The provider wants to be paid. Settle the account, then retry.",
    "403": "The credential may not do this. Give it the right, then retry.",
    "404": "What was asked for is not there. Correct the address or the model, then retry.",
    "413": "The request is too large. Make the input smaller.",
    "insufficient_quota": "The quota is used up. Raise it at the provider, then retry.",
}

_PLACEHOLDER = re.compile(r"<(?:text|url|email|uuid|path|id|n)>")
#: Brackets in which nothing is left.
_HOLLOW = re.compile(r"\s*[(\[][…\s]*[)\]]")
_TITLE_CHARS = 120
#: What neither begins nor ends a title.
_FRAME = " …:;,.-"


def hint(word: str, code: str = "") -> str:
    """What to do about failures of this kind, in one sentence or two."""
    return _BY_CODE.get(code) or HINTS.get(word, UNKNOWN)


def title(error: Mapping[str, Any]) -> str:
    """What went wrong, without what differs from one failure to the next."""
    message, code = str(error.get("message") or ""), str(error.get("code") or "")
    said = _PLACEHOLDER.sub("…", normalised(message))
    if code and message.startswith(code) and said.startswith("…"):
        # The provider's code is the same in all of them.
        said = code + said[1:]
    said = _HOLLOW.sub("", said).strip(_FRAME)
    kind = str(error.get("type") or "")
    if error.get("word") == "bug" and kind:
        said = f"{kind}: {said}" if said else kind
    said = said or _nameless(error)
    return said if len(said) <= _TITLE_CHARS else said[: _TITLE_CHARS - 1] + "…"


def _nameless(error: Mapping[str, Any]) -> str:
    """A title for an error that says nothing."""
    code, kind = str(error.get("code") or ""), str(error.get("type") or "")
    return f"{kind or error.get('word') or 'Error'} {code}".strip()
