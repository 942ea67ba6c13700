"""PATCH in the dialects that clients speak: the standard's, Okta's path-less one, Entra's old one (RFC 7644 3.5.2)."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from system_apis.identity.scim.sandbox.attributes import Attribute, Record, ResourceType, Target, as_list, resolve
from system_apis.identity.scim.sandbox.filters import Node, equalities, in_element, matches, parse
from system_apis.identity.scim.sandbox.refusals import (
    RefusalError,
    invalid_path,
    invalid_syntax,
    mutability,
    no_target,
)
from system_apis.identity.scim.sandbox.shaping import settled, value_of

PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_MOST_OPERATIONS = 1000


@dataclass(frozen=True)
class _Path:
    """`emails[type eq "work"].value`: the attribute, which of its values, which part of them."""

    text: str
    target: Target
    where: Node | None = None
    part: Attribute | None = None


def patched(resource_type: ResourceType, record: Record, body: Record) -> Record:
    """The record after all operations, or none of them. Raises what RFC 7644 table 9 says."""
    operations = next((body[name] for name in body if name.casefold() == "operations"), None)
    if PATCH_URN not in as_list(body.get("schemas")):
        raise invalid_syntax(f"schemas must contain {PATCH_URN}")
    if not isinstance(operations, list) or not 0 < len(operations) <= _MOST_OPERATIONS:
        raise invalid_syntax("Operations must be a list with at least one operation")
    changed = deepcopy(record)
    for operation in operations:
        if not isinstance(operation, dict):
            raise invalid_syntax("An operation is an object")
        _operate(resource_type, changed, operation)
    return settled(resource_type, changed)


def _operate(resource_type: ResourceType, record: Record, operation: Record) -> None:
    # Entra capitalises the names of operations.
    op = str(operation.get("op", "")).casefold()
    if op not in {"add", "replace", "remove"}:
        raise invalid_syntax("op is add, replace or remove")
    path, value = operation.get("path"), operation.get("value")
    if op != "remove" and "value" not in operation:
        raise invalid_syntax(f"{op} needs a value")
    extension = resource_type.extension(str(path))
    if extension is not None and op == "remove":
        record.pop(extension.urn, None)
    elif extension is not None:
        _spread(resource_type, record, op, {extension.urn: value})
    elif path:
        _apply(record, op, _path(resource_type, str(path)), value)
    elif op == "remove":
        raise RefusalError(400, "remove needs a path", "noTarget")
    elif not isinstance(value, dict):
        raise invalid_syntax("Without a path the value is an object")
    else:
        _spread(resource_type, record, op, value)


def _spread(resource_type: ResourceType, record: Record, op: str, value: Record) -> None:
    """Without a path each name of the value is one, dotted names and URNs too; unknown and read-only ones are not."""
    for name, one in value.items():
        extension = resource_type.extension(name)
        if extension is not None and isinstance(one, dict):
            inner = {f"{extension.urn}:{part}": held for part, held in one.items()}
            _spread(resource_type, record, op, inner)
            continue
        target = resolve(resource_type, name.partition("[")[0])
        if target is not None and target.attribute is not None and target.attribute.mutability != "readOnly":
            _apply(record, op, _path(resource_type, name), one)


def _path(resource_type: ResourceType, text: str) -> _Path:
    """Raises invalidPath."""
    head, bracket, rest = text.partition("[")
    target = resolve(resource_type, head)
    if target is None:
        raise invalid_path(f"Unknown path {text}")
    if not bracket:
        return _Path(text, target)
    inner, closing, tail = rest.rpartition("]")
    attribute = target.attribute
    if not closing or attribute is None or not attribute.many or (tail and tail[0] != "."):
        raise invalid_path(f"{text} is not a path")
    part = attribute.part(tail[1:]) if tail else None
    if tail and part is None:
        raise invalid_path(f"Unknown path {text}")
    return _Path(text, target, parse(inner), part)


def _apply(record: Record, op: str, path: _Path, value: Any) -> None:
    attribute, extension = path.target.attribute, path.target.extension
    if attribute is None:
        raise invalid_path(f"{path.text} is not an attribute")
    leaf = path.part or path.target.part or attribute
    if "readOnly" in {attribute.mutability, leaf.mutability}:
        raise mutability(path.text)
    home = record if extension is None else record.setdefault(extension, {})
    if path.where is not None:
        _apply_to_chosen(home, op, path, attribute, value)
    elif path.target.part is not None:
        _apply_to_part(home, op, attribute, path.target.part, value)
    elif op == "remove":
        _remove(home, attribute, value)
    else:
        _put(home, op, attribute, value)


def _put(home: Record, op: str, attribute: Attribute, value: Any) -> None:
    new = value_of(attribute, value)
    old = home.get(attribute.name)
    if new is None and (op == "replace" or not attribute.many):
        _remove(home, attribute, None)
    elif attribute.many and op == "add":
        before = as_list(old)
        added = [one for one in as_list(new) if not any(_same(one, other) for other in before)]
        home[attribute.name] = _one_primary(before, added)
    elif attribute.type == "complex" and not attribute.many:
        home[attribute.name] = (old or {}) | new
    else:
        home[attribute.name] = new


def _remove(home: Record, attribute: Attribute, value: Any) -> None:
    """Entra's old dialect names the values to remove in `value` instead of in the path."""
    if attribute.required:
        raise mutability(attribute.name)
    gone = as_list(value_of(attribute, value)) if attribute.many else []
    rest = [one for one in as_list(home.get(attribute.name)) if not any(_same(one, other) for other in gone)]
    if gone and rest:
        home[attribute.name] = rest
    else:
        home.pop(attribute.name, None)


