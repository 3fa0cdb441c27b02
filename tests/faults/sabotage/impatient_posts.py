"""A worker that waits for a receiver for a second only: a test has receivers that never answer."""

from __future__ import annotations

from aiops.execution import posting

posting.post.__kwdefaults__["whole_s"] = 1.0
