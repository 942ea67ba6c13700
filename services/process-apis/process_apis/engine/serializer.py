"""What the engine stores: JSON, failures included. Never pickle: whoever can write the database could run code."""

from typing import Any

import msgspec
from dbos import Serializer

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
        return _error(value) or value

    def name(self) -> str:
        return "syncline_json"


def stored(error: Exception) -> bytes:
    """What a step raised, as JSON."""
    return msgspec.json.encode(error, enc_hook=_encode)


def restored(json: str) -> Exception:
    """What `stored` was given: a Failure, or a BrokenStepError in place of anything else."""
    error = _error(msgspec.json.decode(json))
    assert error is not None
    return error


def _encode(value: Any) -> Any:
    if isinstance(value, Failure):
        kind = value.kind.name
        return {"$failure": [kind, value.detail, value.code, value.errors, value.retry_after_s, value.vendor_detail]}
    if isinstance(value, BaseException):
        return {"$error": [type(value).__name__, str(value)]}
    raise NotImplementedError(f"{type(value).__name__} cannot be stored by the engine")


def _error(value: Any) -> Exception | None:
    """The error that a value stands for, if it stands for one."""
    if isinstance(value, dict) and value.keys() == {"$failure"}:
        return _failure(value["$failure"])
    if isinstance(value, dict) and value.keys() == {"$error"}:
        return BrokenStepError(*value["$error"])
    return None


def _failure(fields_of: list[Any]) -> Failure:
    kind, detail, code, errors, retry_after_s, vendor_detail = fields_of
    fields = msgspec.convert(errors, tuple[FieldError, ...])
    return Failure(Kind[kind], detail, code, fields, retry_after_s, vendor_detail)
