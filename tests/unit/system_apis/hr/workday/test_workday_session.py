"""Our token: asked for once, renewed when its life nears its end, and where nobody tells its life, on refusal."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from servicekit.clock import SettableClock
from servicekit.failures import Failure, Kind
from servicekit.settings import read
from servicekit.upstream import Upstream
from system_apis.hr.workday.session import Session
from system_apis.hr.workday.settings import Settings

TOLD = {
    "base_url": "http://hr.example",
    "tenant": "acme",
    "client_id": "c",
    "client_secret": "s",
    "username": "isu",
    "password": "p",
    "known_workers": ["1"],
}


class Endpoint:
    """A token endpoint that counts; it gives `more` with each token."""

    def __init__(self, **more: Any) -> None:
        self.asked: list[httpx.Request] = []
        self.more = more
        self.clock = SettableClock(datetime(2026, 11, 23, tzinfo=UTC))

    def session(self, **changes: Any) -> Session:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        return Session(
            Upstream("login", "http://hr.example", http=http), read(Settings, TOLD | changes, {}), self.clock
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(200, json={"access_token": f"t{len(self.asked)}", "token_type": "Bearer"} | self.more)


async def bearer(session: Session) -> str:
    return (await session.headers())["Authorization"]


async def test_many_calls_sign_in_once() -> None:
    """Whoever comes while the first signs in waits for its token."""
    endpoint = Endpoint(expires_in=3600)
    session = endpoint.session()
    assert {"Bearer t1"} == set(await asyncio.gather(*(bearer(session) for _ in range(5))))
    (request,) = endpoint.asked
    assert ("/ccx/oauth2/acme/token", "Basic Yzpz") == (request.url.path, request.headers["authorization"])
    assert b"grant_type=client_credentials" == request.content
    await session.close()


async def test_a_token_is_renewed_before_its_life_ends() -> None:
    """At four fifths of the life that was told, also where it is told as a text."""
    for life in (3600, "3600"):
        endpoint = Endpoint(expires_in=life)
        session = endpoint.session()
        await bearer(session)
        endpoint.clock.advance(timedelta(seconds=2879))
        assert "Bearer t1" == await bearer(session)
        endpoint.clock.advance(timedelta(seconds=1))
        assert "Bearer t2" == await bearer(session)
        await session.close()


@pytest.mark.parametrize("more", [{}, {"expires_in": "never"}, {"expires_in": 0}])
async def test_a_life_that_is_not_told_ends_with_a_refusal(more: dict[str, Any]) -> None:
    """Used until the first 401, for however long; then a new one."""
    endpoint = Endpoint(**more)
    session = endpoint.session()
    await bearer(session)
    endpoint.clock.advance(timedelta(days=2))
    assert "Bearer t1" == await bearer(session)
    await session.refused()
    assert "Bearer t2" == await bearer(session)
    await session.close()


async def test_a_refresh_token_is_kept() -> None:
    """The configured one is sent each time, whatever the answer brings along; the address may be another."""
    endpoint = Endpoint(refresh_token="another")
    session = endpoint.session(refresh_token="ours", token_url="http://hr.example/elsewhere/token")
    await bearer(session)
    await session.refused()
    await bearer(session)
    assert [b"grant_type=refresh_token&refresh_token=ours"] * 2 == [request.content for request in endpoint.asked]
    assert {"/elsewhere/token"} == {request.url.path for request in endpoint.asked}
    await session.close()


async def test_an_answer_without_a_token_is_refused() -> None:
    """What cannot be read is no token."""
    endpoint = Endpoint(access_token=None)
    session = endpoint.session()
    with pytest.raises(Failure) as caught:
        await session.headers()
    assert Kind.BAD_UPSTREAM is caught.value.kind
    await session.close()


def test_settings_need_a_known_worker() -> None:
    """Without one nobody can tell an empty field from a hidden one."""
    with pytest.raises(Exception, match="known_workers names at least one worker"):
        read(Settings, TOLD | {"known_workers": []}, {})
