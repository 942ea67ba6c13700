"""Where everything listens, as the edge sees it: the one input of the compiler besides the contracts."""

from urllib.parse import urlsplit

import msgspec

from servicekit.failures import Failure, Kind


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect: a host and a port, or a Unix socket's path. `tls` means that the far end speaks TLS."""

    host: str = ""
    port: int = 0
    path: str = ""
    tls: bool = False


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The edge's own certificate, as PEM files. `client_ca` makes callers show a certificate of that authority."""

    certificate: str
    private_key: str
    client_ca: str = ""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one caller may ask of the edge. Plan quotas (per day, over several edges) are the services' business."""

    per_client_per_minute: int = 1200  # twice a service's own limit: the edge guards, the service decides
    per_address_per_minute: int = 600  # callers without a token: issuer, docs
    per_hook_per_minute: int = 6000  # vendors deliver in bursts
    body_bytes: int = 1_048_576
    header_kib: int = 32
    headers_within_s: float = 10.0  # from the first byte to the end of the headers
    request_within_s: float = 60.0  # from the first byte to the end of the body
    connections: int = 20_000
    clients: int = 10_000  # how many callers are counted apart before the longest idle is forgotten


class Topology(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address is `host:port`, `unix:/path`, `http://host:port` or `https://host:port`; several are a list."""

    listen: str
    origin: str  # how callers write the edge, such as https://api.example.com
    admin: str  # loopback `host:port` or `unix:/path`; never reachable from outside
    portal: str
    issuer: str  # the `iss` of the tokens that are let in
    jwks: str = ""  # URL or file of the issuer's keys; empty = the portal's
    services: dict[str, str | list[str]] = msgspec.field(default_factory=dict)  # contract key -> address
    hooks: dict[str, str] = msgspec.field(default_factory=dict)  # connection -> contract key
    pages: dict[str, str] = msgspec.field(default_factory=dict)  # path prefix -> address of plain web pages (console)
    home: str = "/docs"  # where a visitor of `/` is sent
    timeouts_s: dict[str, float] = msgspec.field(default_factory=dict)  # contract key -> seconds
    timeout_s: float = 15.0
    upstream_idle_s: float = 4.0  # below the services' keep-alive (uvicorn: 5 s), so that Envoy closes first
    collector: str = ""  # OTLP over HTTP; empty = trace context is made and passed on, but not exported
    trace_ratio: float = 1.0
    trusted_hops: int = 0  # load balancers in front whose X-Forwarded-For is believed
    access_log: str = "/dev/stdout"  # empty = none
    compress: bool = True
    limits: Limits = Limits()
    tls: Tls | None = None


def address(text: str) -> Address:
    """The address behind its written form; MISCONFIGURED when it is none of the four forms."""
    if text.startswith("unix:/"):
        return Address(path=text.removeprefix("unix:"))
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        known = parts.scheme in {"http", "https"} and parts.hostname
    except ValueError as error:
        raise Failure(Kind.MISCONFIGURED, f"{text!r} is not an address") from error
    if not known:
        raise Failure(Kind.MISCONFIGURED, f"{text!r} is not an address")
    return Address(host=parts.hostname or "", port=port, tls=parts.scheme == "https")


def addresses(texts: str | list[str]) -> tuple[Address, ...]:
    """One or several written addresses."""
    return tuple(address(text) for text in ([texts] if isinstance(texts, str) else texts))
