"""The app of the outbox."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "aiops_client.outbox"
    label = "aiops_outbox"
    verbose_name = "AI runs to start"
    default_auto_field = "django.db.models.BigAutoField"
