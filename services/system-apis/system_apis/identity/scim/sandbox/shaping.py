"""What a client sends, brought into the form that the sandbox keeps; and what a client is shown (RFC 7643 2, 7644 3.9).

Names are case-insensitive, booleans may come as text (Entra), unknown attributes and schemas are left out.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from system_apis.identity.scim.sandbox.attributes import (
    Attribute,
    Record,
    ResourceType,
    Target,
    as_list,
    named,
    resolve,
)
from system_apis.identity.scim.sandbox.filters import moment
from system_apis.identity.scim.sandbox.refusals import RefusalError, invalid_syntax, invalid_value

_BOOLEANS = {"true": True, "false": False}
_EMPTY: tuple[Any, ...] = (None, [], {})


def received(resource_type: ResourceType, body: Record) -> Record:
    """The writable part of a whole resource. Raises invalidSyntax, and invalidValue for a wrong or missing value."""
    schemas = body.get("schemas")
    if not isinstance(schemas, list) or resource_type.schema.urn not in schemas:
        raise invalid_syntax(f"schemas must contain {resource_type.schema.urn}")
    found = _object(resource_type.attributes(), body)
    for extension in resource_type.extensions:
        given = next((body[name] for name in body if name.casefold() == extension.urn.casefold()), None)
        if given is not None:
            found[extension.urn] = _object(extension.attributes, given)
    return settled(resource_type, found)


def settled(resource_type: ResourceType, record: Record) -> Record:
    """The record as it may be kept: nothing empty, one primary at most, all that is required, its schemas listed."""
    kept = {name: value for name, value in record.items() if value not in _EMPTY}
    extensions = [one.urn for one in resource_type.extensions if one.urn in kept]
    for attribute in resource_type.attributes():
        if attribute.required and attribute.name != "schemas" and kept.get(attribute.name) in (None, "", []):
            raise invalid_value(f"{attribute.name} is required")
        if attribute.many and sum(_is_primary(one) for one in as_list(kept.get(attribute.name))) > 1:
            raise invalid_value(f"{attribute.name} has more than one primary value")
    return {**kept, "schemas": [resource_type.schema.urn, *extensions]}


def value_of(attribute: Attribute, value: Any) -> Any:
    """A value of the attribute in its own type. Raises invalidValue. Nothing, in any form, is None."""
    if value in _EMPTY:
        return None
    if attribute.many:
        found = [_single(attribute, one) for one in as_list(value)]
        return [one for one in found if one not in _EMPTY] or None
    return _single(attribute, value)


def shown(resource_type: ResourceType, record: Record, wanted: Sequence[str], unwanted: Sequence[str]) -> Record:
    """What is returned: all but secrets; only `wanted`, where anything is wanted; without `unwanted`."""
    always = {one.name for one in resource_type.attributes() if one.returned == "always"}
    if wanted:
        found = {name: record[name] for name in always if name in record}
        for target in _targets(resource_type, wanted):
            _include(found, record, target)
        return found
    found = {name: value for name, value in record.items() if not _is_secret(resource_type, name)}
    for target in _targets(resource_type, unwanted):
        if target.attribute is None or target.attribute.name not in always:
            _exclude(found, target)
    return found


def _object(attributes: Iterable[Attribute], given: Any) -> Record:
    if not isinstance(given, dict):
        raise invalid_value("An object is expected")
    found: Record = {}
    for name, value in given.items():
        attribute = named(attributes, name)
        if attribute is None or attribute.mutability == "readOnly":
            continue
        held = value_of(attribute, value)
        if held is not None:
            found[attribute.name] = held
    return found


def _single(attribute: Attribute, value: Any) -> Any:
    match attribute.type:
        case "complex":
            # Members and managers are often sent as bare ids.
            return _object(attribute.parts, {"value": value} if isinstance(value, str) else value)
        case "boolean":
            return _boolean(attribute, value)
        case "integer" if isinstance(value, int) and not isinstance(value, bool):
            return value
        case "dateTime" if isinstance(value, str):
            try:
                moment(value)
            except RefusalError as error:
                raise invalid_value(error.detail) from error
            return value
        case "string" | "reference" | "binary" if isinstance(value, str):
            return value
    raise invalid_value(f"{attribute.name} is a {attribute.type}")


def _boolean(attribute: Attribute, value: Any) -> bool:
    found = _BOOLEANS.get(value.casefold()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise invalid_value(f"{attribute.name} is true or false")
    return found


def _is_primary(value: Any) -> bool:
    return isinstance(value, dict) and value.get("primary") is True


def _is_secret(resource_type: ResourceType, name: str) -> bool:
    attribute = named(resource_type.attributes(), name)
    return attribute is not None and attribute.returned == "never"


def _targets(resource_type: ResourceType, paths: Sequence[str]) -> list[Target]:
    """Unknown names ask for nothing."""
    return [target for path in paths if (target := resolve(resource_type, path.strip())) is not None]


def _include(found: Record, record: Record, target: Target) -> None:
    attribute = target.attribute
    if attribute is None:
        if target.extension in record:
            found[target.extension] = record[target.extension]
        return
    home = target.home(record)
    if attribute.name not in home or attribute.returned == "never":
        return
    goal = found if target.extension is None else found.setdefault(target.extension, {})
    value = home[attribute.name]
    if target.part is None:
        goal[attribute.name] = value
        return
    name = target.part.name
    if not attribute.many:
        goal[attribute.name] = {**goal.get(attribute.name, {}), **({name: value[name]} if name in value else {})}
        return
    before = goal.get(attribute.name) or [{} for _ in value]
    goal[attribute.name] = [
        {**old, **({name: one[name]} if name in one else {})} for old, one in zip(before, value, strict=True)
    ]


def _exclude(found: Record, target: Target) -> None:
    attribute = target.attribute
    if attribute is None:
        found.pop(str(target.extension), None)
        return
    if target.extension is not None and target.extension in found:
        found[target.extension] = dict(found[target.extension])
    home = target.home(found)
    if target.part is None:
        home.pop(attribute.name, None)
        return
    name = target.part.name
    rest = [{k: v for k, v in one.items() if k != name} for one in as_list(home.get(attribute.name))]
    if rest:
        home[attribute.name] = rest if attribute.many else rest[0]
