"""How a workflow is started, as examples to copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from aiops.flow.workflows import Workflow

#: A schema may contain itself.
_DEEPEST = 6


def starting(workflow: Workflow) -> dict[str, Any]:
    """The input's schema, an input that fits it as far as a schema tells, and the ways to start."""
    schema = workflow.input.model_json_schema()
    example = sample(schema, schema.get("$defs", {}))
    return {
        "schema": json.dumps(schema, indent=2, ensure_ascii=False),
        "ways": (
            ("In a shell", _shell(workflow.name, example)),
            ("By a Celery message", _message(workflow.name, example)),
            ("In Python, in this project", _python(workflow.name, example)),
        ),
    }


def sample(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int = 0) -> Any:
    """A value of a JSON schema: its default or example, else the plainest one of its type."""
    for given in ("default", "const"):
        if given in schema:
            return schema[given]
    for given in ("examples", "enum"):
        if schema.get(given):
            return schema[given][0]
    if "$ref" in schema:
        return sample(defs.get(schema["$ref"].rpartition("/")[2], {}), defs, depth + 1)
    for given in ("anyOf", "oneOf", "allOf"):
        if schema.get(given):
            return sample(schema[given][0], defs, depth + 1)
    return _of_type(schema, defs, depth)


def _of_type(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> Any:
    match schema.get("type"):
        case "object" if depth < _DEEPEST:
            properties: Mapping[str, Any] = schema.get("properties", {})
            return {name: sample(one, defs, depth + 1) for name, one in properties.items()}
        case "array" if depth < _DEEPEST:
            return [sample(schema.get("items", {}), defs, depth + 1)]
        case "object":
            return {}
        case "array":
            return []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return "..."


def _shell(name: str, example: Any) -> str:
    given = shlex.quote(json.dumps(example, ensure_ascii=False))
    return f"python manage.py run {name} --input {given} --wait"


def _message(name: str, example: Any) -> str:
    return (
        'app.send_task(\n    "tasks.start_run",\n'
        f"    [{name!r}, {example!r}],\n"
        '    {"key": "a-name-for-this-piece-of-work", "started_by": "my-program"},\n'
        '    queue="aiops.control",\n)'
    )


def _python(name: str, example: Any) -> str:
    return f"from aiops.execution.start import start_run\n\nrun = start_run({name!r}, {example!r})"
