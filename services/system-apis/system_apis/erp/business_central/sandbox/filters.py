"""$filter: the part of OData 4 that Business Central takes, judged record by record.

Sources: use-filter-expressions-in-odata-uris.md, odata-known-limitations.md (no OR over two fields).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from system_apis.erp.business_central.sandbox.refusals import Refusal, bad_request
from system_apis.erp.business_central.sandbox.shapes import EMPTY_DATE, EMPTY_ID, Entity, Field

Row = dict[str, Any]
Test = Callable[[Row], bool]

_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:Z|[+-]\d\d:\d\d))"
    rf"|(?P<guid>{_GUID})"
    r"|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<mark>[(),]))"
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}
_EDM = {
    "guid": "Edm.Guid",
    "date": "Edm.Date",
    "moment": "Edm.DateTimeOffset",
    "decimal": "Edm.Decimal",
    "integer": "Edm.Int32",
    "boolean": "Edm.Boolean",
}
_TAKES = {"decimal": "number", "integer": "number"}
_SPOKEN = {"eq": "Equal", "ne": "NotEqual", "gt": "GreaterThan", "ge": "GreaterThanOrEqual", "lt": "LessThan"}


@dataclass(frozen=True)
class _Part:
    """A piece of the filter: its judgement and the fields it looks at."""

    test: Test
    fields: frozenset[str]


def parse_filter(text: str, entity: Entity) -> Test:
    """The judgement that *text* spells. Raises Refusal 400 in OData's own words."""
    reader = _Reader(text, entity)
    part = reader.alternatives()
    if reader.peek() is not None:
        raise _syntax(text)
    return part.test


def edm_type(field: Field) -> str:
    return _EDM.get(field.type, "Edm.String")


def ticks(moment: str) -> int:
    """A moment in units of 100 ns, exact to the seven digits that BC shows."""
    match = re.fullmatch(r"([^.]+?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", moment)
    if match is None:
        raise ValueError(moment)
    whole = datetime.fromisoformat(match[1] + match[3])
    return int(whole.timestamp()) * 10_000_000 + int((match[2] or "0").ljust(7, "0")[:7])


class _Reader:
    """Reads the expression from left to right: or, then and, then not, then one comparison."""

    def __init__(self, text: str, entity: Entity) -> None:
        self._text = text
        self._entity = entity
        self._tokens = _tokens(text)
        self._at = 0

    def peek(self) -> tuple[str, str] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def alternatives(self) -> _Part:
        part = self._conjunction()
        while self._took("name", "or"):
            other = self._conjunction()
            if part.fields | other.fields != part.fields & other.fields:
                text = "The 'OR' operator is not supported on distinct fields on an OData filter."
                raise bad_request(text, "BadRequest_MethodNotImplemented")
            part = _either(part, other)
        return part

    def _conjunction(self) -> _Part:
        part = self._single()
        while self._took("name", "and"):
            part = _both(part, self._single())
        return part

    def _single(self) -> _Part:
        if self._took("name", "not"):
            inner = self._single()
            return _Part(lambda row: not inner.test(row), inner.fields)
        if self._took("mark", "("):
            inner = self.alternatives()
            self._want("mark", ")")
            return inner
        kind, word = self._next()
        if kind != "name":
            raise _syntax(self._text)
        return self._function(word) if word in _FUNCTIONS else self._comparison(self._field(word))

    def _comparison(self, field: Field) -> _Part:
        _, operator = self._next()
        if operator not in _COMPARISONS:
            raise _syntax(self._text)
        kind, word = self._next()
        wanted = self._value(field, kind, word, operator)
        compare = _COMPARISONS[operator]
        return _Part(lambda row: compare(_held(field, row), wanted), frozenset([field.name]))

    def _function(self, name: str) -> _Part:
        self._want("mark", "(")
        field = self._field(self._next()[1])
        self._want("mark", ",")
        kind, word = self._next()
        self._want("mark", ")")
        part = self._value(field, kind, word, "eq")
        judge = _FUNCTIONS[name]
        return _Part(lambda row: judge(str(_held(field, row)), str(part)), frozenset([field.name]))

    def _field(self, name: str) -> Field:
        field = self._entity.field(name)
        if field is None:
            raise unknown_property(name, self._entity)
        return field

    def _value(self, field: Field, kind: str, word: str, operator: str) -> Any:
        if kind == "name" and word == "null":
            return _comparable(field, field.empty)
        wanted = {"boolean": "name"}.get(field.type, _TAKES.get(field.type, field.type))
        wanted = wanted if field.type in _EDM else "string"
        if kind != wanted:
            found = {"string": "Edm.String", "guid": "Edm.Guid", "number": "Edm.Int32", "date": "Edm.Date"}
            text = (
                "A binary operator with incompatible types was detected. Found operand types"
                f" '{edm_type(field)}' and '{found.get(kind, 'Edm.DateTimeOffset')}'"
                f" for operator kind '{_SPOKEN.get(operator, 'LessThanOrEqual')}'."
            )
            raise bad_request(text)
        return _comparable(field, _literal(kind, word))

    def _next(self) -> tuple[str, str]:
        token = self.peek()
        if token is None:
            raise _syntax(self._text)
        self._at += 1
        return token

    def _took(self, kind: str, word: str) -> bool:
        taken = self.peek() == (kind, word)
        self._at += taken
        return taken

    def _want(self, kind: str, word: str) -> None:
        if not self._took(kind, word):
            raise _syntax(self._text)


def unknown_property(name: str, entity: Entity) -> Refusal:
    return bad_request(f"Could not find a property named '{name}' on type 'Microsoft.NAV.{entity.name}'.")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise _syntax(text)
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens


def _literal(kind: str, word: str) -> Any:
    if kind == "string":
        return word[1:-1].replace("''", "'")
    if kind == "name":
        return word == "true"
    return float(word) if kind == "number" else word


def _held(field: Field, row: Row) -> Any:
    return _comparable(field, row.get(field.name, field.empty))


def _comparable(field: Field, value: Any) -> Any:
    match field.type:
        case "guid":
            return str(value or EMPTY_ID).lower()
        case "code":
            return str(value).upper()
        case "date":
            return value or EMPTY_DATE
        case "moment":
            return ticks(value) if value else 0
        case "decimal" | "integer":
            return float(value)
    return value


def _both(left: _Part, right: _Part) -> _Part:
    return _Part(lambda row: left.test(row) and right.test(row), left.fields | right.fields)


def _either(left: _Part, right: _Part) -> _Part:
    return _Part(lambda row: left.test(row) or right.test(row), left.fields)


def _syntax(text: str) -> Refusal:
    return bad_request(f"Syntax error at position {len(text)} in '{text}'.")
