"""Logs as JSON lines, ours and those of libraries alike, each with its service, trace and correlation id."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from servicekit.settings import Secret
from servicekit.telemetry import correlation_id, current_service, current_trace_id

HIDDEN = "[hidden]"
# A key that contains one of these holds something that lets its reader in.
_SENSITIVE = ("authorization", "secret", "token", "password", "cookie", "api_key", "apikey")
_MACHINERY = ("exc_info", "_record", "_from_structlog")  # structlog's own keys, read by later processors
_QUIET = ("httpx", "httpcore", "uvicorn.access", "sqlalchemy.engine")  # chatty at info


def configure(*, service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Sends structlog's and the standard library's records to *stream* as JSON lines. The last call counts."""
    shared = _shared_processors(service)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces what must not be read in a log: secrets by type, and anything under a telling key, at any depth."""
    return {
        key: value if key in _MACHINERY else HIDDEN if _telling(key) else _hidden(value) for key, value in event.items()
    }


def _shared_processors(service: str) -> list[Processor]:
    def add_context(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", current_service() or service)
        for name, value in (("trace_id", current_trace_id()), ("correlation_id", correlation_id())):
            if value:
                event.setdefault(name, value)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_context,
        hide_secrets,
    ]


def _hidden(value: Any) -> Any:
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: HIDDEN if _telling(str(key)) else _hidden(part) for key, part in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [_hidden(part) for part in value]
    return value


def _telling(key: str) -> bool:
    lowered = key.lower().replace("-", "_")
    return any(word in lowered for word in _SENSITIVE)
