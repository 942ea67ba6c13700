"""Lists and searches: newest first, page by page, without a count. Sources: docs.stripe.com/api/pagination, /search."""

import re
from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox.accounts import Account, Call
from system_apis.billing.stripe.sandbox.parameters import Shape, text, whole
from system_apis.billing.stripe.sandbox.refusals import Body, Refusal, invalid, missing_resource
from system_apis.billing.stripe.sandbox.rendering import expanded, shown

DEFAULT_LIMIT = 10
SEARCH = Shape("query", query=text(unset=False), limit=whole(1, 100), page=text(unset=False))

_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}
_OPERATORS: Mapping[str, Callable[[int, int], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le}
# Fields that can be searched, by kind. Source: docs.stripe.com/search (query fields).
_SEARCHABLE: Mapping[str, frozenset[str]] = {
    "customer": frozenset({"created", "email", "metadata", "name", "phone"}),
    "product": frozenset({"active", "description", "metadata", "name", "shippable", "url"}),
    "price": frozenset({"active", "currency", "lookup_key", "metadata", "product", "type"}),
    "invoice": frozenset({"created", "currency", "customer", "metadata", "number", "status", "total"}),
}
_CLAUSE = re.compile(
    r"""\s*(?P<no>-?)(?P<field>[a-z_]+)(?:\[(?P<quote>['"])(?P<key>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\])?"""
    r"""\s*(?P<op>:|~|>=|<=|>|<)\s*(?:'(?P<single>(?:\\.|[^'\\])*)'|"(?P<double>(?:\\.|[^"\\])*)"|(?P<bare>[^\s'"]+))"""
    r"""\s*(?P<join>AND\s|OR\s|and\s|or\s|$)"""
)


def page(call: Call, url: str, records: list[Record], noun: str) -> Body:
    """One page of the records (oldest first), as `limit`, `starting_after` and `ending_before` say."""
    given = call.given
    limit = given.get("limit") or DEFAULT_LIMIT
    newest_first = records[::-1]
    if "starting_after" in given and "ending_before" in given:
        raise invalid("You cannot parameterize both starting_after and ending_before.", "starting_after")
    if "ending_before" in given:
        before = newest_first[: _place(newest_first, given["ending_before"], noun, "ending_before")]
        chosen, has_more = before[-limit:], len(before) > limit
    else:
        start = 0
        if "starting_after" in given:
            start = _place(newest_first, given["starting_after"], noun, "starting_after") + 1
        chosen, has_more = newest_first[start : start + limit], len(newest_first) > start + limit
    return _rendered(call, {"object": "list", "url": url, "has_more": has_more}, chosen)


def within(created: Mapping[str, int] | None, moment: int | None) -> bool:
    """Whether a moment lies in a range as parameters.created reads it."""
    if created is None:
        return True
    if moment is None:
        return False
    if "eq" in created:
        return moment == created["eq"]
    return all(_COMPARISONS[name](moment, limit) for name, limit in created.items())


def found_page(call: Call, kind: str) -> Body:
    """One page of what matches the query, newest first; a record appears only after the search lag."""
    matches = _query(call.given["query"], kind)
    now = call.account.exact_now()
    hits = [
        record
        for record in call.account.all(kind)
        if record.get("_searchable_at", 0) <= now and matches(shown(call.account, record))
    ][::-1]
    start = _page_number(call.given.get("page"))
    limit = call.given.get("limit") or DEFAULT_LIMIT
    chosen, has_more = hits[start : start + limit], len(hits) > start + limit
    head: Body = {"object": "search_result", "url": f"/v1/{kind}s/search", "has_more": has_more}
    head["next_page"] = f"page_{start + limit}" if has_more else None
    return _rendered(call, head, chosen)


def _rendered(call: Call, head: Body, records: list[Record]) -> Body:
    head["data"] = [shown(call.account, record) for record in records]
    return expanded(call.account, head, call.given.get("expand", ()))


def _place(records: list[Record], record_id: str, noun: str, param: str) -> int:
    for place, record in enumerate(records):
        if record["id"] == record_id:
            return place
    raise missing_resource(noun, record_id, param=param)


def _page_number(token: str | None) -> int:
    if token is None:
        return 0
    name, _, number = token.partition("_")
    if name != "page" or not number.isdecimal():
        raise invalid("Invalid page token", "page")
    return int(number)


def _query(query: str, kind: str) -> Callable[[Body], bool]:
    """A predicate. Clauses are joined by AND or by OR, never by both."""
    clauses: list[Callable[[Body], bool]] = []
    joins: set[str] = set()
    at = 0
    while at < len(query):
        match = _CLAUSE.match(query, at)
        if match is None:
            raise invalid(f"We were unable to parse your search query at '{query[at:]}'.", "query")
        clauses.append(_clause(match, kind))
        joins |= {match["join"].strip().upper()} - {""}
        at = match.end()
    if len(joins) > 1:
        raise invalid("You can't combine `AND` and `OR` in the same query.", "query")
    if not clauses:
        raise invalid("The search query must not be empty.", "query")
    combine = any if "OR" in joins else all
    return lambda body: combine(clause(body) for clause in clauses)


def _clause(match: re.Match[str], kind: str) -> Callable[[Body], bool]:
    field, key = match["field"], match["key"]
    if field not in _SEARCHABLE[kind]:
        message = f"Field `{field}` is an unsupported search field for resource `{kind}s`."
        raise invalid(message, "query")
    quoted = next((match[name] for name in ("single", "double") if match[name] is not None), None)
    wanted = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match["bare"]
    negated, null = match["no"] == "-", quoted is None and match["bare"] == "null"
    key = re.sub(r"\\(.)", r"\1", key) if key is not None else None

    def holds(body: Body) -> bool:
        value = body[field].get(key) if field == "metadata" else body.get(field)
        return (value is None if null else _compares(value, match["op"], wanted)) is not negated

    return holds


def _compares(value: Any, op: str, wanted: str) -> bool:
    if value is None:
        return False
    if op in {":", "~"}:
        have, want = _spoken(value).casefold(), wanted.casefold()
        return want in have if op == "~" else have == want
    if not isinstance(value, int) or not wanted.lstrip("-").isdecimal():
        raise invalid(f"The operator {op} compares numbers.", "query")
    return _OPERATORS[op](value, int(wanted))


def _spoken(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def deletion(account: Account, kind: str, record: Record, *, trace: bool) -> Body:
    """Delete the record; with `trace` its id still answers, saying that it is deleted."""
    stub = {"id": record["id"], "object": record["object"], "deleted": True}
    if trace:
        account.save(kind, stub)
    else:
        account.remove(kind, record["id"])
    return stub


def refuse_unless(condition: bool, message: str, code: str | None = None, param: str | None = None) -> None:
    """A rule of business: the refusal comes after the work has begun."""
    if not condition:
        raise Refusal(message, code=code, param=param)
