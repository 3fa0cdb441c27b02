"""Secrets in texts: struck out wherever a text is written down for others. Pure, and linear in its length.

What is found is what looks like one: a key by how it begins, a value by the name before it. A password that
stands alone in a sentence is not found: do not write one.
"""

from __future__ import annotations

import re

#: Names whose values nobody is to read.
NAME = re.compile(
    r"pass(?:word|wd|phrase)?$|secret|token$|api_?key$|authorization|credential|cookie|sessionid",
    re.IGNORECASE,
)

# Every repetition is bounded, or its end is told by one character: no text makes a pattern slow.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Headers: whatever they hold, to the end of the line.
    (
        re.compile(
            r"(?i)\b((?:set-)?cookie|(?:proxy-)?authorization)(['\"]?\s{0,3}[:=]\s{0,3})[^\n]+"
        ),
        r"\1\2***",
    ),
    # The user part of a URL.
    (re.compile(r"\b(\w{1,20}://)[^/\s@]{1,300}@"), r"\1***@"),
    # What Django has signed, and the link of somebody who waits. A colon may be written as %3A.
    (
        re.compile(
            r"(?<![\w.-])[\w.-]{8,2000}(?::|%3[Aa])[\w-]{5,8}(?::|%3[Aa])[\w-]{40,90}(?![\w-])"
        ),
        "***",
    ),
    (re.compile(r"(/s/)[^/\s?\"']{8,}"), r"\1***"),
    # JSON web tokens, private keys.
    (re.compile(r"\beyJ[\w-]{5,4000}\.[\w-]{5,8000}\.[\w-]{5,2000}"), "***"),
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{1,20000}-----END [A-Z ]{0,30}KEY-----"
        ),
        "***",
    ),
    (re.compile(r"(?i)\b(bearer|basic) {1,3}[\w.~+/=-]{8,}"), r"\1 ***"),
    # Keys by how they begin: this system's own first.
    (re.compile(r"\baio_[0-9a-f]{8}_[\w-]{8,}"), "aio_***"),
    (
        re.compile(
            r"\b(sk|pk|rk|whsec|ghp|gho|ghs|ghu|glpat|hf|npm|pypi|github_pat|xox[abeprs])[-_][\w+/=-]{8,}"
        ),
        r"\1-***",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}"), "***"),
    # Values by their names.
    (
        re.compile(
            r"(?i)(password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|token|sessionid)"
            r"(['\"]?\s{0,3}[=:]\s{0,3}|['\"],\s{0,3}b?(?=['\"]))(\"[^\"\n]*\"|'[^'\n]*'|[^\s'\",;&<>})]+)"
        ),
        r"\1\2***",
    ),
)


def struck(text: str) -> str:
    """The text without what looks like a secret."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text
