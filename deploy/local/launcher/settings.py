"""What each component is told: one function per kind of component makes its settings document. Reads the environment.

A service's document is `servicekit.settings.ServiceSettings` plus what is the service's own.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from demo.authorities import matrix
from launcher.places import Places
from launcher.problem import LaunchError
from launcher.site import Site
from launcher.vault import write_private
from launcher.vendors import VENDORS
from process_apis.finding import flows, processes, scopes_of

Document = dict[str, Any]
Maker = Callable[[Site, str], Document]  # the component's name -> its settings

PORT_VARIABLE = "SYNCLINE_PORT"
SETTINGS_VARIABLE = "SYNCLINE_SETTINGS"

CAPABILITIES = tuple(dict.fromkeys(vendor.capability for vendor in VENDORS))
FLOWS = flows()  # processes with workflows of their own
PROCESSES = processes()
PORTAL, EDGE_ADMIN = "gateway-portal", "edge-admin"
DEMO = "demo"  # the client that plays the day, on behalf of the firm's people
# What the screens read at the process layer.
EXPERIENCE_SCOPES = (
    *("project-onboarding.onboardings.read", "operations.exceptions.read"),
    *("invoice-release.releases.read", "revenue-recognition.recognitions.read"),
)
# The firm's people may be allowed everything that the open layers offer.
DEMO_SCOPES = (
    *("experience.overview.read", "experience.projects.read", "actor.assert"),
    *("experience.invoicing.read", "experience.tie-outs.read"),
    *(scope for process in PROCESSES for scope in scopes_of(process).offered),
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the person's environment says."""

    port: int | None  # of the edge, and no other one
    colour: bool
    variables: Mapping[str, str]


def asked(environ: Mapping[str, str] | None = None) -> Asked:
    """Read the environment. Raises LaunchError for a port that is none."""
    environ = os.environ if environ is None else environ
    text = environ.get(PORT_VARIABLE, "")
    if text and not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise LaunchError(f"{PORT_VARIABLE} is {text!r}, and a port is a number from 1 to 65535.")
    return Asked(
        port=int(text) if text else None,
        colour="NO_COLOR" not in environ and environ.get("TERM") != "dumb",
        variables=environ,
    )


