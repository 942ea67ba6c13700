"""The test stand: stores as `make run` starts them, the two targets, our edge and a plain Envoy, all idle until called.

Source of the plain hop: Envoy 1.40, HTTP connection manager and router, nothing else.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psutil
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from load import Outcome, Plan, Target
from targets import PROJECT_ID, UNLIMITED, Told

from gateway.compiler import Limits, Topology, publish
from gateway.compiler.publish import command
from gateway.contracts import read_contracts
from launcher import components, places, postgres, settings
from launcher.ports import Claims
from launcher.preparing import prepare
from launcher.processes import Command, Register, python
from launcher.readiness import answers
from launcher.site import Site
from launcher.supervisor import Supervisor, Unit
from servicekit.clock import SystemClock

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STORES = ("postgres", "valkey", "database")
OWNER = "system_psa"  # the role and schema of the service that the stores are used as
SCOPES = "psa.projects.read project-onboarding.onboardings.read"
READ_PATH = f"/v1/projects/{PROJECT_ID}"
EDGE_PATH = f"/process/project-onboarding/v1/onboardings/onb_{5:032x}"
TOKEN_FOR = timedelta(minutes=30)


class _Quiet:
    """Nobody looks on."""

    def starting(self, unit: Unit) -> None: ...

    def ready(self, unit: Unit, seconds: float) -> None: ...

    def died(self, unit: Unit, ending: str, pause_s: float) -> None: ...


class Stand:
    """What runs, and how it is called."""

    def __init__(self, site: Site, key: RSAKey) -> None:
        self.site = site
        self.raw, self.ours, self.plain, self.edge, self.plain_admin, self.edge_admin = _free_ports(6)
        self.key = key
        self.supervisor = Supervisor((), Register(site.places.state / "processes.json"), _Quiet())

    @property
    def issuer(self) -> str:
        """The bare target, which publishes the keys."""
        return f"http://127.0.0.1:{self.raw}"

    @property
    def database_url(self) -> str:
        return self.site.database_url(OWNER)

    def target(self, port: int, path: str, layer: str) -> Target:
        """A read with a token of the layer, to be sent to the port."""
        token = self._token(layer)
        fields = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n"
        return Target(port=port, request=f"GET {path} HTTP/1.1\r\n{fields}\r\n")

    def cpu_s(self, name: str) -> float:
        """Processor time that a process has used since it started, all its threads."""
        process_id = self.supervisor.process_id(name)
        assert process_id is not None, f"{name} does not run"
        if sys.platform == "linux":
            return time.clock_gettime((~process_id << 3) | 2)  # clock_getcpuclockid(3): nanoseconds, not ticks
        used = psutil.Process(process_id).cpu_times()
        return float(used.user + used.system)

    def told(self, port: int) -> Told:
        keys = msgspec.Raw(msgspec.json.encode(KeySet([self.key]).as_dict(private=False)))
        return Told(port=port, issuer=self.issuer, redis_url=self.site.redis_url, keys=keys)

    def _token(self, layer: str) -> str:
        now = SystemClock().now()
        claims = {
            "iss": self.issuer,
            "sub": "bench",
            "aud": f"syncline-{layer}",
            "client_id": "bench",
            "scope": SCOPES,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_FOR).timestamp()),
            "jti": "bench",
        }
        return jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "bench"}, claims, self.key)


@asynccontextmanager
async def stand(folder: Path) -> AsyncIterator[Stand]:
    """Everything started, its state below *folder*; stopped and removed at the end."""
    here = places.find(folder)
    here.make()
    inherited = {name: value for name, value in os.environ.items() if name != settings.PORT_VARIABLE}
    claims = Claims(here.claims)
    site = await prepare(here, settings.asked(inherited), claims, fresh=True)
    built = Stand(site, RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS256"}))
    units = await _units(built)
    built.supervisor = Supervisor(units, Register(here.state / "processes.json"), _Quiet())
    try:
        await built.supervisor.start()
        yield built
    finally:
        await built.supervisor.stop()
        claims.release()
        outside = (root / places.mark(here.clone) for root in postgres.SHARED)  # the database's place under root
        for left in (here.sockets, *outside):
            await asyncio.to_thread(shutil.rmtree, left, ignore_errors=True)


async def sent(plan: Plan) -> list[Outcome]:
    """What the load generator measured, in a process of its own."""
    generator = await asyncio.create_subprocess_exec(
        *python(str(HERE / "load.py")), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await generator.communicate(msgspec.json.encode(plan))
    assert generator.returncode == 0, f"the load generator ended with {generator.returncode}"
    return msgspec.json.decode(output, type=list[Outcome])


async def _units(built: Stand) -> list[Unit]:
    stores = [components.unit(one, built.site) for one in components.COMPONENTS if one.name in STORES]
    edge, plain = await _edge(built), _plain(built)
    return [
        *stores,
        _unit(built, "raw", _target(built, "raw", built.raw), built.raw),
        _unit(built, "ours", _target(built, "ours", built.ours), built.ours, "raw", "valkey"),
        _unit(built, "plain", command(plain), built.plain, "raw"),
        _unit(built, "edge", command(edge), built.edge, "raw"),
    ]


def _target(built: Stand, which: str, port: int) -> tuple[str, ...]:
    return python(str(HERE / "targets.py"), which, msgspec.json.encode(built.told(port)).decode())


def _unit(built: Stand, name: str, arguments: tuple[str, ...], port: int, *needs: str) -> Unit:
    return Unit(
        name=name,
        layer=name,
        command=Command(arguments=arguments, folder=built.site.places.state, environment=built.site.environment),
        log=built.site.places.log(name),
        ready=answers(f"http://127.0.0.1:{port}/health/live"),
        needs=needs,
    )


async def _edge(built: Stand) -> Path:
    """The edge as the gateway compiles it from the contracts: tokens, limits, body limit, compression, access log."""
    keys = built.site.places.secrets / "bench-keys.json"
    await asyncio.to_thread(keys.write_bytes, bytes(built.told(0).keys))
    target = f"127.0.0.1:{built.raw}"
    topology = Topology(
        listen=f"127.0.0.1:{built.edge}",
        origin=f"http://127.0.0.1:{built.edge}",
        admin=f"127.0.0.1:{built.edge_admin}",
        portal=target,
        issuer=built.issuer,
        jwks=str(keys),
        services=dict.fromkeys(("experience.v1", *(f"{name}.v1" for name in settings.PROCESSES)), target),
        access_log=str(built.site.places.log("access")),
        limits=Limits(per_client_per_minute=UNLIMITED, per_address_per_minute=UNLIMITED),
    )
    contracts = read_contracts(ROOT / "contracts" / "openapi")
    return (await publish(contracts, topology, built.site.places.edge)).bootstrap


def _plain(built: Stand) -> Path:
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
    endpoint = {"endpoint": {"address": _at(built.raw)}}
    cluster = {
        "name": "raw",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "raw", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "plain", "address": _at(built.plain), "filter_chains": [{"filters": filters}]}
    bootstrap = {
        "admin": {"address": _at(built.plain_admin)},
        "static_resources": {"listeners": [listener], "clusters": [cluster]},
    }
    path = built.site.places.state / "plain.json"
    path.write_bytes(msgspec.json.encode(bootstrap))
    return path


def _at(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody uses at the moment, held together so that they differ."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
