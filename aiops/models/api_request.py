"""A request of another program that was done: the same one again is only answered."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class ApiRequest(models.Model):
    """What was answered to a request that named itself (Idempotency-Key).

    Its row is written in the transaction of what it did, and swept after some days.
    """

    #: Whose it is: the id of a key, or of the run whose token was shown.
    whose = models.UUIDField()
    key = models.CharField(max_length=200)
    #: SHA-256 of method, address and body: the same name for another request is refused.
    digest = models.CharField(max_length=64)
    #: None until the transaction that did it ends.
    answer = models.JSONField(null=True, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["whose", "key"], name="api_request_once"),
        ]
        indexes = [models.Index(fields=["at"], name="api_request_by_time")]

    def __str__(self) -> str:
        return self.key
