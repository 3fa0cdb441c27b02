"""A version of a workflow: the plan that runs of it began with."""

from __future__ import annotations

from django.db import models


class WorkflowVersion(models.Model):
    """The plan snapshot behind a hash; written once, on the first start, and never changed."""

    name = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    hash = models.CharField(max_length=16)
    plan = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "workflows"
        constraints = [
            models.UniqueConstraint(fields=["name", "hash"], name="workflow_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version} ({self.hash[:8]})"
