"""What an attribute of a SCIM resource may hold, and how attribute names find their values (RFC 7643 sections 2, 7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """A definition as `/Schemas` publishes it. `many`: multi-valued. `parts`: sub-attributes of a complex one."""

    name: str
    description: str = ""
    type: str = "string"
    many: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    canonical: tuple[str, ...] = ()
    refers: tuple[str, ...] = ()
    parts: tuple["Attribute", ...] = ()

    def part(self, name: str) -> "Attribute | None":
        return named(self.parts, name)

    def shown(self) -> Record:
        """As a schema lists it; nothing is null, which Entra would refuse."""
        found: Record = {
            "name": self.name,
            "type": self.type,
            "multiValued": self.many,
            "description": self.description or self.name,
            "required": self.required,
            "mutability": self.mutability,
            "returned": self.returned,
        }
        if self.type in {"string", "reference", "binary"}:
            found |= {"caseExact": self.case_exact, "uniqueness": self.uniqueness}
        if self.canonical:
            found["canonicalValues"] = list(self.canonical)
        if self.refers:
            found["referenceTypes"] = list(self.refers)
        if self.parts:
            found["subAttributes"] = [part.shown() for part in self.parts]
        return found


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A set of attributes under a URN."""

    urn: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """A kind of resource. `kind` is its name in the store, `endpoint` its path below the base."""

    name: str
    kind: str
    endpoint: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()

    def attributes(self) -> tuple[Attribute, ...]:
        """Common and core ones, without those of extensions."""
        return (*COMMON, *self.schema.attributes)

    def extension(self, urn: str) -> Schema | None:
        return next((one for one in self.extensions if one.urn.casefold() == urn.casefold()), None)


@dataclass(frozen=True)
class Target:
    """Where an attribute path leads. Without an attribute: the whole extension."""

    extension: str | None
    attribute: Attribute | None
    part: Attribute | None = None

    def leaf(self) -> Attribute | None:
        return self.part or self.attribute

    def home(self, record: Record) -> Record:
        """The object that holds the attribute; a copy of nothing where the extension is absent."""
        if self.extension is None:
            return record
        found: Record = record.get(self.extension, {})
        return found


COMMON = (
    Attribute(
        name="schemas",
        type="reference",
        many=True,
        required=True,
        case_exact=True,
        returned="always",
        mutability="readOnly",
        refers=("uri",),
    ),
    Attribute(name="id", case_exact=True, mutability="readOnly", returned="always", uniqueness="server"),
    Attribute(name="externalId", case_exact=True),
    Attribute(
        name="meta",
        type="complex",
        mutability="readOnly",
        parts=(
            Attribute(name="resourceType", case_exact=True, mutability="readOnly"),
            Attribute(name="created", type="dateTime", mutability="readOnly"),
            Attribute(name="lastModified", type="dateTime", mutability="readOnly"),
            Attribute(name="location", type="reference", case_exact=True, mutability="readOnly", refers=("uri",)),
            Attribute(name="version", case_exact=True, mutability="readOnly"),
        ),
    ),
)


def named(attributes: Iterable[Attribute], name: str) -> Attribute | None:
    """Names are case-insensitive."""
    return next((one for one in attributes if one.name.casefold() == name.casefold()), None)


def resolve(resource_type: ResourceType, path: str) -> Target | None:
    """`userName`, `name.givenName`, `urn:...:User:employeeNumber`, or an extension's bare URN."""
    extension = resource_type.extension(path)
    if extension is not None:
        return Target(extension.urn, None)
    for schema in (resource_type.schema, *resource_type.extensions):
        if path.casefold().startswith(f"{schema.urn}:".casefold()):
            urn = None if schema is resource_type.schema else schema.urn
            return _within(urn, schema.attributes, path[len(schema.urn) + 1 :])
    return _within(None, resource_type.attributes(), path)


def values(record: Record, target: Target) -> list[Any]:
    """All that the record has at the target, as a flat list."""
    if target.attribute is None:
        return [record[target.extension]] if target.extension in record else []
    found = as_list(target.home(record).get(target.attribute.name))
    if target.part is None:
        return found
    name = target.part.name
    return [value for one in found if isinstance(one, dict) for value in as_list(one.get(name))]


def as_list(value: Any) -> list[Any]:
    """One or several values as several; nothing as none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _within(extension: str | None, attributes: tuple[Attribute, ...], path: str) -> Target | None:
    name, dot, part_name = path.partition(".")
    attribute = named(attributes, name)
    if attribute is None:
        return None
    if not dot:
        return Target(extension, attribute)
    part = attribute.part(part_name)
    return None if part is None else Target(extension, attribute, part)
