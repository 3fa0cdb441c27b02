"""Who is asking, and what they may see: the one place where tenants are kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from aiops.models import Run

#: The tenant of a caller who serves every tenant.
EVERY_TENANT = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in. Every query of a front door begins at `runs`."""

    #: As events and the audit name them: "api:shop (k3f9a2b1)".
    actor: str
    tenant: str
    scopes: frozenset[str]
    #: The key that was shown; None for a token of one run.
    key_id: UUID | None = None
    #: The only run that a token opens; None for a key.
    run_id: UUID | None = None
    per_minute: int = 600
    streams: int = 100

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    def serves(self, tenant: str) -> bool:
        """Whether this tenant's runs are theirs."""
        return self.tenant in (EVERY_TENANT, tenant)

    def runs(self) -> QuerySet[Run]:
        """The runs that exist for them."""
        found = Run.objects.all()
        if self.tenant != EVERY_TENANT:
            found = found.filter(tenant=self.tenant)
        return found if self.run_id is None else found.filter(id=self.run_id)
