"""The Django app that holds the record."""

from django.apps import AppConfig


class AiopsConfig(AppConfig):
    name = "aiops"
    verbose_name = "AI operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from aiops import checks  # noqa: F401  # registers the system checks
