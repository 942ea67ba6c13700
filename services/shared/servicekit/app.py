"""One call makes a service: settings, auth, limits, problems, telemetry, health and contract cannot be forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvicorn
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import Scope, Send
from redis.asyncio import Redis

from servicekit import logs
from servicekit.auth import TokenVerifier, Verifier
from servicekit.clock import Clock, clock_of
from servicekit.contract import ApiInfo, ContractRoutes
from servicekit.health import Check, Health, HealthRoutes
from servicekit.intake import Gate, Rules, ServiceRequest, caller_of
from servicekit.limits import Limiter, RateLimiter
from servicekit.problems import exception_handlers
from servicekit.segments import WholeAnswers
from servicekit.settings import ServiceSettings
from servicekit.telemetry import CORRELATION_HEADER, TRACE_HEADER, Telemetry, correlation_id

MAX_BODY_BYTES = 1024 * 1024
STOP_GRACE_S = 20
# Opens something a service needs; it may use what was opened before it, by name, on `app.state`.
Resource = Callable[[Litestar], AbstractAsyncContextManager[Any]]

# Sent with every answer that does not say otherwise.
_DEFAULT_FIELDS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_TRACEPARENT, _TRACESTATE = b"traceparent", b"tracestate"
_CORRELATION, _TRACE = CORRELATION_HEADER.lower().encode(), TRACE_HEADER.lower().encode()


class Service(Litestar):
    """A Litestar app whose every answer, router errors included, is traced and carries the house's fields."""

    def __init__(self, *, telemetry: Telemetry, rules: Rules, **options: Any) -> None:
        self.telemetry = telemetry
        super().__init__(**options)
        rules.learn(self)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        sent = dict.fromkeys((_TRACEPARENT, _TRACESTATE, _CORRELATION), "")
        for name, value in scope["headers"]:
            if name in sent:
                sent[name] = value.decode("latin-1")
        with self.telemetry.request(
            scope["method"],
            traceparent=sent[_TRACEPARENT],
            tracestate=sent[_TRACESTATE],
            correlation=sent[_CORRELATION],
        ) as span:
            scope.setdefault("state", {})
            await super().__call__(scope, receive, _Answer(scope, send, span))


class _Answer:
    """The send side of one request: adds our fields and tells the span how it ended."""

    __slots__ = ("_scope", "_send", "_span")

    def __init__(self, scope: Any, send: Send, span: Any) -> None:
        self._scope = scope
        self._send = send
        self._span = span

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            said = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *[field for field in _DEFAULT_FIELDS if field[0] not in said],
                *self._scope["state"].get("response_fields", ()),
                (_TRACE, b"%032x" % self._span.get_span_context().trace_id),
                (_CORRELATION, correlation_id().encode()),
            ]
            if self._span.is_recording():
                self._describe(message["status"])
        await self._send(message)

    def _describe(self, status: int) -> None:
        template = self._scope.get("path_template", "")
        self._span.update_name(f"{self._scope['method']} {template}".strip())
        self._span.set_attributes(
            {
                "http.request.method": self._scope["method"],
                "http.route": template,
                "http.response.status_code": status,
                "syncline.correlation_id": correlation_id(),
            }
        )


def create_service(
    settings: ServiceSettings,
    *,
    api: ApiInfo,
    routes: Sequence[Any],
    dependencies: Mapping[str, Any] | None = None,
    resources: Mapping[str, Resource] | None = None,
    health_checks: Mapping[str, Check] | None = None,
    clock: Clock | None = None,
    verifier: TokenVerifier | None = None,
    limiter: RateLimiter | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> Service:
    """The service, ready for a server. Nothing is opened before its lifespan begins.

    *resources* are opened in order when the service starts and closed in reverse; each is then on `app.state` and a
    dependency of the routes under its name. *dependencies* are values, or `Provide`rs, that need no opening.
    *verifier* and *limiter* stand in for the real ones in tests.
    """
    clock = clock or clock_of(settings.clock_file)
    opened = dict(resources or {})
    telemetry = Telemetry(settings)
    checked = verifier or Verifier(settings.issuer, settings.audience, clock=clock)
    limits = limiter or _limiter(settings, clock)
    rules = Rules(checked, limits)
    provided = _provided(dependencies or {}, opened, clock)
    return Service(
        telemetry=telemetry,
        rules=rules,
        route_handlers=[*routes, HealthRoutes, ContractRoutes],
        dependencies=provided,
        state=State({"api": api, "contract_source": {"route_handlers": [*routes], "dependencies": provided}}),
        middleware=[DefineMiddleware(Gate, rules=rules)],
        exception_handlers=exception_handlers(resource_metadata_url(settings)),
        request_class=ServiceRequest,
        request_max_body_size=max_body_bytes,
        lifespan=[_lifespan(settings, telemetry, opened, health_checks or {}, [limits, checked])],
        logging_config=None,
        openapi_config=None,
    )


def _provided(dependencies: Mapping[str, Any], opened: Mapping[str, Resource], clock: Clock) -> dict[str, Provide]:
    """What routes may ask for by name."""
    return {
        **{name: _provider(value) for name, value in dependencies.items()},
        **{name: Provide(_from_state(name), sync_to_thread=False) for name in opened},
        "caller": Provide(caller_of, sync_to_thread=False),
        "clock": _provider(clock),
        "health": Provide(_from_state("health"), sync_to_thread=False),
    }


def run(app: Service, settings: ServiceSettings) -> None:
    """Serves *app* until a signal comes, then lets what is under way end for up to 20 s."""
    logs.configure(service=settings.name, level=settings.log_level)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=WholeAnswers,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=STOP_GRACE_S,
        proxy_headers=False,
    )


def resource_metadata_url(settings: ServiceSettings) -> str:
    """Where the gateway serves the RFC 9728 document of this layer: below the issuer's origin."""
    issuer = urlsplit(settings.issuer)
    return f"{issuer.scheme}://{issuer.netloc}/.well-known/oauth-protected-resource/{settings.layer}"


def _limiter(settings: ServiceSettings, clock: Clock) -> Limiter:
    redis = Redis.from_url(settings.redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)
    return Limiter(settings.rate_limit, clock=clock, redis=redis, name=settings.name)


def _lifespan(
    settings: ServiceSettings,
    telemetry: Telemetry,
    resources: Mapping[str, Resource],
    checks: Mapping[str, Check],
    parts: Sequence[object],
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        log = structlog.get_logger(__name__)
        telemetry.activate()
        async with AsyncExitStack() as stack:
            stack.callback(telemetry.close)
            for part in parts:
                if isinstance(part, Limiter):
                    await stack.enter_async_context(part.syncing())
                elif isinstance(part, Verifier):
                    stack.push_async_callback(part.aclose)
            for name, factory in resources.items():
                app.state[name] = await stack.enter_async_context(factory(app))
            app.state["health"] = Health(settings.name, checks, app.state)
            log.info("service_started", layer=settings.layer, port=settings.port)
            yield
            log.info("service_stopping")

    return lifespan


def _provider(value: Any) -> Provide:
    if isinstance(value, Provide):
        return value

    def provide() -> Any:
        return value

    return Provide(provide, sync_to_thread=False)


def _from_state(name: str) -> Callable[[Scope], Any]:
    def provide(scope: Scope) -> Any:
        return scope["litestar_app"].state[name]

    return provide
