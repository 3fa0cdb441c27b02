"""Secrets at rest: what the database holds of them is of no use without SECRET_KEY."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

#: Keys for other purposes are derived from the same SECRET_KEY; this makes ours another one.
_PURPOSE = b"aiops.webhooks.secrets"


class Unreadable(Exception):
    """It was sealed under a SECRET_KEY that is not known any more.

    Put the old key into SECRET_KEY_FALLBACKS, or rotate the secret.
    """

    def __init__(self) -> None:
        super().__init__(
            "its secret was sealed under another SECRET_KEY: put that into SECRET_KEY_FALLBACKS, "
            "or rotate the secret"
        )


def seal(text: str) -> str:
    return _keys().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """What was sealed; raises Unreadable."""
    try:
        return _keys().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


def _keys() -> MultiFernet:
    """The newest key seals; every known one unseals."""
    known = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key)) for key in known])


def _derived(key: str) -> bytes:
    found = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
    return base64.urlsafe_b64encode(found)
