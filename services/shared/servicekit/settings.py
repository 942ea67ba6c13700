"""Settings: one JSON file per service, decoded strictly into one struct. The only module that reads the environment."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from servicekit.checking import mistakes, pointer
from servicekit.failures import FieldError

T = TypeVar("T", bound=msgspec.Struct)

SETTINGS_VARIABLE = "SYNCLINE_SETTINGS"
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Secret:
    """A text that must not be seen: no text form shows it, and msgspec refuses to encode it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not stored")


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every service needs to know to start. Fields without a default are required."""

    name: str  # "system-crm", "process-project-onboarding", "experience"
    layer: str  # "system" | "process" | "experience" | "gateway"
    host: str = "127.0.0.1"
    port: int
    issuer: str  # OIDC issuer URL; discovery at {issuer}/.well-known/openid-configuration
    audience: str  # "syncline-system" | "syncline-process" | "syncline-experience"
    client_id: str  # this service's own client at the issuer
    client_secret: Secret
    database_url: Secret  # postgresql+psycopg://...: one database, this service's own schema and role
    schema: str  # "system_crm", "process", "experience"
    redis_url: str  # unix:// or redis://
    otlp_endpoint: str = ""  # OTLP/HTTP base URL; "" exports nothing
    trace_ratio: float = 1.0  # share of the traces begun here that are kept, 0.0 to 1.0
    log_level: str = "info"
    rate_limit: int = 600  # requests per minute and client
    environment: str = "local"
    clock_file: str | None = None  # seconds by which the clock is moved, for rehearsals; none: the machine's clock


class SettingsError(Exception):
    """The settings cannot be used. The text lists every mistake by its place, and no value of a secret."""

    def __init__(self, source: str, found: list[FieldError]) -> None:
        self.errors = tuple(found)
        listed = "; ".join(f"{_spoken(error.pointer)}: {_sentence(error.message)}" for error in found)
        super().__init__(f"The settings in {source} cannot be used. {listed}.")


def load(wanted: type[T], environ: Mapping[str, str] | None = None) -> T:
    """The settings in the file that SYNCLINE_SETTINGS names. Raises SettingsError with every mistake in it."""
    environ = os.environ if environ is None else environ
    source = environ.get(SETTINGS_VARIABLE, "")
    if not source:
        raise SettingsError("the environment", [_mistake("", f"the variable {SETTINGS_VARIABLE} does not name a file")])
    try:
        document = msgspec.json.decode(Path(source).read_bytes())
    except OSError as error:
        raise SettingsError(source, [_mistake("", f"the file cannot be read ({error.strerror})")]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(source, [_mistake("", "the file is not JSON")]) from error
    return read(wanted, document, environ, source=source)


def read(wanted: type[T], document: object, environ: Mapping[str, str], *, source: str = "the document") -> T:
    """*document* (decoded JSON) as settings, each "${NAME}" in its texts replaced from *environ*."""
    unset: list[FieldError] = []
    filled = _filled(document, environ, unset, "")
    elsewhere = {error.pointer for error in unset}
    found = [error for error in mistakes(filled, wanted, dec_hook=_decode) if error.pointer not in elsewhere]
    if unset or found:
        raise SettingsError(source, sorted([*unset, *found], key=lambda error: error.pointer))
    return msgspec.convert(filled, wanted, dec_hook=_decode)


def _filled(value: object, environ: Mapping[str, str], unset: list[FieldError], at: str) -> object:
    if isinstance(value, dict):
        return {name: _filled(part, environ, unset, pointer(at, name)) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, environ, unset, pointer(at, index)) for index, part in enumerate(value)]
    if not isinstance(value, str):
        return value
    unset.extend(_unset(value, environ, at))
    return _REFERENCE.sub(lambda match: environ.get(match[1], ""), value)


def _unset(text: str, environ: Mapping[str, str], at: str) -> Iterator[FieldError]:
    for name in dict.fromkeys(_REFERENCE.findall(text)):
        if name not in environ:
            yield _mistake(at, f"the environment variable {name} is not set")


def _decode(wanted: type, value: Any) -> Any:
    if wanted is Secret:
        if isinstance(value, str) and value:
            return Secret(value)
        raise ValueError("Expected a text that is not empty")
    raise NotImplementedError(f"settings of type {wanted!r}")


def _mistake(at: str, message: str) -> FieldError:
    return FieldError(pointer=at, code="invalid", message=message)


def _spoken(at: str) -> str:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in at.split("/")[1:]]
    return ".".join(steps) or "settings"


def _sentence(message: str) -> str:
    return message.rstrip(".")
