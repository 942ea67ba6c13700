"""What a body may hold: known, editable properties with values of the right type and length, in BC's own words."""

import re
from datetime import date
from typing import Any

from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.refusals import Refusal, bad_request
from system_apis.erp.business_central.sandbox.shapes import EMPTY_DATE, EMPTY_ID, Entity, Field

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_JSON_TYPES: dict[str, tuple[type, ...]] = {"boolean": (bool,), "integer": (int,), "decimal": (int, float)}


def read_values(entity: Entity, body: object) -> Row:
    """The properties of *body* as the table keeps them. Raises Refusal 400."""
    if not isinstance(body, dict):
        raise bad_request("Invalid Request Body")
    return {name: _value(entity, name, given) for name, given in body.items() if not name.startswith("@")}


def _value(entity: Entity, name: str, given: Any) -> Any:
    field = entity.field(name)
    if field is None:
        text = (
            f"The property '{name}' does not exist on type 'Microsoft.NAV.{entity.name}'."
            " Make sure to only use property names that are defined by the type."
        )
        raise bad_request(text)
    if not field.editable:
        raise bad_request(f"Control '{field.caption}' is read-only", "BadRequest_InvalidOperation")
    if given is None:
        return field.empty
    expected = _JSON_TYPES.get(field.type, (str,))
    if not isinstance(given, expected) or (isinstance(given, bool) and bool not in expected):
        raise bad_request("Invalid Request Body")
    return _typed(field, given) if isinstance(given, str) else given


def _typed(field: Field, text: str) -> str:
    match field.type:
        case "date":
            return _date(text)
        case "guid":
            if not _GUID.fullmatch(text):
                raise bad_request("Unable to convert value to GUID")
            return text.lower() or EMPTY_ID
        case "enum":
            return _option(field, text)
        case "code":
            text = text.strip().upper()  # the type Code of AL is upper case without blanks around it
    if len(text) > field.length:
        told = (
            f"The length of the string is {len(text)}, but it must be less than or equal to {field.length} characters."
            f" Value: {text}"
        )
        raise Refusal(400, "Application_StringExceededLength", told)
    return text


def _date(text: str) -> str:
    if text == "":
        return EMPTY_DATE
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise bad_request("Unable to convert value to Date") from error


def _option(field: Field, text: str) -> str:
    plain = text.replace("_x0020_", " ") or " "
    if plain not in field.options:
        told = f"'{text}' is not an option. The existing options are: {','.join(field.options)}"
        raise Refusal(400, "Unknown", told)
    return plain
