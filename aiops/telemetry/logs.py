"""Logs: lines of JSON in production, readable ones on a developer's machine; which step they are about, and no secrets."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from aiops.struck_out import NAME, struck

#: "node.begun_without_database error=%s": a name, and fields. Other texts stay as they are.
_TEMPLATE = re.compile(r"^([\w.]+)((?: \w+=%[-0-9.]*[sdrfg])+)$")
_FIELD = re.compile(r"(\w+)=%")
#: Celery prints the whole message that it cannot use, with the input of a run in it.
_BODY = re.compile(r"\s*(The full contents of the message (body|headers)|\bbody: ).*", re.S)
#: Of an error of these, what it says is about a server and not about a run.
_OURS = ("django.db.", "psycopg.", "redis.", "kombu.", "amqp.")
#: A line is cut here: an author's log may hold a whole document.
MOST_CHARS = 4000
MOST_FRAMES = 25


def logging_config(level: str, *, is_production: bool) -> dict[str, Any]:
    """Django's LOGGING: every record of every library goes through the same processors."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.contextvars.merge_contextvars,
        fields,
        where,
        told_error if is_production else _developers_error,
        without_secrets,
    ]
    render: list[Any] = (
        [structlog.processors.JSONRenderer(default=str)]
        if is_production
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                pad_event_to=0,
                sort_keys=False,
                exception_formatter=structlog.dev.plain_traceback,
            ),
            _struck_line,
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "pass_foreign_args": True,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # It tells of every request.
            "httpx2": {"level": "WARNING"},
            # Told to be talkative, these write down prompts and headers.
            "httpcore2": {"level": "WARNING"},
            "openai": {"level": "WARNING"},
        },
    }


def fields(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Take the fields of "a.name run=%s" apart, so that they can be searched for."""
    record, given = event.get("_record"), event.pop("positional_args", None)
    if record is None or not isinstance(record.msg, str):
        return event
    found = _TEMPLATE.match(record.msg)
    if found is None or not isinstance(given, tuple):
        return event
    names = _FIELD.findall(found[2])
    if len(names) == len(given):
        event["event"] = found[1]
        # What the system itself calls an event must not take the place of what is written for all.
        event.update({_free(name, event): _plain(v) for name, v in zip(names, given, strict=True)})
    return event


def _free(name: str, event: Mapping[str, Any]) -> str:
    return f"{name}_" if name in event else name


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | bool) or value is None else str(value)


def where(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Say which attempt of which step is running here."""
    # Settings import this module: the language is loaded where somebody uses it.
    from aiops.flow.caller import caller

    who = caller()
    if who is not None:
        event.setdefault("run", str(who.run_id))
        event.setdefault("workflow", who.workflow)
        event.setdefault("step", who.step)
        event.setdefault("step_id", str(who.step_id))
        event.setdefault("attempt", who.attempt)
        if who.item is not None:
            event.setdefault("item", who.item)
    return event


def told_error(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Tell an exception by its class and its places. Its message may quote what a run is about."""
    info = event.pop("exc_info", None)
    record = event.get("_record")
    if info is None and record is not None:
        info = record.exc_info
    error = _error_of(info)
    if record is not None:
        # The formatter would append it as text.
        record.exc_info = record.exc_text = None
    if error is not None:
        event["error_type"] = _name(error)
        event["error_at"] = _places(error.__traceback__)
        if _name(error).startswith(_OURS) or isinstance(error, OSError):
            event["error_message"] = str(error).strip().partition("\n")[0]
        if error.__cause__ is not None:
            event["error_cause"] = _name(error.__cause__)
    return event


def _developers_error(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """On a developer's machine the whole of it is shown."""
    return event


def without_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Strike out what looks like a secret, and what Celery prints of messages."""
    is_celery = str(event.get("logger", "")).startswith(("celery", "kombu"))
    for name, value in event.items():
        if name.startswith("_"):
            continue
        if isinstance(value, str) and is_celery:
            value = _BODY.sub(" (the rest is left out)", value)
        event[name] = "***" if NAME.search(name) else _struck(value)
    return event


def _struck(value: object) -> object:
    """A value of a line, whatever it is made of."""
    match value:
        case str():
            # Cut before as well: to look through a whole document takes longer than to write it.
            return struck(value[: 2 * MOST_CHARS])[:MOST_CHARS]
        case Mapping():
            return {k: "***" if NAME.search(str(k)) else _struck(v) for k, v in value.items()}
        case list() | tuple():
            return [_struck(one) for one in value]
        case None | bool() | int() | float():
            return value
        case _:
            return _struck(str(value))


def _struck_line(_logger: Any, _method: str, line: str) -> str:
    """On a developer's machine a whole traceback is in the line."""
    return struck(line)


def _error_of(info: Any) -> BaseException | None:
    if info is True:
        info = sys.exc_info()
    if isinstance(info, tuple):
        info = info[1]
    return info if isinstance(info, BaseException) else None


def _name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _places(found: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(found)[-MOST_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def take_over(*names: str) -> None:
    """Let a server's lines, which go to handlers of its own, go the way of all others.

    One that was told to be silent has no handlers, and stays so.
    """
    for logger in map(logging.getLogger, names):
        if logger.handlers:
            logger.handlers.clear()
            logger.propagate = True


def bind(**ids: object) -> None:
    """Say, for every line until `unbind`, what the message is about that this thread works on."""
    structlog.contextvars.bind_contextvars(**ids)


def unbind() -> None:
    structlog.contextvars.clear_contextvars()