def write(places: Places, name: str, document: Document) -> str:
    """Keep a settings document where its component reads it. Returns the path."""
    path = places.settings / f"{name}.json"
    write_private(path, msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    return str(path)


def issuer(site: Site) -> str:
    """The `iss` of every token: the edge's origin, below which discovery is found."""
    return site.origin


def service(site: Site, name: str, layer: str, *, schema: str) -> Document:
    """The part that all services share. Role, client and schema are the service's own."""
    return {
        "name": name,
        "layer": layer,
        "port": site.ports[name],
        "issuer": issuer(site),
        "audience": f"syncline-{layer}",
        "client_id": name,
        "client_secret": site.vault.secret(f"client {name}"),
        "database_url": site.database_url(role_of(name)),
        "schema": schema,
        "redis_url": site.redis_url,
        "rate_limit": 6000,  # per minute: the demo plays a day in seconds
        "clock_file": str(site.places.clock),
    }


def role_of(name: str) -> str:
    """The database role of a service: "system-crm" -> "system_crm"."""
    return name.replace("-", "_")


def system(site: Site, name: str) -> Document:
    """A system API, with a connection to each sandbox that plays its capability."""
    capability = name.removeprefix("system-")
    return {
        "service": service(site, name, "system", schema=role_of(name)),
        "cursor_key": site.vault.secret(f"cursors {name}"),
        "poll_interval_s": 1.0,  # the demo firm's day is a minute long
        "poll_overlap_s": 30.0,
        "connections": {
            name: {"vendor": vendor.folder, "settings": told}
            for vendor in VENDORS
            if vendor.capability == capability
            for name, told in vendor.connections(site).items()
        },
    }


def process(site: Site, name: str) -> Document:
    """A process with workflows. All share the schema `process`; each engine has its own beside it."""
    return {
        "service": service(site, name, "process", schema="process"),
        "cursor_key": site.vault.secret(f"cursors {name}"),
        "engine": {"schema": engine_schema(name), "pool_size": 3},
        "pool_size": 5,  # a connection costs 3 MiB, and a dozen runs at a time are many here
        "sweep_every_s": 0.2,
        "auto_retry_after_s": 5.0,
        "systems": {capability: site.address(f"system-{capability}") for capability in CAPABILITIES},
        "authorities": matrix(),
    }


def operations(site: Site, name: str) -> Document:
    """Exceptions and approvals of all processes, and who may approve what in the demo firm."""
    return {
        "service": service(site, name, "process", schema="process"),
        "cursor_key": site.vault.secret(f"cursors {name}"),
        "authorities": matrix(),
    }


def engine_schema(name: str) -> str:
    """The schema of a process's workflow engine: "process-project-onboarding" -> "engine_project_onboarding"."""
    return f"engine_{role_of(name.removeprefix('process-'))}"


def experience(site: Site, name: str) -> Document:
    """The experience API, which reads process APIs only."""
    return {
        "service": service(site, name, "experience", schema="experience"),
        "processes": {process: site.address(f"process-{process}") for process in PROCESSES},
    }


def portal(site: Site, name: str) -> Document:
    """The issuer with a client per service, and the docs."""
    contracts = site.places.clone / "contracts"
    return {
        "name": name,
        "port": site.ports[name],
        "origin": site.origin,
        "issuer": issuer(site),
        "issuing": {
            "keys_file": str(site.places.secrets / "issuer-keys.json"),
            "key_life_days": 400,  # a rehearsal jumps over months, and the edge keeps keys by the machine's clock
            "clients": [client(site, *row) for row in CLIENTS],
        },
        "docs": {
            "contracts": str(contracts / "openapi"),
            "events": str(contracts / "asyncapi"),
            "services": contract_services(site),
        },
        "clock_file": str(site.places.clock),
    }


# client -> the layers that it calls, the scopes that it has there
CLIENTS = (
    *((f"process-{process}", ("system",), scopes_of(process).needed) for process in PROCESSES),
    ("experience", ("process",), EXPERIENCE_SCOPES),
    (DEMO, ("experience", "process"), DEMO_SCOPES),
)


def client(site: Site, name: str, layers: tuple[str, ...], scopes: tuple[str, ...]) -> Document:
    """A client of the issuer. Its secret has 256 random bits, so one round of SHA-256 hides it well enough."""
    digest = hashlib.sha256(site.vault.secret(f"client {name}").encode()).hexdigest()
    return {
        "id": name,
        "name": name,
        "secret_hash": f"sha256${digest}",
        "scopes": scopes,
        "audiences": [f"syncline-{layer}" for layer in layers],
    }


def contract_services(site: Site) -> dict[str, str]:
    """Contract key -> the address of the service that keeps it, for all that the edge offers."""
    return {
        "experience.v1": site.address("experience"),
        **{f"{process}.v1": site.address(f"process-{process}") for process in PROCESSES},
    }


def sandboxes(site: Site, _name: str) -> Document:
    """All vendors' sandboxes in one process, a port and a store each."""
    return {
        "folder": str(site.places.sandboxes),
        "control_key": site.vault.secret("sandboxes control"),
        "sandboxes": [
            {
                "vendor": f"{vendor.capability}.{vendor.folder}",
                "port": site.ports[vendor.port],
                "config": vendor.accepts(site),
            }
            for vendor in VENDORS
        ],
    }


def edge(site: Site, _name: str) -> Document:
    """Where everything listens, for the compiler of Envoy's configuration."""
    return {
        "contracts": str(site.places.clone / "contracts" / "openapi"),
        "folder": str(site.places.edge),
        "topology": {
            "listen": site.origin.removeprefix("http://"),
            "origin": site.origin,
            "admin": site.address(EDGE_ADMIN).removeprefix("http://"),
            "portal": site.address(PORTAL),
            "issuer": issuer(site),
            "services": {**contract_services(site), "billing.v1": site.address("system-billing")},
            "hooks": {name: "billing.v1" for vendor in VENDORS if vendor.hooks for name in vendor.connections(site)},
        },
    }


def database(site: Site, _name: str) -> Document:
    """A role for each service and the schemas it works in. The services make their own tables."""
    systems = {role_of(f"system-{capability}"): [role_of(f"system-{capability}")] for capability in CAPABILITIES}
    engines = {role_of(f"process-{flow}"): engine_schema(flow) for flow in FLOWS}
    processes = {
        **{role: ["process", engine] for role, engine in engines.items()},
        "process_operations": ["process", *engines.values()],  # it wakes the runs of every process
    }
    schemas = {**systems, **processes, "experience": ["experience"]}
    return {
        "admin_url": site.admin_url(),
        "schemas": schemas,
        "engines": engines,
        "passwords": {role: site.vault.secret(f"database {role}") for role in schemas},
    }
