"""A run that fails until somebody puts a file where it looks for one."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from aiops.flow import PermanentInput, series, step, workflow


class Source(BaseModel):
    path: str


@step(says="Looking for your file")
def find(source: Source) -> str:
    return source.path


@step(says="Reading your file")
def read(find: str) -> str:
    if not Path(find).exists():
        raise PermanentInput("the file is not there: put it there, then retry")
    return Path(find).read_text()


copying = workflow("copying", input=Source, flow=series(find, read))
