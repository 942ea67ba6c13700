"""Our session at Salesforce: JWT bearer or client credentials. Source: help.salesforce.com, OAuth 2.0 flows.

A token tells no expiry: it is used until Salesforce answers 401, then one new one is asked for and the call replayed.
"""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from urllib.parse import urlencode

import msgspec
from joserfc import jwt
from joserfc.jwk import RSAKey

from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.upstream import Upstream
from system_apis.crm.salesforce.errors import login_failure
from system_apis.crm.salesforce.settings import Settings

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105  a path
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_S = 180  # Salesforce takes five minutes at most; clocks differ

_used: ContextVar[str] = ContextVar("salesforce_token_used", default="")


class _Token(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    instance_url: str


class Session:
    """The `auth` of the upstreams of one organisation. Signs in once for however many calls wait for it."""

    def __init__(self, login: Upstream, settings: Settings, clock: Clock) -> None:
        self._login = login
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: _Token | None = None

    async def headers(self) -> Mapping[str, str]:
        token = (await self._opened()).access_token
        _used.set(token)
        return {"Authorization": f"Bearer {token}"}

    async def refused(self) -> None:
        """Forget the token, unless another call has already replaced the one that was refused."""
        if self._token is not None and self._token.access_token == _used.get():
            self._token = None

    async def instance_url(self) -> str:
        """Where the organisation's data is: only Salesforce knows, and it may move between two sessions."""
        return (await self._opened()).instance_url

    async def close(self) -> None:
        await self._login.aclose()

    async def _opened(self) -> _Token:
        async with self._lock:
            if self._token is None:
                self._token = await self._signed_in()
            return self._token

    async def _signed_in(self) -> _Token:
        """Fails MISCONFIGURED `crm_login_refused`, or as the login host is not well."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        content = urlencode(self._form()).encode()
        response = await self._login.send("POST", TOKEN_PATH, content=content, headers=headers, idempotent=True)
        if not response.is_success:
            raise login_failure(response)
        try:
            return msgspec.json.decode(response.content, type=_Token)
        except msgspec.DecodeError as error:
            raise Failure(Kind.BAD_UPSTREAM, "the CRM's login answered what cannot be read") from error

    def _form(self) -> dict[str, str]:
        settings = self._settings
        if settings.grant == "jwt_bearer":
            return {"grant_type": JWT_BEARER, "assertion": self._assertion()}
        assert settings.consumer_secret is not None  # settings see to it
        return {
            "grant_type": "client_credentials",
            "client_id": settings.consumer_key,
            "client_secret": settings.consumer_secret.reveal(),
        }

    def _assertion(self) -> str:
        settings = self._settings
        assert settings.private_key is not None  # settings see to it
        claims = {
            "iss": settings.consumer_key,
            "sub": settings.username,
            "aud": settings.audience or settings.login_url,
            "exp": int(self._clock.now().timestamp()) + ASSERTION_S,
        }
        try:
            key = RSAKey.import_key(settings.private_key.reveal())
        except ValueError as error:
            raise Failure(Kind.MISCONFIGURED, "the private key for the CRM cannot be read") from error
        return jwt.encode({"alg": "RS256"}, claims, key)
