"""Reads a subset of SOQL. Source: "SOQL and SOSL Reference", SELECT syntax.

SELECT fields, parent.fields and one level of child subqueries, or COUNT(); FROM one object; WHERE with = != < <= > >=
IN, NOT IN, LIKE, AND, OR, NOT and parentheses; ORDER BY with ASC, DESC, NULLS FIRST, NULLS LAST; LIMIT; OFFSET.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from system_apis.crm.salesforce.sandbox.identifiers import moment_of
from system_apis.crm.salesforce.sandbox.refusals import Refusal

Value = str | bool | Decimal | date | datetime | None
T = TypeVar("T")
COMPARISONS = ("!=", "<>", "<=", ">=", "=", "<", ">")


@dataclass(frozen=True)
class Path:
    """A field, reached over parents: `Account.Name` is ("Account", "Name"). `at` is where it stands in the text."""

    parts: tuple[str, ...]
    at: int = 0


@dataclass(frozen=True)
class Compare:
    """One condition. `operator` is a comparison, IN, NOT IN or LIKE; `value` is a tuple for the two INs."""

    path: Path
    operator: str
    value: Value | tuple[Value, ...]


@dataclass(frozen=True)
class Both:
    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Either:
    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Negated:
    part: "Condition"


Condition = Compare | Both | Either | Negated


@dataclass(frozen=True)
class Order:
    path: Path
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, kw_only=True)
class Query:
    """A whole query or a child subquery. `fields` holds paths and subqueries, in the order asked for."""

    text: str
    source: str
    source_at: int
    fields: tuple["Path | Query", ...] = ()
    count: bool = False
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    |(?P<day>\d{4}-\d\d-\d\d)
    |(?P<number>[+-]?(?:\d+(?:\.\d+)?|\.\d+))
    |(?P<name>[A-Za-z]\w*(?:\.[A-Za-z]\w*)*)
    |(?P<sign>!=|<>|<=|>=|=|<|>|\(|\)|,)""",
    re.VERBOSE | re.ASCII,
)
_CONSTANTS = {"true": True, "false": False, "null": None}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\"}


def parse(text: str) -> Query:
    """The query in the text. Raises MALFORMED_QUERY."""
    reader = _Reader(text)
    query = reader.query()
    reader.expect_end()
    return query


def error_at(text: str, at: int, message: str) -> str:
    """A message with the caret art in front of it: Salesforce shows the neighbourhood and the place."""
    around = text[max(0, at - 30) : at + 30].replace("\n", " ")
    return f"\n{around}\n{' ' * min(at, 30)}^\nERROR at Row:1:Column:{at + 1}\n{message}"


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Refusal(400, "MALFORMED_QUERY", error_at(text, at, f"unexpected token: '{text[at]}'"))
        if match.lastgroup != "space":
            found.append(_Token(match.lastgroup, match.group(), at))
        at = match.end()
    return [*found, _Token("end", "<EOF>", at)]


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._place = 0

    def query(self) -> Query:
        self._word("SELECT")
        count, fields = self._selection()
        self._word("FROM")
        source = self._take("name")
        where = self._any_of() if self._has("WHERE") else None
        order = self._ordering() if self._has("ORDER") else ()
        return Query(
            text=self._text,
            source=source.text,
            source_at=source.at,
            fields=fields,
            count=count,
            where=where,
            order=order,
            limit=self._number() if self._has("LIMIT") else None,
            offset=self._number() if self._has("OFFSET") else 0,
        )

    def expect_end(self) -> None:
        if self._now.kind != "end":
            raise self._unexpected()

    @property
    def _now(self) -> _Token:
        return self._tokens[self._place]

    def _selection(self) -> tuple[bool, tuple[Path | Query, ...]]:
        if self._now.text.upper() == "COUNT" and self._tokens[self._place + 1].text == "(":
            self._place += 2
            self._sign(")")
            return True, ()
        return False, self._listed(self._selected)

    def _selected(self) -> Path | Query:
        if self._now.text != "(":
            return self._path()
        self._sign("(")
        subquery = self.query()
        self._sign(")")
        return subquery

    def _any_of(self) -> Condition:
        """Conditions joined by AND or by OR; mixing them needs parentheses, as at Salesforce."""
        parts = [self._one()]
        joiner = self._now.text.upper()
        if joiner not in {"AND", "OR"}:
            return parts[0]
        while self._has(joiner):
            parts.append(self._one())
        if self._now.text.upper() in {"AND", "OR"}:
            raise self._unexpected()
        return Both(tuple(parts)) if joiner == "AND" else Either(tuple(parts))

    def _one(self) -> Condition:
        if self._has("NOT"):
            return Negated(self._one())
        if self._now.text == "(":
            self._sign("(")
            inner = self._any_of()
            self._sign(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Compare:
        path = self._path()
        if self._now.text in COMPARISONS:
            operator = self._advance().text
            return Compare(path, "!=" if operator == "<>" else operator, self._value())
        if self._has("LIKE"):
            return Compare(path, "LIKE", self._value())
        negated = self._has("NOT")
        self._word("IN")
        self._sign("(")
        values = self._listed(self._value)
        self._sign(")")
        return Compare(path, "NOT IN" if negated else "IN", values)

    def _ordering(self) -> tuple[Order, ...]:
        self._word("BY")
        return self._listed(self._order)

    def _order(self) -> Order:
        path = self._path()
        descending = self._has("DESC")
        if not descending:
            self._has("ASC")
        if not self._has("NULLS"):
            return Order(path, descending)
        last = self._has("LAST")
        if not last:
            self._word("FIRST")
        return Order(path, descending, last)

    def _path(self) -> Path:
        token = self._take("name")
        return Path(tuple(token.text.split(".")), token.at)

    def _value(self) -> Value:
        token = self._advance()
        match token.kind:
            case "text":
                return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], "\\" + found[1]), token.text[1:-1])
            case "number":
                return Decimal(token.text)
            case "moment" | "day":
                return self._moment(token)
            case "name" if token.text.lower() in _CONSTANTS:
                return _CONSTANTS[token.text.lower()]
            case _:
                self._place -= 1
                raise self._unexpected()

    def _moment(self, token: _Token) -> date | datetime:
        try:
            return date.fromisoformat(token.text) if token.kind == "day" else moment_of(token.text)
        except ValueError as error:
            self._place -= 1
            raise self._unexpected() from error

    def _listed(self, item: Callable[[], T]) -> tuple[T, ...]:
        items = [item()]
        while self._now.text == ",":
            self._advance()
            items.append(item())
        return tuple(items)

    def _number(self) -> int:
        token = self._take("number")
        if not token.text.isdigit():
            self._place -= 1
            raise self._unexpected()
        return int(token.text)

    def _has(self, word: str) -> bool:
        """Whether the word stands here; goes past it."""
        found = self._now.kind == "name" and self._now.text.upper() == word
        self._place += found
        return found

    def _word(self, word: str) -> None:
        if not self._has(word):
            raise self._unexpected()

    def _sign(self, sign: str) -> None:
        if self._now.text != sign:
            raise self._unexpected()
        self._place += 1

    def _take(self, kind: str) -> _Token:
        if self._now.kind != kind:
            raise self._unexpected()
        return self._advance()

    def _advance(self) -> _Token:
        token = self._now
        if token.kind == "end":
            raise self._unexpected()
        self._place += 1
        return token

    def _unexpected(self) -> Refusal:
        message = error_at(self._text, self._now.at, f"unexpected token: '{self._now.text}'")
        return Refusal(400, "MALFORMED_QUERY", message)
