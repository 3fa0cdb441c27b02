"""What a model call was about: the prompt and the answer, as far as a policy lets them be kept."""

from __future__ import annotations

from django.db import models

from aiops.models.model_call import ModelCall


class Capture(models.TextChoices):
    """How much of prompts and answers is kept."""

    NONE = "none", "Nothing, not even a hash"
    HASH = "hash", "The hash of the prompt"
    REDACTED = "redacted", "Text without personal data and keys"
    FULL = "full", "The whole text"


class CallContent(models.Model):
    """Apart from the ledger, which is kept for years and holds no content: this goes after some days."""

    call = models.OneToOneField(
        ModelCall,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="content",
        db_constraint=False,
    )
    policy = models.CharField(max_length=10, choices=Capture.choices)
    #: {"system": text, "conversation": [{"role", "content"}], "answer": text}
    value = models.JSONField(null=True, blank=True)
    value_ref = models.CharField(max_length=200, blank=True, default="")
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"what call {self.call_id} was about"