def _apply_to_part(home: Record, op: str, attribute: Attribute, part: Attribute, value: Any) -> None:
    """`name.givenName`; of a multi-valued attribute that part of every value."""
    elements = as_list(home.get(attribute.name)) or ([] if op == "remove" else [{}])
    _set_part(elements, op, part, value)
    kept = [one for one in elements if one]
    home[attribute.name] = kept if attribute.many else (kept[0] if kept else None)
    if not kept:
        del home[attribute.name]


def _apply_to_chosen(home: Record, op: str, path: _Path, attribute: Attribute, value: Any) -> None:
    where = path.where
    elements = as_list(home.get(attribute.name))
    if where is None:
        return
    matches(where, in_element({}, attribute))  # unknown names are refused even where there is no value
    chosen = [one for one in elements if matches(where, in_element(one, attribute))]
    if not chosen:
        # Entra replaces a work address that is not there yet, and means to add it.
        template = equalities(where)
        if op == "remove" or template is None or (op == "replace" and path.part is None):
            raise no_target(path.text)
        chosen = [value_of(attribute, [template])[0]]
        elements = [*elements, *chosen]
    if path.part is not None:
        _set_part(chosen, op, path.part, value)
    elif op == "remove":
        elements = [one for one in elements if one not in chosen]
    else:
        new = as_list(value_of(attribute, value))[0]
        for one in chosen:
            if op == "replace":
                one.clear()
            one.update(new)
    home[attribute.name] = _last_primary([one for one in elements if one], chosen)
    if not home[attribute.name]:
        del home[attribute.name]


def _set_part(elements: list[Record], op: str, part: Attribute, value: Any) -> None:
    held = None if op == "remove" else value_of(part, value)
    for one in elements:
        if part.mutability == "immutable" and part.name in one and one[part.name] != held:
            raise mutability(part.name)
        if held is None:
            one.pop(part.name, None)
        else:
            one[part.name] = held


def _same(one: Any, other: Any) -> bool:
    """Members are the same by their id; other values when all that either says is equal."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return bool(one == other)
    if len(one) == 1 or len(other) == 1 or "$ref" in one or "$ref" in other:
        return "value" in one and one["value"] == other.get("value")
    return one == other


def _one_primary(before: list[Any], added: list[Any]) -> list[Any]:
    return _last_primary([*before, *added], added)


def _last_primary(elements: list[Any], newest: list[Any]) -> list[Any]:
    """A new primary value takes that place from the former one."""
    leading = [one for one in newest if isinstance(one, dict) and one.get("primary") is True]
    for one in elements if leading else ():
        if isinstance(one, dict) and one.get("primary") is True and one is not leading[-1]:
            one["primary"] = False
    return elements
