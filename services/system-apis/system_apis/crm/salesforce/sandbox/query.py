"""Answers a query: checks its names, filters, sorts and shows rows as the REST API shows them."""

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from system_apis.crm.salesforce.sandbox.records import Records, Row
from system_apis.crm.salesforce.sandbox.refusals import Refusal
from system_apis.crm.salesforce.sandbox.schema import NUMBERS, Field, SObject
from system_apis.crm.salesforce.sandbox.soql import (
    Both,
    Compare,
    Condition,
    Either,
    Negated,
    Order,
    Path,
    Query,
    error_at,
)
from system_apis.crm.salesforce.sandbox.values import comparable, criterion

MAX_OFFSET = 2000


class Answerer:
    """Answers one query, over the records as they are now. `deleted` also shows what is in the recycle bin."""

    def __init__(self, records: Records, version: str, *, deleted: bool = False) -> None:
        self._records = records
        self._version = version
        self._deleted = deleted
        self._parents: dict[tuple[str, str], Row | None] = {}

    def rows(self, query: Query) -> list[Row]:
        """The rows as the answer shows them. Raises INVALID_TYPE, INVALID_FIELD, INVALID_QUERY_FILTER_OPERATOR."""
        described = self._source(query)
        found = self._matching(query, described, self._candidates(query, described))
        children = self._children(query, described, {row["Id"] for row in found})
        return [self._shown(query, described, row, children) for row in found]

    def count(self, query: Query) -> int:
        described = self._source(query)
        return len(self._matching(query, described, self._candidates(query, described)))

    def show(self, described: SObject, row: Row, fields: Iterable[Field]) -> Row:
        """One row with some of its own fields."""
        shown: Row = {"attributes": self._attributes(described, row)}
        return shown | {field.name: shown_value(field, row.get(field.name)) for field in fields}

    def _source(self, query: Query) -> SObject:
        described = self._records.schema.find(query.source)
        if described is None:
            message = (
                f"sObject type '{query.source}' is not supported. If you are attempting to use a custom object, be sure"
                " to append the '__c' after the entity name. Please reference your WSDL or the describe call for the"
                " appropriate names."
            )
            raise Refusal(400, "INVALID_TYPE", error_at(query.text, query.source_at, message))
        return described

    def _candidates(self, query: Query, described: SObject) -> Iterable[Row]:
        """All rows, or the one that the query names by its id."""
        wanted = _only_id(query.where)
        if wanted is None:
            return self._records.shown(described.name)
        row = self._records.get(described.name, criterion(described.fields["Id"], wanted))
        return [] if row is None else [row]

    def _matching(self, query: Query, described: SObject, rows: Iterable[Row]) -> list[Row]:
        self._check(query, described)
        live = (row for row in rows if self._deleted or not row.get("IsDeleted"))
        found = [row for row in live if query.where is None or self._holds(query, described, query.where, row)]
        for order in reversed(query.order):
            found = self._sorted(query, described, order, found)
        if query.offset > MAX_OFFSET:
            raise Refusal(400, "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        end = None if query.limit is None else query.offset + query.limit
        return found[query.offset : end]

    def _check(self, query: Query, described: SObject) -> None:
        """Names are wrong whether or not a row is looked at."""
        paths = [selected for selected in query.fields if isinstance(selected, Path)]
        spelled = [".".join(path.parts).lower() for path in paths]
        doubled = next((name for name in spelled if spelled.count(name) > 1), None)
        if doubled is not None:
            raise Refusal(400, "INVALID_FIELD", f"duplicate field selected: {doubled}")
        for path in (*paths, *(order.path for order in query.order)):
            self._resolve(query, described, path)
        if query.where is not None:
            self._check_condition(query, described, query.where)

    def _check_condition(self, query: Query, described: SObject, condition: Condition) -> None:
        if isinstance(condition, Negated):
            self._check_condition(query, described, condition.part)
        elif isinstance(condition, Both | Either):
            for part in condition.parts:
                self._check_condition(query, described, part)
        else:
            field = self._resolve(query, described, condition.path)
            values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
            for value in values:
                criterion(field, value)

    def _resolve(self, query: Query, described: SObject, path: Path) -> Field:
        for relation in path.parts[:-1]:
            reference = described.parent(relation)
            if reference is None:
                message = f"Didn't understand relationship '{relation}' in field path. If you are attempting to use a"
                message += " custom relationship, be sure to append the '__r' after the custom relationship name."
                raise Refusal(400, "INVALID_FIELD", error_at(query.text, path.at, message))
            described = self._records.schema.objects[reference.refers]
        field = described.field(path.parts[-1])
        if field is None:
            message = f"No such column '{path.parts[-1]}' on entity '{described.name}'. If you are attempting to use a"
            message += " custom field, be sure to append the '__c' after the custom field name."
            raise Refusal(400, "INVALID_FIELD", error_at(query.text, path.at, message))
        return field

    def _value(self, described: SObject, row: Row | None, parts: tuple[str, ...]) -> Any:
        """The comparable value at the end of a path; null where a parent is missing."""
        for relation in parts[:-1]:
            reference = described.parent(relation)
            if row is None or reference is None:
                return None
            described = self._records.schema.objects[reference.refers]
            row = self._parent(described, row.get(reference.name))
        field = described.field(parts[-1])
        return None if row is None or field is None else comparable(field, row.get(field.name, _absent(field)))

    def _parent(self, described: SObject, row_id: str | None) -> Row | None:
        if row_id is None:
            return None
        key = (described.name, row_id)
        if key not in self._parents:
            self._parents[key] = self._records.get(*key)
        return self._parents[key]

    def _holds(self, query: Query, described: SObject, condition: Condition, row: Row) -> bool:
        if isinstance(condition, Both):
            return all(self._holds(query, described, part, row) for part in condition.parts)
        if isinstance(condition, Either):
            return any(self._holds(query, described, part, row) for part in condition.parts)
        if isinstance(condition, Negated):
            return not self._holds(query, described, condition.part, row)
        field = self._resolve(query, described, condition.path)
        return _compares(field, condition, self._value(described, row, condition.path.parts))

    def _sorted(self, query: Query, described: SObject, order: Order, rows: list[Row]) -> list[Row]:
        self._resolve(query, described, order.path)
        valued = [(self._value(described, row, order.path.parts), row) for row in rows]
        empty = [row for value, row in valued if value is None]
        full = [(value, row) for value, row in valued if value is not None]
        full.sort(key=lambda pair: pair[0], reverse=order.descending)
        ordered = [row for _, row in full]
        return [*ordered, *empty] if order.nulls_last else [*empty, *ordered]

    def _children(self, query: Query, parent: SObject, parents: set[str]) -> dict[str, dict[str, list[Row]]]:
        """For each child subquery, the rows that it shows by the id of their parent, for these parents."""
        found: dict[str, dict[str, list[Row]]] = {}
        for subquery in query.fields:
            if not isinstance(subquery, Query):
                continue
            relationship = self._records.schema.children(parent, subquery.source)
            if relationship is None:
                message = f"Didn't understand relationship '{subquery.source}' in FROM part of query call."
                raise Refusal(400, "INVALID_TYPE", error_at(query.text, subquery.source_at, message))
            child, reference = relationship
            families: dict[str, list[Row]] = defaultdict(list)
            for row in self._records.shown(child.name):
                if row.get(reference.name) in parents:
                    families[row[reference.name]].append(row)
            found[subquery.source] = {
                parent_id: [self._shown(subquery, child, row, {}) for row in self._matching(subquery, child, family)]
                for parent_id, family in families.items()
            }
            self._check(subquery, child)
        return found

    def _shown(self, query: Query, described: SObject, row: Row, children: dict[str, dict[str, list[Row]]]) -> Row:
        shown: Row = {"attributes": self._attributes(described, row)}
        for selected in query.fields:
            if isinstance(selected, Query):
                family = children[selected.source].get(row["Id"], [])
                name = next(iter(re.findall(r"\w+", selected.source)))
                shown[name] = {"totalSize": len(family), "done": True, "records": family} if family else None
            else:
                self._place(shown, described, row, selected.parts)
        return shown

    def _place(self, shown: Row, described: SObject, row: Row, parts: tuple[str, ...]) -> None:
        if len(parts) > 1:
            self._place_parent(shown, described, row, parts)
            return
        field = described.field(parts[0])
        if field is not None:
            shown[field.name] = shown_value(field, row.get(field.name, _absent(field)))

    def _place_parent(self, shown: Row, described: SObject, row: Row, parts: tuple[str, ...]) -> None:
        reference = described.parent(parts[0])
        if reference is None:
            return
        parent_type = self._records.schema.objects[reference.refers]
        parent = self._parent(parent_type, row.get(reference.name))
        if parent is None:
            shown[reference.relation] = None
            return
        nested = shown.get(reference.relation) or {"attributes": self._attributes(parent_type, parent)}
        self._place(nested, parent_type, parent, parts[1:])
        shown[reference.relation] = nested

    def _attributes(self, described: SObject, row: Row) -> Row:
        url = f"/services/data/v{self._version}/sobjects/{described.name}/{row['Id']}"
        return {"type": described.name, "url": url}


def shown_value(field: Field, value: Any) -> Any:
    """A value as JSON: numbers with decimals even where they are whole."""
    return float(value) if value is not None and field.type in NUMBERS else value


def _absent(field: Field) -> Any:
    """A checkbox is never null."""
    return False if field.type == "boolean" else None


def _only_id(condition: Condition | None) -> str | None:
    """The id that a condition asks for, if it can only be that one row."""
    if isinstance(condition, Both):
        return next((found for part in condition.parts if (found := _only_id(part)) is not None), None)
    if isinstance(condition, Compare) and condition.operator == "=" and isinstance(condition.value, str):
        return condition.value if [part.lower() for part in condition.path.parts] == ["id"] else None
    return None


def _compares(field: Field, condition: Compare, value: Any) -> bool:
    if isinstance(condition.value, tuple):
        among = value in [criterion(field, wanted) for wanted in condition.value]
        return among == (condition.operator == "IN")
    wanted = criterion(field, condition.value)
    if condition.operator in {"=", "!="}:
        return bool(value == wanted) == (condition.operator == "=")
    if value is None or wanted is None:
        return False
    return bool(_COMPARISONS[condition.operator](value, wanted))


def _like(pattern: str) -> re.Pattern[str]:
    pieces = {"%": ".*", "_": "."}
    return re.compile("".join(pieces.get(char) or re.escape(char) for char in pattern), re.DOTALL)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "LIKE": lambda value, pattern: _like(str(pattern)).fullmatch(str(value)) is not None,
}
