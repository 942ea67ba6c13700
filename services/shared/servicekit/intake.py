"""What a request passes before its route: authentication, rate limit, known parameters, strict reading of its body."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Litestar, Request
from litestar.enums import ScopeType
from litestar.exceptions import ImproperlyConfiguredException, MethodNotAllowedException
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from servicekit.auth import ACTOR_HEADER, Caller, TokenVerifier, acting_for, bearer, requires, scopes_of, taken_over
from servicekit.checking import Reader
from servicekit.failures import Failure, FieldError, Kind
from servicekit.handling import Handling, handling
from servicekit.limits import RateLimiter

JSON_MEDIA_TYPES = frozenset({"application/json", "application/merge-patch+json"})
NUL, NO_NUL = "\0", "No NUL may stand here."  # no store of ours keeps it in a text
ITS_FORM = "This is not how such a value is written."
NO_NULL = "A parameter without a value is left out."
ONCE = "This header may be given once."
# Read leniently, as all that comes in a query is, a moment may be seconds since 1970, and true a 1.
_WRITTEN: Mapping[Any, re.Pattern[str]] = {
    bool: re.compile(r"true|false"),
    int: re.compile(r"-?[0-9]+", re.ASCII),
    date: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII),
    datetime: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9].*", re.ASCII),
}
_AUTHORIZATION, _ACTOR, _KEY = b"authorization", ACTOR_HEADER.lower().encode(), b"idempotency-key"
_ONCE = {_AUTHORIZATION: "Authorization", _ACTOR: ACTOR_HEADER, _KEY: "Idempotency-Key"}


class ServiceRequest(Request[Any, Any, Any]):
    """Litestar's request, but a JSON body is decoded strictly as the type its route declares, by msgspec alone.

    Litestar itself converts leniently ("5" for 5) and stops at the first mistake.
    """

    async def json(self) -> Any:
        field = self.route_handler.parsed_data_field
        if field is None:
            return await super().json()
        media_type = self.content_type[0].lower()
        if media_type not in JSON_MEDIA_TYPES:
            raise Failure(Kind.UNSUPPORTED_MEDIA, "The body must be application/json.")
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise Failure(Kind.UNSUPPORTED_MEDIA, "The body must be sent as it is, not packed.")
        return _reader(field.annotation, self.route_handler).read(await self.body())


class Gate:
    """Middleware of every route. Nothing gets in without a token unless the route says `opt={"public": True}`."""

    def __init__(self, app: ASGIApp, *, rules: Rules) -> None:
        self.app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handle = await self._rules.admit(scope) if scope["type"] == ScopeType.HTTP else None
        await (handle or self.app)(scope, receive, send)


class Rules:
    """How requests are admitted in one service, with what is known of its routes."""

    def __init__(self, verifier: TokenVerifier, limiter: RateLimiter) -> None:
        self._verifier = verifier
        self._limiter = limiter
        self._routes: dict[int, _Route] = {}  # by the identity of the handler, which lives as long as the app

    def learn(self, app: Litestar) -> None:
        """Notes what each route takes. Raises when a route is neither public nor guarded by `requires`."""
        for route in app.routes:
            if not isinstance(route, HTTPRoute):
                continue
            allow = ", ".join(sorted(route.methods - {"OPTIONS"}))
            for method, (handler, model) in route.route_handler_map.items():
                public = bool(handler.opt.get("public"))
                if method != "OPTIONS" and not public and scopes_of(handler) is None:
                    raise ImproperlyConfiguredException(f"{handler} is neither guarded by requires() nor public")
                self._routes[id(handler)] = _Route(
                    public=public,
                    allow=allow if method == "OPTIONS" else None,
                    parameters=frozenset(parameter.field_alias for parameter in model.expected_query_params),
                    repeatable=frozenset(model.sequence_query_parameter_names),
                    forms=dict(_forms(handler, model)),
                    any_parameters=bool(handler.opt.get("any_parameters")),
                    guards=taken_over(handler),
                    short=None if method == "OPTIONS" or handler.resolve_guards() else handling(handler, model),
                )

    async def admit(self, scope: Any) -> Handling | None:
        """Fails as the request deserves; else leaves its caller in the scope. Returns the short way, if it has one."""
        route = self._routes[id(scope["route_handler"])]
        if NUL in scope["path"]:
            raise _refused("The path is not valid; see errors.", "invalid_parameter", NO_NUL, "path", [""])
        if route.allow is not None:  # Litestar answers OPTIONS by itself; no contract of ours has it
            raise MethodNotAllowedException(headers={"Allow": route.allow})
        if not route.public:
            await self._authenticate(scope)
        if scope["query_string"] and not route.any_parameters:
            _check_parameters(route, scope["query_string"])
        for guard in route.guards:
            guard.check(scope)
        return route.short

    async def _authenticate(self, scope: Any) -> None:
        sent: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name in _ONCE:
                if name in sent:  # which of them counts would be anybody's guess
                    raise _refused(
                        "A header is given twice; see errors.", "repeated_header", ONCE, "header", [_ONCE[name]]
                    )
                sent[name] = value.decode("latin-1")
        actor = sent.get(_ACTOR)
        caller = await self._verifier.verify(bearer(sent.get(_AUTHORIZATION)))
        allowance, refusal = self._limiter.take(caller.client_id)
        scope["state"]["response_fields"] = allowance.fields()
        if refusal:
            raise refusal
        scope["auth"] = acting_for(caller, actor)
        scope["user"] = scope["auth"].actor


def caller_of(scope: Scope) -> Caller:
    """The dependency `caller` of every route."""
    caller = scope["auth"]
    assert isinstance(caller, Caller)
    return caller


class _Route(msgspec.Struct, frozen=True, kw_only=True):
    public: bool
    allow: str | None  # set on the framework's own OPTIONS routes
    parameters: frozenset[str]
    repeatable: frozenset[str]
    forms: Mapping[str, re.Pattern[str]]  # how a parameter is written, where its type alone would take more
    any_parameters: bool
    guards: tuple[requires, ...]
    short: Handling | None


def _check_parameters(route: _Route, query: bytes) -> None:
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    counted = Counter(name for name, _ in given)
    unknown = sorted(counted.keys() - route.parameters)
    if unknown:
        message, code = "No such parameter is known here.", "unknown_parameter"
        raise _refused("A query parameter is not known; see errors.", code, message, "query", unknown)
    repeated = sorted(name for name, count in counted.items() if count > 1 and name not in route.repeatable)
    if repeated:
        message, code = "This parameter may be given once.", "repeated_parameter"
        raise _refused("A query parameter is given twice; see errors.", code, message, "query", repeated)
    unfit = {name: message for name, value in given if (message := _unfit(route, name, value))}
    if unfit:
        errors = tuple(
            FieldError(pointer=f"query:{name}", code="invalid", message=unfit[name]) for name in sorted(unfit)
        )
        raise Failure(Kind.MALFORMED, "A query parameter is not valid; see errors.", "invalid_parameter", errors)


def _unfit(route: _Route, name: str, value: str) -> str:
    """What is wrong with a value, whatever its type would take it for; empty if nothing is."""
    if NUL in value:
        return NO_NUL
    if value.lower() == "null":  # msgspec takes it for no value
        return NO_NULL
    form = route.forms.get(name)
    return ITS_FORM if form is not None and form.fullmatch(value) is None else ""


def _forms(handler: Any, model: Any) -> Iterator[tuple[str, re.Pattern[str]]]:
    fields = handler.parsed_fn_signature.parameters
    for parameter in model.expected_query_params:
        field = fields.get(parameter.field_name)
        for one in () if field is None else (field, *field.inner_types):
            if one.annotation in _WRITTEN:
                yield parameter.field_alias, _WRITTEN[one.annotation]


def _refused(detail: str, code: str, message: str, source: str, names: list[str]) -> Failure:
    errors = tuple(FieldError(pointer=f"{source}:{name}", code=code, message=message) for name in names)
    return Failure(Kind.MALFORMED, detail, code=code, errors=errors)


@cache
def _reader(wanted: Any, handler: HTTPRouteHandler) -> Reader[Any]:
    return Reader(wanted, dec_hook=handler.default_deserializer)
