"""Who is calling: bearer tokens verified and cached, scopes, actors. Sources: RFC 9068, RFC 6750, RFC 8725."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from servicekit.clock import Clock
from servicekit.failures import Failure, FieldError, Kind
from servicekit.tokens import discover, fetched
from servicekit.transport import http_client

ACTOR_HEADER = "Syncline-Actor"
ACTOR_SCOPE = "actor.assert"
ACTOR_PATTERN = "^[!-~]([ -~]{0,198}[!-~])?$"  # printable ASCII, no space at either end
ALGORITHMS = ("RS256", "ES256")
TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})  # an ID token is not one (RFC 9068 section 4)
MAX_TOKEN_BYTES = 8192
SKEW_S = 60
KEYS_MAX_AGE = timedelta(minutes=10)
REFETCH_INTERVAL = timedelta(seconds=30)  # an unknown key id makes us ask again, this often at most
CACHED_TOKENS = 4096
CACHED_FOR_S = 300  # a withdrawn key or token is noticed after this long at the latest

_ACTOR = re.compile(ACTOR_PATTERN.strip("^$"))


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The principal behind a request. `actor` is the person or partner it acts for, else itself."""

    subject: str
    client_id: str
    scopes: frozenset[str]
    actor: str


class TokenVerifier(Protocol):
    """Turns a bearer token into its caller, or fails UNAUTHENTICATED or UNAVAILABLE."""

    async def verify(self, token: str) -> Caller: ...


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    iss: str
    sub: str
    aud: str | list[str]
    client_id: str
    scope: str
    exp: int
    iat: int
    nbf: int = 0


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    alg: str
    kid: str
    typ: str
    crit: msgspec.Raw | None = None


