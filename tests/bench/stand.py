"""The test stand: stores as `make run` starts them, everything that is called, and every hop; all idle until called."""

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

import hops
import msgspec
import psutil
from hops import Hop
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from load import Outcome, Plan, Target
from peers import FASTAPI, NGINX, Peers
from targets import PROJECT_ID, Told

from gateway.compiler.publish import command
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
WORKERS = 1  # of each hop
TOKEN_FOR = timedelta(minutes=30)
PORTS = ("raw", "ours", "litestar", "fastapi", "edge", "plain", "nginx", "edge_admin", "plain_admin", "temporal")


class Quiet:
    """Nobody looks on."""

    def starting(self, unit: Unit) -> None: ...

    def ready(self, unit: Unit, seconds: float) -> None: ...

    def died(self, unit: Unit, ending: str, pause_s: float) -> None: ...


class Stand:
    """What runs, and how it is called."""

    def __init__(self, site: Site, key: RSAKey, peers: Peers) -> None:
        self.site = site
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        self.key = key
        self.peers = peers
        self.supervisor = Supervisor((), Register(site.places.state / "processes.json"), Quiet())

    @property
    def issuer(self) -> str:
        """The bare target, which publishes the keys."""
        return f"http://127.0.0.1:{self.ports['raw']}"

    @property
    def database_url(self) -> str:
        return self.site.database_url(OWNER)

    def log(self, name: str) -> Path:
        """Where a process that a part starts by itself writes what it has to say."""
        return self.site.places.log(name)

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
async def stand(folder: Path, peers: Peers) -> AsyncIterator[Stand]:
    """Everything started, its state below *folder*; stopped and removed at the end."""
    here = places.find(folder)
    here.make()
    inherited = {name: value for name, value in os.environ.items() if name != settings.PORT_VARIABLE}
    claims = Claims(here.claims)
    site = await prepare(here, settings.asked(inherited), claims, fresh=True)
    built = Stand(site, RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS256"}), peers)
    units = await _units(built)
    built.supervisor = Supervisor(units, Register(here.state / "processes.json"), Quiet())
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
    keys = built.site.places.secrets / "bench-keys.json"
    await asyncio.to_thread(keys.write_bytes, bytes(built.told(0).keys))
    hop = Hop(state=built.site.places.state, ports=built.ports, issuer=built.issuer, keys=keys)
    units = [
        *stores,
        _target(built, "raw"),
        _target(built, "ours", "raw", "valkey"),
        _target(built, "litestar"),
        _unit(built, "plain", command(hops.plain(hop), workers=WORKERS), "raw"),
        _unit(built, "edge", command(await hops.edge(hop), workers=WORKERS), "raw"),
    ]
    if not built.peers.absent(FASTAPI):
        units.append(_target(built, "fastapi"))
    if not built.peers.absent(NGINX):
        units.append(_unit(built, "nginx", hops.nginx(hop), "raw"))
    return units


def _target(built: Stand, which: str, *needs: str) -> Unit:
    told = msgspec.json.encode(built.told(built.ports[which])).decode()
    return _unit(built, which, python(str(HERE / "targets.py"), which, told), *needs)


def _unit(built: Stand, name: str, arguments: tuple[str, ...], *needs: str) -> Unit:
    return Unit(
        name=name,
        layer=name,
        command=Command(arguments=arguments, folder=built.site.places.state, environment=built.site.environment),
        log=built.site.places.log(name),
        ready=answers(f"http://127.0.0.1:{built.ports[name]}/health/live"),
        needs=needs,
    )


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody uses at the moment, held together so that they differ."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
