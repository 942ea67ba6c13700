"""Queries: filter, sort, a window, and which attributes (RFC 7644 sections 3.4.2, 3.4.3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from system_apis.identity.scim.sandbox.attributes import Record, ResourceType, as_list, resolve, values
from system_apis.identity.scim.sandbox.filters import in_resource, matches, moment, parse
from system_apis.identity.scim.sandbox.refusals import RefusalError, invalid_syntax, invalid_value
from system_apis.identity.scim.sandbox.schemas import RESOURCE_TYPES
from system_apis.identity.scim.sandbox.shaping import shown
from system_apis.identity.scim.sandbox.world import World

LIST_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
SEARCH_URN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
DEFAULT_COUNT = 100
_NAMES = ("filter", "sortBy", "sortOrder", "startIndex", "count", "attributes", "excludedAttributes", "cursor")

Asked = Mapping[str, Any]


def asked_in_query(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Unknown parameters are ignored."""
    return {name: parameters[name] for name in _NAMES if name in parameters}


def asked_in_body(body: Record) -> dict[str, Any]:
    if SEARCH_URN not in as_list(body.get("schemas")):
        raise invalid_syntax(f"schemas must contain {SEARCH_URN}")
    return {name: body[name] for name in _NAMES if body.get(name) is not None}


def listed(world: World, resource_types: Sequence[ResourceType], asked: Asked) -> Record:
    """The answer to a query over one resource type, or over several as the base of the server allows."""
    if "cursor" in asked:
        raise RefusalError(501, "Cursor-based pagination is not implemented")
    found: list[tuple[ResourceType, Record]] = []
    for resource_type in resource_types:
        found += [(resource_type, one) for one in _selected(world, resource_type, asked)]
    if asked.get("sortBy"):
        found = _sorted(found, str(asked["sortBy"]), str(asked.get("sortOrder", "ascending")))
    start = max(_number(asked, "startIndex", 1), 1)
    count = min(max(_number(asked, "count", DEFAULT_COUNT), 0), world.max_results)
    page = found[start - 1 : start - 1 + count]
    answer: Record = {
        "schemas": [LIST_URN],
        "totalResults": len(found),
        "startIndex": start,
        "itemsPerPage": len(page),
    }
    # Where nothing is found the standard lets Resources be absent, and many servers leave it out.
    return answer | {"Resources": [represented(*one, asked) for one in page]} if page else answer


def represented(resource_type: ResourceType, record: Record, asked: Asked) -> Record:
    return shown(resource_type, record, _names(asked, "attributes"), _names(asked, "excludedAttributes"))


def _selected(world: World, resource_type: ResourceType, asked: Asked) -> list[Record]:
    if not asked.get("filter"):
        return world.all(resource_type)
    node = parse(str(asked["filter"]))
    matches(node, in_resource({}, resource_type))  # unknown names are refused even where there is no record
    return [one for one in world.all(resource_type) if matches(node, in_resource(one, resource_type))]


def _sorted(found: list[tuple[ResourceType, Record]], by: str, order: str) -> list[tuple[ResourceType, Record]]:
    """Ascending, what has no value comes last; descending, first."""
    if order.casefold() not in {"ascending", "descending"}:
        raise invalid_value("sortOrder is ascending or descending")
    if not any(resolve(one, by) for one in RESOURCE_TYPES):
        raise invalid_value(f"Unknown attribute {by}")
    return sorted(found, key=lambda one: _rank(one[0], one[1], by), reverse=order.casefold() == "descending")


def _rank(resource_type: ResourceType, record: Record, by: str) -> tuple[bool, str]:
    target = resolve(resource_type, by)
    leaf = None if target is None else target.leaf()
    if target is None or leaf is None:
        return (True, "")
    if leaf.many:
        primary = [one for one in values(record, target) if isinstance(one, dict) and one.get("primary")]
        found = [one.get("value") for one in primary or values(record, target) if isinstance(one, dict)]
    else:
        found = values(record, target)
    if not found or found[0] is None:
        return (True, "")
    text = str(found[0])
    if leaf.type == "dateTime":
        return (False, moment(text).isoformat(timespec="microseconds"))
    return (False, text if leaf.case_exact else text.casefold())


def _number(asked: Asked, name: str, default: int) -> int:
    value = asked.get(name, default)
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise invalid_value(f"{name} is a whole number") from error


def _names(asked: Asked, name: str) -> list[str]:
    value = asked.get(name, "")
    return [one for one in (value.split(",") if isinstance(value, str) else value) if one]
