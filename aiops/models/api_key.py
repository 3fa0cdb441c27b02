"""An API key: what another program shows to be let in, and what it may do then."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from aiops.models.ids import new_id


class Scope(models.TextChoices):
    """What a key allows. The labels say it to the person who hands a key out."""

    START = "start", "Start runs, and see what the user sees of them"
    READ = "read", "See the five answers, the lists and the events of runs"
    CONTENT = "content", "See the results of runs"
    OPERATE = "operate", "Cancel, retry, skip and supply"
    DECIDE = "decide", "Answer questions that only a person can answer"
    SEND_EVENTS = "events", "Send events"


class KeyState(models.TextChoices):
    """Whether a key opens anything. The last three never work again."""

    WORKS = "works", "Works"
    #: Another key has its place; both work until this one expires.
    REPLACED = "replaced", "Replaced"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"


class ApiKey(models.Model):
    """A key of another program. Only a digest is kept: a key is shown once, when it is made."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100)
    #: The tenant whose runs it reaches; "" for a program that serves every tenant.
    tenant = models.CharField(max_length=100, blank=True, default="default")
    scopes = models.JSONField(default=list)
    #: The part of the key that is no secret: it finds the row, and names the key in lists.
    prefix = models.CharField(max_length=12, unique=True)
    #: SHA-256 of the whole key, in hex. A key is 256 random bits, so a slow hash adds nothing.
    digest = models.CharField(max_length=64, unique=True)
    #: Requests a minute, and streams open at once.
    per_minute = models.PositiveIntegerField(default=600)
    streams = models.PositiveIntegerField(default=100)
    made_by = models.CharField(max_length=150, blank=True, default="")
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    #: Written at most once a minute.
    last_used_at = models.DateTimeField(null=True, blank=True)
    #: The key that takes this one's place; both work until this one expires.
    replaced_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replaces"
    )

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="api_key_has_name"),
        ]
        permissions = [
            ("rotate_apikey", "Replace an API key by a new one"),
            ("revoke_apikey", "Revoke an API key"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    def opens(self, now: datetime) -> bool:
        """Whether it lets anybody in."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def state(self, now: datetime) -> KeyState:
        """Where it is in its life. One that was replaced is told as that, also when it is over."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if self.replaced_by_id is not None:
            return KeyState.REPLACED
        return KeyState.WORKS if self.opens(now) else KeyState.EXPIRED

    def lifetime(self) -> timedelta | None:
        """For how long it was made; None for good."""
        return None if self.expires_at is None else self.expires_at - self.made_at
