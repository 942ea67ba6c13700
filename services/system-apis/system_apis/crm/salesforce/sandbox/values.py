"""One field's value: what Salesforce takes for it, how it keeps it, and how two of them compare."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from system_apis.crm.salesforce.sandbox.identifiers import moment_of, normal_id, stamp
from system_apis.crm.salesforce.sandbox.refusals import Refusal
from system_apis.crm.salesforce.sandbox.schema import NUMBERS, Field, Schema

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def stored(field: Field, value: Any, schema: Schema) -> Any:
    """The value as it is kept. Raises the refusal that a client gets for a wrong one; an empty text is null."""
    if value is None or value == "":
        return False if field.type == "boolean" else None
    if field.type == "reference":
        return _reference(field, value, schema)
    reader: Callable[[Field, Any], Any] = _READERS.get(field.type, _text)
    return reader(field, value)


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _unreadable(field, "boolean", value)


def _number(field: Field, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _unreadable(field, field.type, value)
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise _unreadable(field, field.type, value) from error
    if not number.is_finite():
        raise _unreadable(field, field.type, value)
    return number


def _whole_number(field: Field, value: Any) -> int:
    return int(_number(field, value))


def _rounded(field: Field, value: Any) -> float:
    unit = Decimal(1).scaleb(-field.scale)
    return float(_number(field, value).quantize(unit, rounding=ROUND_HALF_UP))


def _date(field: Field, value: Any) -> str:
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError as error:
        raise _unreadable(field, "date", value) from error


def _moment(field: Field, value: Any) -> str:
    try:
        return stamp(moment_of(str(value)))
    except ValueError as error:
        raise _unreadable(field, "datetime", value) from error


def _reference(field: Field, value: Any, schema: Schema) -> str:
    full = normal_id(str(value))
    if full is None:
        raise Refusal(400, "MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", [field.name])
    if full[:3] != schema.objects[field.refers].prefix:
        raise Refusal(400, "MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", [field.name])
    return full


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise _unreadable(field, "string", value)
    text = str(value)
    if len(text) > field.length:
        shown = f"{field.label}: data value too large: {text[:80]} (max length={field.length})"
        raise Refusal(400, "STRING_TOO_LONG", shown, [field.name])
    if field.type == "email" and not _EMAIL.fullmatch(text):
        raise Refusal(400, "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", [field.name])
    chosen = text.split(";") if field.type == "multipicklist" else [text]
    if field.values and not set(chosen) <= set(field.values):
        raise bad_choice(field, text)
    return text


_READERS: dict[str, Callable[[Field, Any], Any]] = {
    "boolean": _boolean,
    "int": _whole_number,
    "double": _rounded,
    "currency": _rounded,
    "percent": _rounded,
    "date": _date,
    "datetime": _moment,
}


def bad_choice(field: Field, text: str) -> Refusal:
    message = f"{field.label}: bad value for restricted picklist field: {text}"
    return Refusal(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])


def _unreadable(field: Field, wanted: str, value: Any) -> Refusal:
    shape = "VALUE_STRING" if isinstance(value, str) else "VALUE_NUMBER"
    message = (
        f"Cannot deserialize instance of {wanted} from {shape} value {value} or request may be missing a required"
        f" field at [line:1, column:1] ({field.name})"
    )
    return Refusal(400, "JSON_PARSER_ERROR", message)


def comparable(field: Field, value: Any) -> Any:
    """A kept value in the form in which it is compared and sorted; text ignores case, ids do not."""
    if value is None:
        return None
    if field.type in NUMBERS or field.type == "int":
        return Decimal(str(value))
    if field.type == "datetime":
        return moment_of(value)
    if field.type == "date":
        return date.fromisoformat(value)
    if field.type in {"id", "reference"}:
        return normal_id(value) or value
    return value.lower() if isinstance(value, str) else value


def criterion(field: Field, value: Any) -> Any:
    """A literal of a WHERE clause in comparable form. Raises INVALID_FIELD where its type does not fit the field."""
    if value is None:
        return None
    wanted = _literal_type(field)
    if wanted is datetime and isinstance(value, datetime):
        return value.astimezone(UTC)
    if not isinstance(value, wanted) or (wanted is date and isinstance(value, datetime)):
        raise _wrong_literal(field)
    if field.type in {"id", "reference"}:
        full = normal_id(str(value))
        if full is None:
            raise Refusal(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
        return full
    return value.lower() if isinstance(value, str) else value


def _literal_type(field: Field) -> type:
    if field.type in NUMBERS or field.type == "int":
        return Decimal
    return {"boolean": bool, "date": date, "datetime": datetime}.get(field.type, str)


def _wrong_literal(field: Field) -> Refusal:
    wanted = {Decimal: field.type, bool: "boolean", date: "date", datetime: "dateTime"}.get(_literal_type(field))
    if wanted is None:
        tail = "should be of type string and should be enclosed in quotes"
    else:
        tail = f"must be of type {wanted} and should not be enclosed in quotes"
    return Refusal(400, "INVALID_FIELD", f"value of filter criterion for field '{field.name}' {tail}")
