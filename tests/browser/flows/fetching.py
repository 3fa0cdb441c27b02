"""A run that waits until somebody puts a file where it looks for one, and never fails."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import BaseModel

from aiops.flow import Tells, series, step, workflow


class Parcel(BaseModel):
    path: str


@step(says="Fetching your parcel", timeout_s=120)
def fetch(parcel: Parcel) -> str:
    while not Path(parcel.path).exists():
        time.sleep(0.05)
    return parcel.path


@step(says="Wrapping it")
def wrap(fetch: str) -> str:
    return fetch


fetching = workflow(
    "fetching_parcel",
    input=Parcel,
    flow=series(fetch, wrap),
    tells=Tells(done="Your parcel is at the door."),
)
