"""Work for a model that costs money: two questions in one step, and one in the next."""

from pydantic import BaseModel

from aiops.flow import series, step, workflow
from aiops.providers.port import complete


class Letter(BaseModel):
    about: str = "tea"


@step(pool="llm", timeout_s=60)
def sketch(letter: Letter) -> list[str]:
    first = complete(f"sketch {letter.about}", max_tokens=100, timeout_s=30).text
    return [first, complete(f"improve {letter.about}", max_tokens=100, timeout_s=30).text]


@step(pool="llm", timeout_s=60)
def polish(sketch: list[str]) -> str:
    return complete(f"polish {sketch[-1]}", max_tokens=100, timeout_s=30).text


letter_flow = workflow("letter", input=Letter, budget_usd=1, flow=series(sketch, polish))
