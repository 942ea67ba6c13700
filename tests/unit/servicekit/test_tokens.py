"""Our own tokens: obtained once, renewed before they end, forgotten when refused."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import httpx
import pytest

from servicekit.clock import SettableClock
from servicekit.failures import Failure, Kind
from servicekit.settings import Secret
from servicekit.tokens import ClientCredentials


def source(
    http: httpx.AsyncClient, clock: SettableClock, issuer: str = "https://edge.example/oauth"
) -> ClientCredentials:
    secret = Secret("hidden")
    return ClientCredentials(
        issuer, client_id="process", client_secret=secret, audience="syncline-system", clock=clock, http=http
    )


async def test_a_token_is_obtained_by_client_credentials_for_the_audience(issuer: Any, clock: SettableClock) -> None:
    """The grant, the resource and the credentials are sent as RFC 6749 and RFC 8707 say."""
    headers = await source(issuer.http(), clock).headers()
    basic = base64.b64encode(b"process:hidden").decode()
    assert {"Authorization": "Bearer token-1"} == headers
    assert [
        {"grant_type": "client_credentials", "resource": "syncline-system", "authorization": f"Basic {basic}"}
    ] == issuer.forms


async def test_many_askers_lead_to_one_grant(issuer: Any, clock: SettableClock) -> None:
    """One refresh at a time, and its result for all."""
    tokens = source(issuer.http(), clock)
    assert ["token-1"] * 20 == await asyncio.gather(*(tokens.token() for _ in range(20)))


async def test_a_token_is_renewed_after_four_fifths_of_its_life(issuer: Any, clock: SettableClock) -> None:
    """A token of 100 s is used for 80."""
    tokens = source(issuer.http(), clock)
    await tokens.token()
    clock.advance(timedelta(seconds=79))
    assert "token-1" == await tokens.token()
    clock.advance(timedelta(seconds=1))
    assert "token-2" == await tokens.token()


async def test_a_refused_token_is_forgotten(issuer: Any, clock: SettableClock) -> None:
    """After refused() the next call obtains another."""
    tokens = source(issuer.http(), clock)
    await tokens.token()
    await tokens.refused()
    assert "token-2" == await tokens.token()


async def test_an_issuer_that_is_away_is_unavailable(issuer: Any, clock: SettableClock) -> None:
    """Nobody there: try again later."""
    issuer.down = True
    with pytest.raises(Failure) as caught:
        await source(issuer.http(), clock).token()
    assert Kind.UNAVAILABLE is caught.value.kind


async def test_an_issuer_that_refuses_us_is_our_misconfiguration(clock: SettableClock) -> None:
    """Wrong credentials are ours to mend; what the issuer said is logged, not shown."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            urls = {"jwks_uri": "https://edge.example/jwks", "token_endpoint": "https://edge.example/token"}
            return httpx.Response(200, json={"issuer": "https://edge.example/oauth", **urls})
        return httpx.Response(401, json={"error": "invalid_client"})

    with pytest.raises(Failure) as caught:
        await source(httpx.AsyncClient(transport=httpx.MockTransport(answer)), clock).token()
    assert (Kind.MISCONFIGURED, '{"error":"invalid_client"}') == (caught.value.kind, caught.value.vendor_detail)
    assert "invalid_client" not in caught.value.detail
