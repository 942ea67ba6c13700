"""Routes: only what a contract offers, each with its layer's token. Sources: RFC 8594, RFC 9745; Envoy 1.40, route."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from email.utils import format_datetime
from typing import Any

from gateway.compiler.clusters import PORTAL, page_cluster, service_cluster
from gateway.compiler.listener import CLAIMS, JWT_FILTER, LAYERS, ROUTES
from gateway.compiler.replies import METADATA
from gateway.compiler.topology import Topology
from gateway.compiler.tree import route_tree
from gateway.contracts import ENDED, Contract, Lifecycle, Operation
from servicekit.failures import Failure, Kind

Json = dict[str, Any]

_TYPE = "type.googleapis.com/envoy.extensions.filters.http"
_PARAMETER = re.compile(r"\{[^{}/]+\}")
_RESOURCE = re.compile(r"/v[0-9]+/[^{}/]+")
_HOST = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
_NOT_OFFERED = "/health"  # for whoever runs the services, not for callers

# What callers write and services must not believe. `x-envoy-*` is removed before, whatever follows it.
UNTRUSTED = (
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-client-cert",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-real-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "forwarded",
    "baggage",
)

# Envoy's own, needed on this side for the access log (the path as it was called), of no use to callers.
INTERNAL = ("x-envoy-upstream-service-time", "x-envoy-original-path", "x-envoy-decorator-operation")


def route_configuration(contracts: Sequence[Contract], topology: Topology) -> Json:
    """Every route, the more exact first; the rest is 404. MISCONFIGURED when contracts and topology disagree."""
    resources = {prefix: _closed(routes) for prefix, routes in _api_routes(contracts, topology).items()}
    others = _closed([*_hook_routes(contracts, topology), *_public_routes(topology)])
    return {
        "name": ROUTES,
        "virtual_hosts": [{"name": "edge", "domains": ["*"], "matcher": route_tree(resources, others)}],
        "request_headers_to_remove": list(UNTRUSTED),
        "response_headers_to_remove": list(INTERNAL),
        "response_headers_to_add": [
            _header("x-content-type-options", "nosniff", "ADD_IF_ABSENT"),
            *([_header("strict-transport-security", "max-age=31536000", "ADD_IF_ABSENT")] if topology.tls else []),
        ],
    }


def offered(contracts: Iterable[Contract], topology: Topology) -> tuple[Contract, ...]:
    """The APIs that callers reach: of a layer the edge offers, and with an address."""
    return tuple(contract for contract in contracts if contract.layer in LAYERS and contract.key in topology.services)


def _closed(routes: Sequence[Json]) -> list[Json]:
    """Without a bad Host before them, and with an end: what finds no route would need every layer's token."""
    return [_misaddressed(), *routes, _answer({"prefix": "/"}, 404, name="nothing")]


def _api_routes(contracts: Sequence[Contract], topology: Topology) -> dict[str, list[Json]]:
    """By the path of the resource that they are below."""
    by_path: dict[str, list[tuple[Contract, Operation]]] = defaultdict(list)
    for contract in offered(contracts, topology):
        for operation in contract.operations:
            if not operation.path.startswith(_NOT_OFFERED):
                _check(contract, operation)
                by_path[contract.edge_prefix + operation.path].append((contract, operation))
    _refuse_doubles(by_path)
    found: dict[str, list[Json]] = defaultdict(list)
    for path in sorted(by_path, key=_exactness):
        found[_resource(*by_path[path][0])] += [
            *(_api_route(contract, operation, topology) for contract, operation in by_path[path]),
            _wrong_method(path, {operation.method for _, operation in by_path[path]}),
        ]
    return found


def _check(contract: Contract, operation: Operation) -> None:
    where = f"{contract.key} {operation.method} {operation.path}"
    if not operation.secured:
        raise Failure(Kind.MISCONFIGURED, f"{where} states no security, so it cannot be offered")
    if not operation.path.startswith(f"/v{contract.major}/"):
        raise Failure(Kind.MISCONFIGURED, f"{where} does not begin with /v{contract.major}/")


def _resource(contract: Contract, operation: Operation) -> str:
    found = _RESOURCE.match(operation.path)
    if found is None:
        where = f"{contract.key} {operation.method} {operation.path}"
        raise Failure(Kind.MISCONFIGURED, f"{where} names no resource behind /v{contract.major}/")
    return contract.edge_prefix + found[0]


