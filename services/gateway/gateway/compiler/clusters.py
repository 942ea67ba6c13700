"""Upstream clusters: one per offered API, one per page server, and the portal. Source: Envoy 1.40, cluster.proto."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from gateway.compiler.topology import Address, Topology, address, addresses
from gateway.contracts import Contract

Json = dict[str, Any]

PORTAL = "portal"
KEYS = "issuer_keys"
COLLECTOR = "collector"
SYSTEM_CAS = "/etc/ssl/certs/ca-certificates.crt"

_HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


def service_cluster(key: str) -> str:
    """The cluster's name for a contract key."""
    return f"api.{key}"


def page_cluster(prefix: str) -> str:
    """The cluster's name for a page server."""
    return f"page.{prefix.strip('/').replace('/', '.') or 'home'}"


def clusters(contracts: Sequence[Contract], topology: Topology) -> list[Json]:
    """Every cluster that routes name; these may change while Envoy runs."""
    hooked = set(topology.hooks.values())
    offered = [c.key for c in contracts if c.key in topology.services and (c.edge_prefix or c.key in hooked)]
    return [
        *(_cluster(service_cluster(key), addresses(topology.services[key]), topology) for key in offered),
        *(_cluster(page_cluster(prefix), (address(text),), topology) for prefix, text in topology.pages.items()),
    ]


def fixed_clusters(topology: Topology) -> list[Json]:
    """The clusters that the listener itself names: portal, the issuer's keys, collector."""
    found = [_cluster(PORTAL, (address(topology.portal),), topology)]
    if keys := remote_keys(topology):
        found.append(_cluster(KEYS, (keys[0],), topology))
    # Envoy's tracer insists on a collector; one without an endpoint takes nothing.
    collector = (address(topology.collector),) if topology.collector else ()
    return [*found, _cluster(COLLECTOR, collector, topology)]


def remote_keys(topology: Topology) -> tuple[Address, str] | None:
    """Where the issuer's keys are fetched: the address and the URL; None when they are a file."""
    if not topology.jwks:
        target = address(topology.portal)
        return target, f"http://{target.host or 'portal'}:{target.port or 80}/oauth/jwks"
    if urlsplit(topology.jwks).scheme in {"http", "https"}:
        return address(topology.jwks), topology.jwks
    return None


def socket_address(target: Address) -> Json:
    """Envoy's spelling of an address."""
    if target.path:
        return {"pipe": {"path": target.path}}
    return {"socket_address": {"address": target.host, "port_value": target.port}}


def _cluster(name: str, targets: Sequence[Address], topology: Topology) -> Json:
    endpoints = [{"endpoint": {"address": socket_address(target)}} for target in targets]
    return {
        "name": name,
        "type": "STATIC" if all(_is_fixed(target) for target in targets) else "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": 256, "max_pending_requests": 256, "max_requests": 1024, "max_retries": 16}
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _HTTP,
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {"idle_timeout": f"{topology.upstream_idle_s}s"},
            }
        },
        **_ejection(targets),
        **_tls(targets),
    }


def _ejection(targets: Sequence[Address]) -> Mapping[str, Json]:
    """Only a host among several can be left out; the answers 502 to 504 count, a service's own 500 does not."""
    if len(targets) < 2:
        return {}
    return {
        "outlier_detection": {
            "consecutive_gateway_failure": 5,
            "enforcing_consecutive_gateway_failure": 100,
            "enforcing_consecutive_5xx": 0,
            "enforcing_success_rate": 0,
            "interval": "5s",
            "base_ejection_time": "10s",
            "max_ejection_percent": 50,
        }
    }


def _tls(targets: Sequence[Address]) -> Mapping[str, Json]:
    if not any(target.tls for target in targets):
        return {}
    return {
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": _TLS,
                "sni": targets[0].host,
                "auto_sni_san_validation": True,
                "common_tls_context": {"validation_context": {"trusted_ca": {"filename": SYSTEM_CAS}}},
            },
        }
    }


def _is_fixed(target: Address) -> bool:
    if target.path:
        return True
    try:
        ipaddress.ip_address(target.host)
    except ValueError:
        return False
    return True
