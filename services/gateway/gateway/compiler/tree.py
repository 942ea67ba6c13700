"""The routes as a tree: Envoy reads a list from its top, so what it costs to find a route would grow with every API.

Source: Envoy 1.40, `VirtualHost.matcher` and `RouteList`; the unified matching API, prefix maps.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = dict[str, Any]

_ROUTES = "type.googleapis.com/envoy.config.route.v3"
_PATH = {
    "name": "path",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        "header_name": ":path",
    },
}


def route_tree(by_prefix: Mapping[str, Sequence[Json]], others: Sequence[Json]) -> Json:
    """Of a request whose path has one of the prefixes (the longest) its routes alone are tried, else the others."""
    found = {prefix: _tried(routes) for prefix, routes in by_prefix.items()}
    tree = {"matcher_tree": {"input": _PATH, "prefix_match_map": {"map": found}}} if found else {}
    return {**tree, "on_no_match": _tried(others)}


def every_route(configuration: Json) -> Iterator[Json]:
    """Each route of a configuration, those under a prefix in the order in which they are tried."""
    matcher = configuration["virtual_hosts"][0]["matcher"]
    under = matcher["matcher_tree"]["prefix_match_map"]["map"].values() if "matcher_tree" in matcher else ()
    for branch in (*under, matcher["on_no_match"]):
        yield from branch["action"]["typed_config"]["routes"]


def _tried(routes: Sequence[Json]) -> Json:
    return {"action": {"name": "routes", "typed_config": {"@type": f"{_ROUTES}.RouteList", "routes": [*routes]}}}
