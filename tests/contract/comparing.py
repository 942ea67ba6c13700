"""Tells what differs between two contracts, and which differences break a caller. One rule per function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
METHODS = ("get", "put", "post", "patch", "delete")


def differences(law: Any, code: Any, at: str = "") -> Iterator[str]:
    """Every place where the file and the code's document differ, as a path and what is there."""
    if isinstance(law, dict) and isinstance(code, dict):
        for key in [*law, *(key for key in code if key not in law)]:
            where = f"{at}/{key}"
            if key not in code:
                yield f"{where}: in the contract, not in the code"
            elif key not in law:
                yield f"{where}: in the code, not in the contract"
            else:
                yield from differences(law[key], code[key], where)
    elif isinstance(law, list) and isinstance(code, list):
        if len(law) != len(code):
            yield f"{at}: the contract has {len(law)} entries, the code {len(code)}"
        for place, (mine, other) in enumerate(zip(law, code, strict=False)):
            yield from differences(mine, other, f"{at}/{place}")
    elif law != code:
        yield f"{at}: the contract says {law!r}, the code {code!r}"


def breaks(released: Document, proposed: Document) -> Iterator[str]:
    """What a caller of the released contract would trip over in the proposed one."""
    for path, operations in released["paths"].items():
        for method in METHODS:
            if method not in operations:
                continue
            where = f"{method.upper()} {path}"
            new = proposed["paths"].get(path, {}).get(method)
            if new is None:
                yield f"{where}: removed"
            else:
                yield from _operation_breaks(where, operations[method], new, released, proposed)


def _operation_breaks(where: str, old: Document, new: Document, before: Document, after: Document) -> Iterator[str]:
    if old["operationId"] != new["operationId"]:
        yield f"{where}: operationId changed from {old['operationId']} to {new['operationId']}"
    known = {(one["in"], one["name"]) for one in (_resolved(one, before) for one in old.get("parameters", []))}
    for parameter in (_resolved(one, after) for one in new.get("parameters", [])):
        if parameter.get("required") and (parameter["in"], parameter["name"]) not in known:
            yield f"{where}: new required parameter {parameter['name']}"
    for status in old["responses"]:
        if status not in new["responses"]:
            yield f"{where}: status {status} removed"
    for status in new["responses"]:
        if status.startswith("2") and status not in old["responses"]:
            yield f"{where}: new success status {status}"
    yield from _body_breaks(where, old, new, before, after)
    yield from _answer_breaks(where, old, new, before, after)


def _body_breaks(where: str, old: Document, new: Document, before: Document, after: Document) -> Iterator[str]:
    """A request may ask for less and allow more, never the other way round."""
    asked, asks = _json_schema(old.get("requestBody"), before), _json_schema(new.get("requestBody"), after)
    if asks is None:
        return
    if asked is None:
        yield f"{where}: a body is now required"
        return
    yield from _narrowed(f"{where} request", asked, asks, before, after, frozenset())


def _answer_breaks(where: str, old: Document, new: Document, before: Document, after: Document) -> Iterator[str]:
    """An answer may say more, never less or something else."""
    for status, answer in old["responses"].items():
        told, tells = _json_schema(answer, before), _json_schema(new["responses"].get(status), after)
        if told is not None and tells is not None:
            yield from _lost(f"{where} {status}", told, tells, before, after, frozenset())


def _narrowed(
    at: str, old: Document, new: Document, before: Document, after: Document, seen: frozenset[str]
) -> Iterator[str]:
    if (reference := old.get("$ref", "")) in seen and reference:
        return
    old, new, seen = _resolved(old, before), _resolved(new, after), seen | {reference}
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{at}: {name} is newly required"
    for rule in ("pattern", "minLength", "minimum", "minItems", "maxLength", "maximum", "maxItems", "enum"):
        if rule in new and new[rule] != old.get(rule) and _tighter(rule, old.get(rule), new[rule]):
            yield f"{at}: {rule} narrowed from {old.get(rule)!r} to {new[rule]!r}"
    if old.get("type") != new.get("type"):
        yield f"{at}: type changed from {old.get('type')!r} to {new.get('type')!r}"
    for name, part in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{at}: {name} is no longer taken"
        else:
            yield from _narrowed(f"{at}.{name}", part, new["properties"][name], before, after, seen)


def _lost(
    at: str, old: Document, new: Document, before: Document, after: Document, seen: frozenset[str]
) -> Iterator[str]:
    if (reference := old.get("$ref", "")) in seen and reference:
        return
    old, new, seen = _resolved(old, before), _resolved(new, after), seen | {reference}
    if old.get("type") != new.get("type"):
        yield f"{at}: type changed from {old.get('type')!r} to {new.get('type')!r}"
    for name in set(old.get("required", ())) - set(new.get("required", ())):
        yield f"{at}: {name} is no longer always there"
    for name, part in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{at}: {name} removed"
        else:
            yield from _lost(f"{at}.{name}", part, new["properties"][name], before, after, seen)
    if "items" in old and "items" in new:
        yield from _lost(f"{at}[]", old["items"], new["items"], before, after, seen)


def _tighter(rule: str, old: Any, new: Any) -> bool:
    if old is None or rule == "pattern":
        return True
    if rule.startswith("min"):
        return bool(new > old)
    if rule.startswith("max"):
        return bool(new < old)
    return not set(old) <= set(new)


def _json_schema(part: Document | None, document: Document) -> Document | None:
    """The schema of a body or an answer of success or failure, or none."""
    if part is None:
        return None
    content = _resolved(part, document).get("content", {})
    return next((media["schema"] for kind, media in content.items() if kind.endswith("json")), None)


def _resolved(part: Document, document: Document) -> Document:
    reference = part.get("$ref")
    if reference is None:
        return part
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return _resolved(found, document)
