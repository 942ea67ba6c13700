"""SCIM filters: a small parser and what a filter selects (RFC 7644 section 3.4.2.2).

Besides the standard's grammar it takes Entra's `emails[type eq "work"].value eq "ada@example.com"`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from system_apis.identity.scim.sandbox.attributes import Attribute, Record, ResourceType, as_list, resolve, values
from system_apis.identity.scim.sandbox.refusals import invalid_filter

OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "pr", "gt", "ge", "lt", "le"})
_TOKEN = re.compile(r'\s*(?:(?P<mark>[()\[\]])|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[^\s()\[\]"]+))')
_DEEPEST = 50  # parentheses within parentheses

# What a name means where the filter stands: its definition and the values there are; none for an unknown name.
Scope = Callable[[str], "tuple[Attribute, list[Any]] | None"]


@dataclass(frozen=True)
class Comparison:
    path: str
    operator: str
    operand: Any = None


@dataclass(frozen=True)
class Selection:
    """`emails[...]`; with `then`, a comparison of a sub-attribute of what was selected."""

    path: str
    where: "Node"
    then: Comparison | None = None


@dataclass(frozen=True)
class Negation:
    node: "Node"


@dataclass(frozen=True)
class Junction:
    """`and` when `every`, else `or`."""

    every: bool
    nodes: tuple["Node", ...]


Node = Comparison | Selection | Negation | Junction


def parse(text: str) -> Node:
    """Raises invalidFilter."""
    parser = _Parser(_tokens(text))
    node = parser.alternatives()
    if parser.peek() is not None:
        raise invalid_filter(f"Unexpected {parser.peek()}")
    return node


def in_resource(record: Record, resource_type: ResourceType) -> Scope:
    def look(name: str) -> tuple[Attribute, list[Any]] | None:
        target = resolve(resource_type, name)
        leaf = None if target is None else target.leaf()
        if target is None or leaf is None or leaf.returned == "never":
            return None
        return leaf, values(record, target)

    return look


def in_element(element: Any, attribute: Attribute) -> Scope:
    """Inside the brackets of a value path: the names of the sub-attributes."""

    def look(name: str) -> tuple[Attribute, list[Any]] | None:
        part = attribute.part(name)
        return None if part is None else (part, as_list(element.get(part.name)))

    return look


def matches(node: Node, scope: Scope) -> bool:
    """Raises invalidFilter for an unknown name or a comparison that its type does not have."""
    match node:
        case Comparison():
            return _compare(node, scope)
        case Negation(inner):
            return not matches(inner, scope)
        case Junction(every, nodes):
            found = [matches(one, scope) for one in nodes]  # all of them: each may be refused
            return all(found) if every else any(found)
        case Selection(path, where, then):
            attribute, elements = _looked_up(path, scope)
            matches(where, in_element({}, attribute))  # unknown names are refused even where there is no element
            scopes = (in_element(one, attribute) for one in elements if isinstance(one, dict))
            chosen = [one for one in scopes if matches(where, one)]
            return any(then is None or matches(then, one) for one in chosen)


def equalities(node: Node) -> Record | None:
    """What an element must hold to be selected, where the filter says just that; else none."""
    match node:
        case Comparison(path, "eq", operand):
            return {path: operand}
        case Junction(True, nodes):
            found = [equalities(one) for one in nodes]
            return None if None in found else {k: v for one in found for k, v in (one or {}).items()}
    return None


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    place = 0
    text = text.rstrip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise invalid_filter(f"Cannot read the filter at {text[place : place + 20]}")
        found.append(token[0].strip())
        place = token.end()
    return found


class _Parser:
    """`or` binds weakest, then `and`, then `not`."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def peek(self) -> str | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def alternatives(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise invalid_filter("The filter is nested too deeply")
        nodes = [self._conjunction()]
        while self._accepts("or"):
            nodes.append(self._conjunction())
        self._depth -= 1
        return nodes[0] if len(nodes) == 1 else Junction(False, tuple(nodes))  # noqa: FBT003  see Junction

    def _conjunction(self) -> Node:
        nodes = [self._term()]
        while self._accepts("and"):
            nodes.append(self._term())
        return nodes[0] if len(nodes) == 1 else Junction(True, tuple(nodes))  # noqa: FBT003  see Junction

    def _term(self) -> Node:
        if self._accepts("not"):
            self._demand("(")
            return Negation(self._closed(")"))
        if self._accepts("("):
            return self._closed(")")
        path = self._take()
        if path[0] in '"()[]':
            raise invalid_filter(f"An attribute is expected, not {path}")
        if not self._accepts("["):
            return self._comparison(path)
        where = self._closed("]")
        following = self.peek()
        if following is None or not following.startswith("."):
            return Selection(path, where)
        return Selection(path, where, self._comparison(self._take()[1:]))

    def _comparison(self, path: str) -> Comparison:
        operator = self._take().casefold()
        if operator not in OPERATORS:
            raise invalid_filter(f"Unknown operator {operator}")
        if operator == "pr":
            return Comparison(path, operator)
        token = self._take()
        try:
            operand = json.loads(token.casefold() if token[0] != '"' else token)
        except json.JSONDecodeError as error:
            raise invalid_filter(f"{token} is not a value") from error
        return Comparison(path, operator, operand)

    def _closed(self, end: str) -> Node:
        node = self.alternatives()
        self._demand(end)
        return node

    def _accepts(self, word: str) -> bool:
        token = self.peek()
        if token is None or token.casefold() != word:
            return False
        self._place += 1
        return True

    def _demand(self, word: str) -> None:
        if not self._accepts(word):
            raise invalid_filter(f"{word} is expected")

    def _take(self) -> str:
        token = self.peek()
        if token is None:
            raise invalid_filter("The filter ends too early")
        self._place += 1
        return token