def _refuse_doubles(by_path: dict[str, list[tuple[Contract, Operation]]]) -> None:
    """Two paths that differ only in their parameters' names are one path; each method may stand there once."""
    seen: dict[tuple[str, str], str] = {}
    for path, group in by_path.items():
        for contract, operation in group:
            one = (operation.method, _PARAMETER.sub("{}", path))
            if one in seen:
                raise Failure(
                    Kind.MISCONFIGURED, f"{operation.method} {path} is offered by {seen[one]} and {contract.key}"
                )
            seen[one] = contract.key


def _exactness(path: str) -> tuple[tuple[int, str], ...]:
    """Literal segments come before parameters at the first place where two paths differ."""
    return tuple((1 if _PARAMETER.search(segment) else 0, segment) for segment in path.split("/"))


def _api_route(contract: Contract, operation: Operation, topology: Topology) -> Json:
    path = contract.edge_prefix + operation.path
    labels = {"api": contract.key, "resource": contract.edge_path}
    match = {**_path_match(path), "headers": [_method(operation.method)]}
    if operation.lifecycle.state in ENDED:
        return {
            **_answer(match, Kind.GONE.status, name=f"{contract.key}:{operation.id}", labels=labels),
            "response_headers_to_add": _lifecycle_headers(contract, operation.lifecycle, topology.origin),
        }
    return {
        "name": f"{contract.key}:{operation.id}",
        "match": match,
        "route": {
            "cluster": service_cluster(contract.key),
            "regex_rewrite": {"pattern": {"regex": f"^{re.escape(contract.edge_prefix)}/"}, "substitution": "/"},
            **_patience(contract, operation, topology),
            "rate_limits": [_count_client()],
        },
        "metadata": _labels(labels),
        "typed_per_filter_config": _token(contract.layer),
        "response_headers_to_add": _lifecycle_headers(contract, operation.lifecycle, topology.origin),
    }


def _path_match(path: str) -> Json:
    if not _PARAMETER.search(path):
        return {"path": path}
    pattern = "".join(
        "[^/]+" if _PARAMETER.fullmatch(part) else re.escape(part) for part in re.split(r"(\{[^{}/]+\})", path)
    )
    return {"safe_regex": {"regex": pattern}}


def _patience(contract: Contract, operation: Operation, topology: Topology) -> Json:
    """Only what surely never reached the service is repeated."""
    retry = {"retry_on": "connect-failure,refused-stream", "num_retries": 2}
    if operation.streams:
        return {"timeout": "0s", "idle_timeout": "300s", "retry_policy": retry}
    seconds = operation.timeout_s or topology.timeouts_s.get(contract.key, topology.timeout_s)
    return {"timeout": f"{seconds}s", "retry_policy": retry}


def _wrong_method(path: str, methods: Iterable[str]) -> Json:
    allow = _header("allow", ", ".join(sorted(methods)), "OVERWRITE_IF_EXISTS_OR_ADD")
    return {
        **_answer(_path_match(path), Kind.NOT_ALLOWED.status, name="wrong-method"),
        "response_headers_to_add": [allow],
    }


def _hook_routes(contracts: Sequence[Contract], topology: Topology) -> list[Json]:
    by_key = {contract.key: contract for contract in contracts}
    routes = []
    for connection, key in sorted(topology.hooks.items()):
        contract = by_key.get(key)
        hooks = [operation for operation in contract.operations if operation.hook] if contract else []
        if contract is None or not hooks or key not in topology.services:
            raise Failure(
                Kind.MISCONFIGURED, f"the hook {connection} names {key}, which has no address or no hook operation"
            )
        routes += [_hook_route(contract, hook, connection, topology) for hook in hooks]
        routes.append(_wrong_method(f"/hooks/{connection}", {hook.method for hook in hooks}))
    return routes


def _hook_route(contract: Contract, hook: Operation, connection: str, topology: Topology) -> Json:
    """No token: the vendor's signature over the body is proof, and the service checks it."""
    return {
        "name": f"{contract.key}:{hook.id}",
        "match": {"path": f"/hooks/{connection}", "headers": [_method(hook.method)]},
        "route": {
            "cluster": service_cluster(contract.key),
            "prefix_rewrite": _PARAMETER.sub(lambda _: connection, hook.path),
            **_patience(contract, hook, topology),
            "rate_limits": [{"actions": [{"generic_key": {"descriptor_key": "hook", "descriptor_value": connection}}]}],
        },
        "metadata": _labels({"api": contract.key}),
        "typed_per_filter_config": _no_token(),
    }


