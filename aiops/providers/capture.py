"""What is kept of prompts and answers, by policy: redacted before it is written, beside its row in the ledger."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from aiops.models.call_content import CallContent, Capture
from aiops.models.model_call import ModelCall
from aiops.models.payloads import check_in
from aiops.providers.calling import Call, Raw
from aiops.providers.exchange import RawAnswer
from aiops.providers.redact import redacted, without_secrets

log = logging.getLogger(__name__)


def policy_of(workflow: str) -> str:
    """What holds for a workflow; what nobody knows keeps nothing."""
    return chosen(workflow, settings.AIOPS_CAPTURE)


def chosen(workflow: str, said: Mapping[str, Any]) -> str:
    """The policy of AIOPS_CAPTURE for a workflow. Pure."""
    found = said.get("workflows", {}).get(workflow) or said.get("default") or Capture.REDACTED
    return found if found in Capture.values else Capture.NONE


def wrong(said: Mapping[str, Any]) -> list[str]:
    """What is wrong with AIOPS_CAPTURE, in sentences. Pure."""
    given = {"default": said.get("default", "redacted"), **said.get("workflows", {})}
    return [
        f"AIOPS_CAPTURE says {policy!r} for {name!r}: give one of {', '.join(Capture.values)}."
        for name, policy in given.items()
        if policy not in Capture.values
    ]


def keep(row: ModelCall, asked: Call, raw: Raw | None) -> None:
    """Keep what a call was about, in the transaction of its row.

    Vectors, and the texts they are made of, are never kept: a knowledge base would lie here twice.
    """
    policy = policy_of(row.workflow)
    if policy not in (Capture.REDACTED, Capture.FULL) or asked.question is None:
        return
    answer = raw.text if isinstance(raw, RawAnswer) else None
    write(row, policy, told(asked, answer), secrets=[asked.address.key])


def write(row: ModelCall, policy: str, value: Any, *, secrets: list[str]) -> None:
    """Write content as its policy wants it. A file that cannot be written costs the content alone."""
    kept = _cleaned(value, policy, [secret for secret in secrets if secret])
    try:
        inline, ref = check_in(kept, row.run_id)
    except OSError as error:
        log.warning("capture.not_kept call=%s error=%s", row.pk, type(error).__name__)
        return
    expires_at = datetime.now(UTC) + timedelta(days=settings.AIOPS_CAPTURE_DAYS)
    # One statement, whether it is there already (a batch whose answers have come) or not.
    CallContent.objects.bulk_create(
        [
            CallContent(
                call_id=row.pk, policy=policy, value=inline, value_ref=ref, expires_at=expires_at
            )
        ],
        update_conflicts=True,
        unique_fields=["call"],
        update_fields=["policy", "value", "value_ref", "expires_at"],
    )


def told(asked: Call, answer: str | None) -> dict[str, Any]:
    """A question and its answer as JSON. Pure."""
    question = asked.question
    if question is None:
        return {}
    system = {"system": question.system} if question.system else {}
    conversation = [dict(turn) for turn in question.conversation]
    return {**system, "conversation": conversation, "answer": answer}


def _cleaned(value: Any, policy: str, secrets: list[str]) -> Any:
    """Every text in it redacted, and as PostgreSQL can hold it. Our own keys are never kept."""
    match value:
        case str():
            kept = value.replace("\x00", "").encode("utf-8", "replace").decode()
            return (
                without_secrets(kept, secrets)
                if policy == Capture.FULL
                else redacted(kept, secrets)
            )
        case dict():
            return {name: _cleaned(one, policy, secrets) for name, one in value.items()}
        case list():
            return [_cleaned(one, policy, secrets) for one in value]
        case _:
            return value
