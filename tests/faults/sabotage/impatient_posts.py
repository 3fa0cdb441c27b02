"""A worker that waits for a receiver for a second only: a test has receivers that never answer."""

from __future__ import annotations

from functools import partial

from aiops.execution import posting

posting.post = partial(posting.post, whole_s=1.0)