def _public_routes(topology: Topology) -> list[Json]:
    pages = sorted(topology.pages, key=len, reverse=True)
    return [
        _alive(),
        *(_page_route(prefix, PORTAL, topology) for prefix in ("/oauth", "/docs", "/.well-known")),
        *(
            route
            for prefix in pages
            for route in (
                _page_route(prefix, page_cluster(prefix), topology, methods=("GET", "HEAD")),
                {
                    **_answer({"path_separated_prefix": prefix}, Kind.NOT_ALLOWED.status, name="wrong-method"),
                    "response_headers_to_add": [_header("allow", "GET, HEAD", "OVERWRITE_IF_EXISTS_OR_ADD")],
                },
            )
        ),
        {
            "name": "home",
            "match": {"path": "/"},
            "redirect": {"path_redirect": topology.home, "response_code": "FOUND"},
            "typed_per_filter_config": _no_token(),
        },
    ]


def _misaddressed() -> Json:
    """Two Hosts, which Envoy joins with a comma, or one that is no host: 400 (RFC 9112 section 3.2)."""
    unfit = {"name": ":authority", "string_match": {"safe_regex": {"regex": _HOST}}, "invert_match": True}
    return _answer({"prefix": "/", "headers": [unfit]}, Kind.MALFORMED.status, name="misaddressed")


def _alive() -> Json:
    """The edge's own liveness, for a load balancer in front."""
    match = {"path": "/health/live", "headers": [_method("GET")]}
    return {
        **_answer(match, 200, name="alive"),
        "direct_response": {"status": 200, "body": {"inline_string": "alive\n"}},
    }


def _page_route(prefix: str, cluster: str, topology: Topology, methods: Sequence[str] = ()) -> Json:
    headers = [{"name": ":method", "string_match": {"safe_regex": {"regex": "|".join(methods)}}}] if methods else []
    return {
        "name": prefix.strip("/"),
        "match": {"path_separated_prefix": prefix, "headers": headers},
        "route": {
            "cluster": cluster,
            "timeout": f"{topology.timeout_s}s",
            "retry_policy": {"retry_on": "connect-failure,refused-stream", "num_retries": 2},
            "rate_limits": [{"actions": [{"remote_address": {}}]}],
        },
        "metadata": _labels({"api": cluster}),
        "typed_per_filter_config": _no_token(),
    }


def _answer(match: Json, status: int, *, name: str, labels: dict[str, str] | None = None) -> Json:
    """Answered by the edge itself; the body comes from replies.py."""
    return {
        "name": name,
        "match": match,
        "direct_response": {"status": status},
        "metadata": _labels(labels or {}),
        "typed_per_filter_config": _no_token(),
    }


def _labels(labels: dict[str, str]) -> Json:
    return {"filter_metadata": {METADATA: labels}}


def _method(method: str) -> Json:
    return {"name": ":method", "string_match": {"exact": method}}


def _token(layer: str) -> Json:
    return {JWT_FILTER: {"@type": f"{_TYPE}.jwt_authn.v3.PerRouteConfig", "requirement_name": layer}}


def _no_token() -> Json:
    return {JWT_FILTER: {"@type": f"{_TYPE}.jwt_authn.v3.PerRouteConfig", "disabled": True}}


def _count_client() -> Json:
    claim = {"key": JWT_FILTER, "path": [{"key": CLAIMS}, {"key": "client_id"}]}
    return {"actions": [{"metadata": {"descriptor_key": "client", "metadata_key": claim, "source": "DYNAMIC"}}]}


def _lifecycle_headers(contract: Contract, lifecycle: Lifecycle, origin: str) -> list[Json]:
    page = f"{origin}/docs/apis/{contract.key}#lifecycle"
    headers = []
    if lifecycle.deprecated_at:
        headers.append(
            _header("deprecation", f"@{int(lifecycle.deprecated_at.timestamp())}", "OVERWRITE_IF_EXISTS_OR_ADD")
        )
        headers.append(_header("link", f'<{page}>; rel="deprecation"; type="text/html"', "APPEND_IF_EXISTS_OR_ADD"))
    if lifecycle.sunset_at:
        headers.append(
            _header("sunset", format_datetime(lifecycle.sunset_at, usegmt=True), "OVERWRITE_IF_EXISTS_OR_ADD")
        )
        headers.append(_header("link", f'<{page}>; rel="sunset"; type="text/html"', "APPEND_IF_EXISTS_OR_ADD"))
    if lifecycle.successor:
        successor = f"{origin}/docs/apis/{lifecycle.successor}"
        headers.append(_header("link", f'<{successor}>; rel="successor-version"', "APPEND_IF_EXISTS_OR_ADD"))
    return headers


def _header(name: str, value: str, action: str) -> Json:
    return {"header": {"key": name, "value": value.replace("%", "%%")}, "append_action": action}
