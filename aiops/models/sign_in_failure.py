"""A sign-in that was refused: what guessing a password leaves behind, for a day."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class SignInFailure(models.Model):
    """Counted by address and by name. The name is kept as a digest: people type passwords there."""

    address = models.CharField(max_length=45, blank=True)
    name_digest = models.CharField(max_length=64)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["address", "at"], name="sign_in_of_address"),
            models.Index(fields=["name_digest", "at"], name="sign_in_of_name"),
        ]

    def __str__(self) -> str:
        return f"{self.address} at {self.at:%Y-%m-%d %H:%M}"
