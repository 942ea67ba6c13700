"""JSON Schema for readers: a table of members, nested where they are defined, linked where they are shared."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.contracts import Document, resolve
from gateway.docs.prose import phrase
from gateway.markup import Child, Markup, code, join, link, table, tag

SHARED = "#/components/schemas/"
_DEPTH = 6  # deeper nesting is rare, and unreadable in a table

_LIMITS = (
    ("minimum", "≥ {}"),
    ("exclusiveMinimum", "> {}"),
    ("maximum", "≤ {}"),
    ("exclusiveMaximum", "< {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
)


def schema_anchor(name: str) -> str:
    """Where a shared schema stands on its API's page."""
    return f"schema-{name}"


def kind(schema: Any) -> Markup:
    """A schema's type in a few words, linked when it has a name."""
    if not isinstance(schema, Mapping):
        return Markup("anything" if schema is not False else "nothing")
    if reference := schema.get("$ref"):
        name = str(reference).removeprefix(SHARED)
        return link(name, f"#{schema_anchor(name)}") if str(reference).startswith(SHARED) else code(name)
    for word in ("oneOf", "anyOf", "allOf"):
        if options := schema.get(word):
            return _joined([kind(option) for option in options], " and " if word == "allOf" else " or ")
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    names = schema.get("type", "anything")
    return _joined([_one_kind(name, schema) for name in ([names] if isinstance(names, str) else names)], " or ")


def members(document: Document, schema: Any, caption: str) -> Markup:
    """The table of an object's members; for anything else a sentence that says what it is."""
    rows = list(_rows(document, schema, "", 0))
    if not rows:
        return tag("p", kind(schema), " ", _remarks(schema if isinstance(schema, Mapping) else {}))
    return table(caption, ("Name", "Type", "Meaning"), rows)


def parameters(document: Document, nodes: Sequence[Any], caption: str) -> Markup:
    """The table of an operation's parameters."""
    rows: list[tuple[Child, ...]] = []
    for node in nodes:
        parameter = resolve(document, node)
        schema = parameter.get("schema", {})
        rows.append(
            (
                (code(parameter["name"]), _required(parameter.get("required"))),
                parameter["in"],
                kind(schema),
                (phrase(parameter.get("description") or _description(schema)), _remarks(_mapping(schema))),
            )
        )
    return table(caption, ("Name", "In", "Type", "Meaning"), rows)


def sample(value: Any) -> Markup:
    """An example, as JSON."""
    return tag("pre", tag("code", json.dumps(value, indent=2, ensure_ascii=False, default=str)), tabindex=0)


def _rows(document: Document, schema: Any, prefix: str, depth: int) -> Sequence[tuple[Child, ...]]:
    """A nested object's members follow its own row, under dotted names; a named schema has a table of its own."""
    merged = _merged(document, schema)
    rows: list[tuple[Child, ...]] = []
    for name, member in merged.get("properties", {}).items():
        needed = name in merged.get("required", ())
        path = f"{prefix}{name}"
        remark = (phrase(_description(member)), _remarks(_mapping(member)))
        rows.append(((code(path), _required(needed)), kind(member), remark))
        inner = _mapping(member)
        inner, suffix = (_mapping(inner["items"]), "[].") if isinstance(inner.get("items"), Mapping) else (inner, ".")
        if "$ref" not in inner and depth < _DEPTH:
            rows += _rows(document, inner, path + suffix, depth + 1)
    return rows


def _merged(document: Document, schema: Any) -> Mapping[str, Any]:
    """The members of all parts of an `allOf`, the only combination that adds up to one table."""
    if not isinstance(schema, Mapping):
        return {}
    parts = [resolve(document, part) for part in schema.get("allOf", ())]
    properties: dict[str, Any] = {}
    required: list[str] = []
    for part in [*parts, schema]:
        properties |= part.get("properties", {})
        required += part.get("required", ())
    return {"properties": properties, "required": required}


def _one_kind(name: str, schema: Mapping[str, Any]) -> Markup:
    if name == "array":
        return join(("list of ", kind(schema.get("items", True))))
    if name == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return join(("map to ", kind(schema["additionalProperties"])))
    form = schema.get("format")
    return join((name, f" ({form})" if form and name != "null" else None))


def _remarks(schema: Mapping[str, Any]) -> Child:
    values = schema.get("enum") or schema.get("x-extensible-enum")
    known = [code(str(value)) for value in values or ()]
    words: list[Child] = [form.format(schema[name]) for name, form in _LIMITS if name in schema]
    if known:
        more = "; more may come" if "x-extensible-enum" in schema else ""
        words.append((_joined(known, ", "), more))
    if "pattern" in schema:
        words.append(("pattern ", code(str(schema["pattern"]))))
    if "default" in schema:
        words.append(("default ", code(json.dumps(schema["default"]))))
    examples = schema.get("examples") or ([schema["example"]] if "example" in schema else [])
    if isinstance(examples, list) and examples:
        words.append(("for example ", code(json.dumps(examples[0], ensure_ascii=False, default=str))))
    return [tag("div", word, class_="quiet") for word in words]


def _required(needed: object) -> Markup | None:
    return join((" ", tag("span", "required", class_="required"))) if needed else None


def _description(schema: Any) -> str:
    return str(_mapping(schema).get("description", ""))


def _mapping(schema: Any) -> Mapping[str, Any]:
    return schema if isinstance(schema, Mapping) else {}


def _joined(parts: Sequence[Markup], between: str) -> Markup:
    return join([part if place == 0 else (between, part) for place, part in enumerate(parts)])