def _looked_up(path: str, scope: Scope) -> tuple[Attribute, list[Any]]:
    found = scope(path)
    if found is None:
        raise invalid_filter(f"Unknown attribute {path}")
    return found


def _compare(asked: Comparison, scope: Scope) -> bool:
    attribute, found = _looked_up(asked.path, scope)
    if asked.operator == "pr":
        return any(value not in ("", [], {}) for value in found)
    if attribute.parts:
        # A complex attribute stands for its `value`.
        part = attribute.part("value")
        if part is None:
            raise invalid_filter(f"{asked.path} needs a sub-attribute")
        attribute, found = part, [one["value"] for one in found if "value" in one]
    if asked.operand is None:
        return (not found) == (asked.operator == "eq")
    if asked.operator == "ne":
        return not any(_holds(attribute, "eq", value, asked.operand) for value in found)
    return any(_holds(attribute, asked.operator, value, asked.operand) for value in found)


def _holds(attribute: Attribute, operator: str, value: Any, operand: Any) -> bool:
    if attribute.type == "boolean" and operator != "eq":
        raise invalid_filter(f"{attribute.name} is true or false, and has no {operator}")
    left, right = _comparable(attribute, value), _comparable(attribute, operand)
    if type(left) is not type(right):
        return False
    return bool(_TESTS[operator](left, right))


_TESTS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda left, right: left == right,
    "co": lambda left, right: str(right) in str(left),
    "sw": lambda left, right: str(left).startswith(str(right)),
    "ew": lambda left, right: str(left).endswith(str(right)),
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}


def _comparable(attribute: Attribute, value: Any) -> Any:
    if attribute.type == "dateTime" and isinstance(value, str):
        return moment(value)
    if attribute.type == "boolean" and isinstance(value, str):
        return value.casefold() == "true"
    if isinstance(value, str):
        return value if attribute.case_exact else value.casefold()
    return value if isinstance(value, bool) else float(value)


def moment(text: str) -> datetime:
    """Raises invalidFilter."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid_filter(f"{text} is not a moment") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
