"""Work that changes its pool and asks a model: its trace has parts of several processes."""

import logging

from pydantic import BaseModel

from aiops.flow import series, step, workflow
from aiops.providers.port import complete

log = logging.getLogger("an.author")


class Parcel(BaseModel):
    about: str = "tea"


@step
def weigh(parcel: Parcel) -> str:
    return parcel.about


@step(pool="llm", timeout_s=60)
def label(weigh: str) -> str:
    log.warning("label.begun grams=%d", 250)
    return complete(f"label {weigh}", max_tokens=100, timeout_s=30).text


posting = workflow("posting", input=Parcel, flow=series(weigh, label))
