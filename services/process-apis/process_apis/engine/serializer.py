"""What the engine stores: JSON, failures included. Never pickle: whoever can write the database could run code."""

from typing import Any

import msgspec
from dbos import Serializer
from dbos import error as engine_error

from servicekit.failures import Failure, FieldError, Kind


class BrokenStepError(Exception):
    """A step ended with an error that is not a Failure; its type and text, as they were stored."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


class JsonSerializer(Serializer):
    """Structs become objects; a Failure becomes one again when it is read back."""

    def serialize(self, data: Any) -> str:
        return msgspec.json.encode(data, enc_hook=_encode).decode()

    def deserialize(cls, serialized_data: str) -> Any:  # noqa: N805  the base class calls it `cls`
        value = msgspec.json.decode(serialized_data)
        if isinstance(value, dict) and value.keys() == {"$failure"}:
            return _failure(value["$failure"])
        if isinstance(value, dict) and value.keys() == {"$error"}:
            return BrokenStepError(*value["$error"])
        return value

    def name(self) -> str:
        return "syncline_json"


def _encode(value: Any) -> Any:
    if isinstance(value, engine_error.DBOSMaxStepRetriesExceeded):
        value = value.errors[-1]
    if isinstance(value, Failure):
        kind = value.kind.name
        return {"$failure": [kind, value.detail, value.code, value.errors, value.retry_after_s, value.vendor_detail]}
    if isinstance(value, BaseException):
        return {"$error": [type(value).__name__, str(value)]}
    raise NotImplementedError(f"{type(value).__name__} cannot be stored by the engine")


def _failure(stored: list[Any]) -> Failure:
    kind, detail, code, errors, retry_after_s, vendor_detail = stored
    fields = msgspec.convert(errors, tuple[FieldError, ...])
    return Failure(Kind[kind], detail, code, fields, retry_after_s, vendor_detail)
