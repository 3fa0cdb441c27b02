"""What the shop keeps: its customers' questions."""

from __future__ import annotations

from django.db import models

from aiops_client.outbox.models import Start


class Question(models.Model):
    """A customer's question, and the run that answers it."""

    sender = models.EmailField()
    subject = models.CharField(max_length=100)
    body = models.TextField(max_length=4000)
    asked_at = models.DateTimeField(auto_now_add=True)
    start = models.OneToOneField(Start, on_delete=models.PROTECT)
    #: Told by webhook.
    is_answered = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.subject


class Told(models.Model):
    """A webhook that was taken: the same one again changes nothing."""

    id = models.CharField(primary_key=True, max_length=100)

    def __str__(self) -> str:
        return self.id
