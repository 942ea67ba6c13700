"""Query options: $filter, $select, $orderby, $top, $skip, $count, $expand, and pages by Prefer: odata.maxpagesize."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from system_apis.erp.business_central.sandbox.books import Books, shown
from system_apis.erp.business_central.sandbox.entities import BY_API
from system_apis.erp.business_central.sandbox.filters import Row, Test, parse_filter, unknown_property
from system_apis.erp.business_central.sandbox.refusals import Refusal, bad_request
from system_apis.erp.business_central.sandbox.shapes import Entity, Navigation

MAX_PAGE = 20_000
_KNOWN = {"$filter", "$select", "$orderby", "$top", "$skip", "$count", "$expand", "$skiptoken", "$schemaversion"}
_PAGE_SIZE = re.compile(r"odata\.maxpagesize\s*=\s*(\d+)")
_ORDER = re.compile(r"^(?P<name>\w+)(?:\s+(?P<way>asc|desc))?$")


@dataclass(frozen=True)
class Expansion:
    """`$expand=dimensionValues($select=code)`: a navigation and what is asked of its records."""

    name: str
    query: "Query"


@dataclass(frozen=True)
class Query:
    """The options of one collection, understood."""

    entity: Entity
    test: Test
    select: tuple[str, ...] | None
    order: tuple[tuple[str, bool], ...]
    top: int | None
    skip: int
    count: bool
    start: int
    expansions: tuple[Expansion, ...]

    def found(self, rows: list[Row]) -> list[Row]:
        """All rows that fit, in order, before $skip and $top."""
        fitting = [row for row in rows if self.test(row)]
        for name, descending in reversed(self.order):
            fitting.sort(key=_sort_key(name), reverse=descending)
        return fitting


def parse_query(options: Mapping[str, str], entity: Entity) -> Query:
    """Raises Refusal 400 for an option or a property that does not exist, 413 for a $top beyond the page limit."""
    unknown = next((name for name in options if name.startswith("$") and name not in _KNOWN), None)
    if unknown is not None:
        raise bad_request(f"The query parameter '{unknown}' is not supported.")
    top = _whole(options, "$top")
    if top is not None and top > MAX_PAGE:
        raise Refusal(413, "RequestEntityTooLarge", f"The maximum page size is {MAX_PAGE} entities.")
    return Query(
        entity=entity,
        test=parse_filter(options["$filter"], entity) if options.get("$filter") else lambda _: True,
        select=_selected(options["$select"], entity) if options.get("$select") else None,
        order=tuple(_ordered(part.strip(), entity) for part in options.get("$orderby", "").split(",") if part.strip()),
        top=top,
        skip=_whole(options, "$skip") or 0,
        count=options.get("$count", "false") == "true",
        start=_token_place(options["$skiptoken"]) if "$skiptoken" in options else 0,
        expansions=tuple(_expansions(options.get("$expand", ""), entity)),
    )


def page(
    query: Query, rows: list[Row], books: Books, *, context: str, url: str, options: Mapping[str, str], prefer: str
) -> dict[str, Any]:
    """The envelope: context, count when asked, value, and a nextLink while there is more."""
    found = query.found(rows)
    end = len(found) if query.top is None else min(len(found), query.skip + query.top)
    begin = query.skip + query.start
    size = _page_size(prefer)
    chosen = found[begin : min(end, begin + size)]
    body: dict[str, Any] = {"@odata.context": context + _selection(query)}
    if query.count:
        body["@odata.count"] = len(found)
    body["value"] = [represented(query, row, books) for row in chosen]
    if begin + size < end:
        body["@odata.nextLink"] = _next_link(url, options, query.start + size)
    return body


def represented(query: Query, row: Row, books: Books) -> dict[str, Any]:
    """One record with what $select leaves and $expand adds."""
    record = shown(query.entity, row, query.select)
    for expansion in query.expansions:
        navigation = query.entity.navigations[expansion.name]
        theirs = _related(books, navigation, expansion.query.entity, row)
        records = [represented(expansion.query, other, books) for other in expansion.query.found(theirs)]
        record[expansion.name] = records if navigation.many else next(iter(records), None)
    return record


def _related(books: Books, navigation: Navigation, target: Entity, row: Row) -> list[Row]:
    if navigation.part:
        return books.parts(target, row)
    related = books.rows(target, row["companyId"])
    return [other for other in related if other.get(navigation.theirs) == row.get(navigation.ours)]


def _selection(query: Query) -> str:
    return f"({','.join(query.select)})" if query.select else ""


def _page_size(prefer: str) -> int:
    match = _PAGE_SIZE.search(prefer)
    return min(MAX_PAGE, max(1, int(match[1]))) if match else MAX_PAGE


def _next_link(url: str, options: Mapping[str, str], place: int) -> str:
    token = base64.urlsafe_b64encode(json.dumps({"after": place}).encode()).decode()
    return f"{url}?{urlencode(dict(options) | {'$skiptoken': token}, quote_via=quote, safe='$')}"


def _token_place(token: str) -> int:
    try:
        return int(json.loads(base64.urlsafe_b64decode(token.encode()))["after"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request("The skip token is not valid.") from error


def _whole(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise bad_request(f"Invalid value '{text}' for {name} query option found. It requires a non-negative integer.")
    return int(text)


def _selected(text: str, entity: Entity) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if entity.field(name) is None:
            raise unknown_property(name, entity)
    return names


def _ordered(part: str, entity: Entity) -> tuple[str, bool]:
    match = _ORDER.match(part)
    if match is None:
        raise bad_request(f"Syntax error in '$orderby={part}'.")
    if entity.field(match["name"]) is None:
        raise unknown_property(match["name"], entity)
    return match["name"], match["way"] == "desc"


def _sort_key(name: str) -> Callable[[Row], tuple[str, Any]]:
    """Values of one field are of one type; a missing one sorts first."""

    def key(row: Row) -> tuple[str, Any]:
        value = row.get(name, "")
        return type(value).__name__, value

    return key


def _expansions(text: str, entity: Entity) -> list[Expansion]:
    """Parts are divided by commas outside brackets; options inside them by semicolons, expansions among them."""
    found: list[Expansion] = []
    for part in _divided(text, ","):
        name, _, inner = part.partition("(")
        navigation = entity.navigations.get(name)
        if navigation is None:
            raise unknown_property(name, entity)
        pairs = (option.partition("=") for option in _divided(inner.removesuffix(")"), ";"))
        options = {key.strip(): value for key, _, value in pairs}
        found.append(Expansion(name, parse_query(options, BY_API[entity.api][navigation.target])))
    return found


def _divided(text: str, mark: str) -> list[str]:
    """The pieces of *text* between the marks that stand outside brackets."""
    pieces, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == mark and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [piece.strip() for piece in pieces if piece.strip()]
