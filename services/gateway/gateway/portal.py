"""The portal: issuer, documentation and discovery in one process behind the edge."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.types import Message, Scope
from opentelemetry.trace import SpanKind

from gateway.contracts import read_contracts
from gateway.docs.event_pages import read_events
from gateway.docs.routes import AssetRoutes, DiscoveryRoutes, DocsRoutes, Library
from gateway.docs.status import Statuses
from gateway.issuer.authlib_server import OAuthServer
from gateway.issuer.keys import SigningKeys
from gateway.issuer.lockout import Lockout
from gateway.issuer.metadata import MetadataRoutes
from gateway.issuer.people import People
from gateway.issuer.routes import Issuer, OAuthRoutes
from gateway.issuer.tokens import Tokens
from gateway.settings import IssuerSettings, PortalSettings
from servicekit.clock import Clock
from servicekit.health import Health, HealthRoutes
from servicekit.problems import exception_handlers
from servicekit.telemetry import CORRELATION_HEADER, TRACE_HEADER, continue_from, correlation_id, current_trace_id
from servicekit.transport import http_client

MAX_FORM_BYTES = 64 * 1024

# Sent with every answer that does not say otherwise.
_DEFAULT_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_CORRELATION = CORRELATION_HEADER.lower().encode()
_CONTEXT = (b"traceparent", _CORRELATION)


class Portal(Litestar):
    """A Litestar app whose every answer, router errors included, belongs to the caller's trace."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        sent = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _CONTEXT}
        with continue_from(
            sent.get(b"traceparent", ""),
            name=scope["method"],
            correlation=sent.get(_CORRELATION, ""),
            kind=SpanKind.SERVER,
        ):
            await super().__call__(scope, receive, send)


def create_portal(settings: PortalSettings, clock: Clock) -> Portal:
    """The app. Reads the contracts and, for an issuer, reads or makes its keys; MISCONFIGURED when it cannot."""
    statuses = Statuses(settings.docs.services, http_client(), clock)
    provided: dict[str, Any] = {"library": _library(settings), "statuses": statuses}
    routes: list[Any] = [AssetRoutes, DocsRoutes, DiscoveryRoutes]
    if settings.issuing:
        provided["issuer"] = create_issuer(settings.issuer, settings.issuing, clock)
        routes += [OAuthRoutes, MetadataRoutes]
    provided["health"] = Health(settings.name, {}, State())
    return Portal(
        route_handlers=[*routes, HealthRoutes],
        dependencies={name: _value(thing) for name, thing in provided.items()},
        exception_handlers=exception_handlers(f"{settings.origin}/.well-known/oauth-protected-resource"),
        request_max_body_size=MAX_FORM_BYTES,
        before_send=[_add_headers],
        lifespan=[_closing(statuses)],
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )


def create_issuer(url: str, settings: IssuerSettings, clock: Clock) -> Issuer:
    """The issuer with its keys."""
    lockout = Lockout(clock, allowed=settings.failures_allowed, period=timedelta(seconds=settings.lockout_s))
    keys = SigningKeys(Path(settings.keys_file), clock, key_life=timedelta(days=settings.key_life_days))
    tokens = Tokens(url, keys, clock, life_s=settings.token_life_s)
    return Issuer(
        url=url.rstrip("/"),
        server=OAuthServer(url, settings.clients, tokens, lockout, clock),
        people=People(settings.people, lockout, clock, session_life_s=settings.session_life_s),
        keys=keys,
        clients=settings.clients,
        csrf_key=secrets.token_bytes(32),
    )


def _library(settings: PortalSettings) -> Library:
    return Library(
        origin=settings.origin.rstrip("/"),
        issuer=settings.issuer,
        contracts=read_contracts(Path(settings.docs.contracts)),
        events=read_events(Path(settings.docs.events)) if settings.docs.events else (),
    )


def _value(thing: Any) -> Provide:
    return Provide(lambda: thing, sync_to_thread=False)


def _closing(statuses: Statuses) -> Callable[[Litestar], Any]:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await statuses.aclose()

    return lifespan


async def _add_headers(message: Message, _scope: Scope) -> None:
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in _DEFAULT_HEADERS.items():
            headers.setdefault(name, value)
        if trace_id := current_trace_id():
            headers[TRACE_HEADER] = trace_id
        headers[CORRELATION_HEADER] = correlation_id()