class Verifier:
    """Verifies access tokens of one issuer for one audience. A token of another layer's audience is not valid here."""

    def __init__(self, issuer: str, audience: str, *, clock: Clock, http: httpx.AsyncClient | None = None) -> None:
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._keys = _Keys(issuer, clock, http or http_client())
        self._cache: dict[bytes, tuple[Caller, float]] = {}

    async def verify(self, token: str) -> Caller:
        """The token's caller. Fails UNAUTHENTICATED, or UNAVAILABLE while the issuer's keys cannot be read."""
        if len(token) > MAX_TOKEN_BYTES:
            raise _invalid("The token is too long.")
        fingerprint = hashlib.sha256(token.encode()).digest()
        now = self._clock.now().timestamp()
        if (found := self._cache.get(fingerprint)) and now < found[1]:
            return found[0]
        claims = await self._verified(token)
        self._check(claims, now)
        caller = Caller(
            subject=claims.sub, client_id=claims.client_id, scopes=frozenset(claims.scope.split()), actor=claims.sub
        )
        self._remember(fingerprint, caller, min(claims.exp + SKEW_S, now + CACHED_FOR_S), now)
        return caller

    async def aclose(self) -> None:
        await self._keys.aclose()

    async def _verified(self, token: str) -> _Claims:
        header = _header(token)
        keys = await self._keys.holding(header.kid, on_change=self._cache.clear)
        try:
            decoded = jwt.decode(token, keys.get_by_kid(header.kid), algorithms=ALGORITHMS)
            return msgspec.convert(decoded.claims, _Claims)
        except (JoseError, ValueError, msgspec.ValidationError) as error:
            raise _invalid("The token is not valid.") from error

    def _check(self, claims: _Claims, now: float) -> None:
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if claims.iss != self._issuer:
            raise _invalid("The token comes from another issuer.")
        if self._audience not in audiences:
            raise _invalid("The token is meant for another layer.")
        if now >= claims.exp + SKEW_S:
            raise _invalid("The token has expired.")
        if now < max(claims.nbf, claims.iat) - SKEW_S:
            raise _invalid("The token is not valid yet.")

    def _remember(self, fingerprint: bytes, caller: Caller, until: float, now: float) -> None:
        if len(self._cache) >= CACHED_TOKENS:
            live = {key: entry for key, entry in self._cache.items() if now < entry[1]}
            self._cache = dict(list(live.items())[-(CACHED_TOKENS // 2) :])
        self._cache[fingerprint] = (caller, until)


class _Keys:
    """The issuer's key set, read again when it is old or when a token names a key that is not in it."""

    def __init__(self, issuer: str, clock: Clock, http: httpx.AsyncClient) -> None:
        self._issuer = issuer
        self._clock = clock
        self._http = http
        self._lock = asyncio.Lock()
        self._set = KeySet([])
        self._ids: frozenset[str] = frozenset()
        self._read_at: datetime | None = None
        self._tried_at: datetime | None = None

    async def holding(self, kid: str, *, on_change: Any) -> KeySet:
        """The key set with the key *kid* in it. *on_change* is called when a key has been withdrawn."""
        if self._wants_reading(kid):
            async with self._lock:
                if self._wants_reading(kid):
                    await self._read(kid, on_change)
        if kid not in self._ids:
            raise _invalid("The token is signed with a key that the issuer does not publish.")
        return self._set

    async def aclose(self) -> None:
        await self._http.aclose()

    def _wants_reading(self, kid: str) -> bool:
        now = self._clock.now()
        if self._read_at is None:
            return True
        if kid in self._ids and now < self._read_at + KEYS_MAX_AGE:
            return False
        return self._tried_at is None or now >= self._tried_at + REFETCH_INTERVAL

    async def _read(self, kid: str, on_change: Any) -> None:
        self._tried_at = self._clock.now()
        try:
            metadata = await discover(self._http, self._issuer)
            document = await fetched(self._http, metadata.jwks_uri, dict[str, Any])
            keys = KeySet.import_key_set(document)  # type: ignore[arg-type]
        except (Failure, JoseError, ValueError, KeyError, TypeError) as error:
            if kid in self._ids:
                return  # a known key outlives the issuer's absence
            detail = "The token issuer's keys cannot be read right now."
            raise Failure(Kind.UNAVAILABLE, detail, retry_after_s=REFETCH_INTERVAL.total_seconds()) from error
        ids = frozenset(key.kid for key in keys.keys if key.kid)
        if self._ids - ids:
            on_change()
        self._set, self._ids, self._read_at = keys, ids, self._tried_at


class requires:  # noqa: N801  reads as a word where it is used: guards=[requires("crm.opportunities.read")]
    """A route's guard: all of these scopes are needed. A route without one makes the service refuse to start."""

    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        self.check(connection.scope)

    def check(self, scope: Any) -> None:
        """Fails DENIED when the caller in the scope has not all of them."""
        missing = [one for one in self.scopes if one not in scope["auth"].scopes]
        if missing:
            scope["state"]["required_scopes"] = self.scopes
            detail = f"The token lacks the scope {' '.join(missing)}."
            raise Failure(Kind.DENIED, detail, code="insufficient_scope")


def taken_over(handler: BaseRouteHandler) -> tuple[requires, ...]:
    """The `requires` of a route, which from here on the caller of this checks.

    Litestar copies the whole handler for each guard of each request; that costs more than the check (measured).
    """
    guards = handler.resolve_guards()
    handler._resolved_guards = [guard for guard in guards if not isinstance(guard, requires)]  # noqa: SLF001
    return tuple(guard for guard in guards if isinstance(guard, requires))


def scopes_of(handler: BaseRouteHandler) -> tuple[str, ...] | None:
    """The scopes that a route demands, or None when it has no `requires` at all."""
    found = [guard for layer in handler.ownership_layers for guard in layer.guards or () if isinstance(guard, requires)]
    return tuple(dict.fromkeys(scope for guard in found for scope in guard.scopes)) if found else None


def bearer(authorization: str | None) -> str:
    """The token in an Authorization header. Fails UNAUTHENTICATED."""
    if not authorization:
        raise Failure(Kind.UNAUTHENTICATED, "An access token is required.", code="token_required")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Failure(Kind.UNAUTHENTICATED, "A bearer token is required.", code="token_required")
    return token.strip()


def acting_for(caller: Caller, actor: str | None) -> Caller:
    """*caller* with the actor of the header, if there is one. Fails DENIED without the scope, MALFORMED if unfit."""
    if actor is None:
        return caller
    if ACTOR_SCOPE not in caller.scopes:
        raise Failure(Kind.DENIED, f"Naming an actor needs the scope {ACTOR_SCOPE}.", code="actor_not_allowed")
    if not _ACTOR.fullmatch(actor):
        wrong = FieldError(pointer=f"header:{ACTOR_HEADER}", code="invalid", message="Up to 200 printable characters.")
        raise Failure(Kind.MALFORMED, "The actor cannot be read.", code="invalid_parameter", errors=(wrong,))
    return msgspec.structs.replace(caller, actor=actor)


def _header(token: str) -> _Header:
    encoded = token.partition(".")[0]
    try:
        raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        header = msgspec.json.decode(raw, type=_Header)
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise _invalid("The token is not valid.") from error
    if header.alg not in ALGORITHMS or header.typ.lower() not in TOKEN_TYPES or header.crit is not None:
        raise _invalid("The token is of a type that is not taken here.")
    return header


def _invalid(detail: str) -> Failure:
    return Failure(Kind.UNAUTHENTICATED, detail)
