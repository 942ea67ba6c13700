"""Access tokens for calls between our services: client credentials. Sources: RFC 6749 section 4.4, RFC 8707."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import httpx
import msgspec

from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.settings import Secret
from servicekit.transport import LOST, http_client

T = TypeVar("T")

USED_SHARE = 0.8  # a token is renewed after this share of its life
_TIMEOUT_S = 10.0
_DEFAULT_LIFE_S = 300  # where the issuer does not say


class IssuerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What we use of an issuer's discovery document (RFC 8414)."""

    issuer: str
    jwks_uri: str
    token_endpoint: str = ""


class _TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    expires_in: int = _DEFAULT_LIFE_S


class ClientCredentials:
    """The token source for one audience; also the `auth` of an Upstream. Keeps one token, renewed once at a time."""

    def __init__(
        self,
        issuer: str,
        *,
        client_id: str,
        client_secret: Secret,
        audience: str,
        clock: Clock,
        scope: str = "",
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._issuer = issuer
        self._client = (client_id, client_secret)
        self._audience = audience
        self._scope = scope
        self._clock = clock
        self._http = http or http_client()
        self._lock = asyncio.Lock()
        self._endpoint = ""
        self._token = ""
        self._renew_at: datetime | None = None

    async def token(self) -> str:
        """A token that is good for a while. Fails UNAVAILABLE or MISCONFIGURED."""
        if self._fresh():
            return self._token
        async with self._lock:
            if not self._fresh():
                await self._renew()
            return self._token

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {await self.token()}"}

    async def refused(self) -> None:
        self.invalidate()

    def invalidate(self) -> None:
        """Forgets the token: the next call obtains another."""
        self._renew_at = None

    async def aclose(self) -> None:
        await self._http.aclose()

    def _fresh(self) -> bool:
        return self._renew_at is not None and self._clock.now() < self._renew_at

    async def _renew(self) -> None:
        self._endpoint = self._endpoint or (await discover(self._http, self._issuer)).token_endpoint
        form = {"grant_type": "client_credentials", "resource": self._audience}
        if self._scope:
            form["scope"] = self._scope
        client_id, secret = self._client
        asked_at = self._clock.now()
        response = await _sent(
            self._http,
            self._http.build_request("POST", self._endpoint, data=form),
            httpx.BasicAuth(client_id, secret.reveal()),
        )
        answer = _decoded(response, _TokenAnswer)
        self._token = answer.access_token
        self._renew_at = asked_at + timedelta(seconds=answer.expires_in * USED_SHARE)


async def discover(http: httpx.AsyncClient, issuer: str) -> IssuerMetadata:
    """The issuer's discovery document. Fails UNAVAILABLE, or MISCONFIGURED when it speaks for another issuer."""
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    metadata = await fetched(http, url, IssuerMetadata)
    if metadata.issuer != issuer:
        raise Failure(Kind.MISCONFIGURED, "The token issuer's own name is not the one that is configured.")
    return metadata


async def fetched(http: httpx.AsyncClient, url: str, wanted: type[T]) -> T:
    """The JSON document at *url*, one of the issuer's. Fails UNAVAILABLE."""
    return _decoded(await _sent(http, http.build_request("GET", url)), wanted)


async def _sent(http: httpx.AsyncClient, request: httpx.Request, auth: httpx.Auth | None = None) -> httpx.Response:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await http.send(request, auth=auth)
    except (TimeoutError, *LOST) as error:
        raise Failure(Kind.UNAVAILABLE, "The token issuer cannot be reached right now.", retry_after_s=5) from error


def _decoded(response: httpx.Response, wanted: type[T]) -> T:
    if response.status_code in {400, 401, 403}:
        detail = "The token issuer refuses this service's own credentials."
        raise Failure(Kind.MISCONFIGURED, detail, vendor_detail=response.text[:500])
    try:
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=wanted)
    except (httpx.HTTPStatusError, msgspec.DecodeError) as error:
        raise Failure(Kind.UNAVAILABLE, "The token issuer's answer cannot be used.", retry_after_s=5) from error
