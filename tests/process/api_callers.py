"""How tests call an API in-process: a service with its lifespan, a token that says who calls and what they may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from servicekit.app import Service
from servicekit.auth import ACTOR_SCOPE, Caller
from servicekit.failures import Failure, Kind
from servicekit.settings import Secret, ServiceSettings


class TokenSaysAll:
    """A token is `<client>:<scope>+<scope>...`; anything else is no token."""

    async def verify(self, token: str) -> Caller:
        client, colon, scopes = token.partition(":")
        if not colon:
            raise Failure(Kind.UNAUTHENTICATED, "The token is not valid.")
        return Caller(subject=client, client_id=client, scopes=frozenset(scopes.split("+")), actor=client)


def token(*scopes: str, client: str = "console") -> dict[str, str]:
    """The header of a client with these scopes."""
    return {"Authorization": f"Bearer {client}:{'+'.join(scopes)}"}


def person(actor: str, *scopes: str, client: str = "console") -> dict[str, str]:
    """The headers of a client that acts for a person."""
    return {**token(*scopes, ACTOR_SCOPE, client=client), "Syncline-Actor": actor}


def process_service(name: str, database_url: str, redis_url: str) -> ServiceSettings:
    """Settings of a process service that is called in-process."""
    return ServiceSettings(
        name=name,
        layer="process",
        port=1,
        issuer="https://edge.example/oauth",
        audience="syncline-process",
        client_id=name,
        client_secret=Secret("unused"),
        database_url=Secret(database_url),
        schema="process",
        redis_url=redis_url,
    )


@asynccontextmanager
async def calling(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials of *service*, which runs while the context is open."""
    transport = httpx.ASGITransport(service, raise_app_exceptions=False)
    async with _running(service), httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@asynccontextmanager
async def _running(service: Service) -> AsyncIterator[None]:
    """The service's lifespan, as a server runs it: in a task of its own."""
    said: asyncio.Queue[str] = asyncio.Queue()
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def send(message: Any) -> None:
        await said.put(message["type"])

    task = asyncio.create_task(service({"type": "lifespan"}, told.get, send))
    await told.put({"type": "lifespan.startup"})
    assert "lifespan.startup.complete" == await said.get()
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        await task
