"""What every service does by being made with create_service."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import ImproperlyConfiguredException

from servicekit.app import Service
from servicekit.auth import requires
from servicekit.clock import SettableClock
from servicekit.health import Check
from servicekit.limits import Limiter

GOOD = {"name": "n", "value": {"amount": "1.50", "currency": "EUR"}}


@get("/v1/open", operation_id="open")
async def unguarded() -> None:
    """A route that forgot its guard."""


@get("/v1/parts", operation_id="getParts", guards=[requires("t.parts.read")])
async def parts(shelf: NamedDependency[list[str]], label: NamedDependency[str]) -> dict[str, str]:
    """What the service has opened."""
    return {"shelf": ",".join(shelf), "label": label}


def test_a_route_without_a_guard_stops_the_start(make_service: Callable[..., Service]) -> None:
    """Deny by default: forgetting `requires` is noticed before anyone can call."""
    with pytest.raises(ImproperlyConfiguredException, match="neither guarded by requires"):
        make_service(routes=[unguarded])


async def test_resources_open_in_order_and_close_in_reverse(make_service: Callable[..., Service], talk: Any) -> None:
    """Resources are on the state while the service runs, later ones may use earlier ones, all are closed."""
    events: list[str] = []

    @asynccontextmanager
    async def shelf(_app: Litestar) -> AsyncIterator[list[str]]:
        events.append("open shelf")
        yield ["a", "b"]
        events.append("close shelf")

    @asynccontextmanager
    async def reader(app: Litestar) -> AsyncIterator[str]:
        events.append(f"open reader of {len(app.state.shelf)}")
        yield "reader"
        events.append("close reader")

    service = make_service(routes=[parts], resources={"shelf": shelf, "reader": reader}, dependencies={"label": "left"})
    async with talk(service, token="t.parts.read") as client:
        answer = await client.get("/v1/parts")
    assert {"shelf": "a,b", "label": "left"} == answer.json()
    assert ["open shelf", "open reader of 2", "close reader", "close shelf"] == events


async def test_every_answer_carries_the_houses_fields(things: httpx.AsyncClient) -> None:
    """Good answers and the router's refusals alike are not stored, not framed, traced and correlated."""
    for path in ("/v1/things/1", "/nowhere", "/v1/things/bug"):
        headers = (await things.get(path)).headers
        assert ("no-store", "nosniff", "no-referrer", "default-src 'none'; frame-ancestors 'none'") == (
            headers["cache-control"],
            headers["x-content-type-options"],
            headers["referrer-policy"],
            headers["content-security-policy"],
        )
        assert re.fullmatch("[0-9a-f]{32}", headers["trace-id"])
        assert re.fullmatch("cor_[0-9a-f]{32}", headers["syncline-correlation-id"])


async def test_the_caller_of_a_route_may_name_an_actor(make_service: Callable[..., Service], talk: Any) -> None:
    """With actor.assert the header is the actor; without the header the caller is."""
    headers = {"Idempotency-Key": "k"}
    async with talk(make_service(), token="t.things.write+actor.assert") as client:
        named = await client.post("/v1/things", json=GOOD, headers={**headers, "Syncline-Actor": "per_7"})
        plain = await client.post("/v1/things", json=GOOD, headers=headers)
    assert ["per_7", "svc"] == [named.json()["name"], plain.json()["name"]]


async def test_health_needs_no_token_and_keeps_three_questions_apart(
    make_service: Callable[..., Service], talk: Any
) -> None:
    """Live is the process; ready the required dependencies; dependencies all of them, one by one."""
    down = {"platform"}

    async def database(_state: State) -> None:
        if "database" in down:
            raise ConnectionError("no route to 10.0.0.7")

    async def platform(_state: State) -> None:
        if "platform" in down:
            raise ConnectionError("no route to 10.0.0.8")

    checks = {"database": Check(database), "platform": Check(platform, required=False)}
    async with talk(make_service(health_checks=checks)) as client:
        client.headers.pop("authorization")
        ready = await client.get("/health/ready")
        each = await client.get("/health/dependencies")
        down.add("database")
        no_longer = await client.get("/health/ready")
        live = await client.get("/health/live")
        still = await client.get("/health/dependencies")
    assert [200, 503, 200, 200] == [ready.status_code, no_longer.status_code, live.status_code, still.status_code]
    assert {"database": "up", "platform": "down"} == {
        name: found["state"] for name, found in each.json()["dependencies"].items()
    }
    assert "10.0.0" not in each.text


async def test_a_probe_that_hangs_is_timed_out(make_service: Callable[..., Service], talk: Any) -> None:
    """A dependency that does not answer is down after its time-out."""

    async def hanging(_state: State) -> None:
        raise TimeoutError

    async with talk(make_service(health_checks={"slow": Check(hanging)})) as client:
        answer = await client.get("/health/ready")
    assert (503, "timed_out") == (answer.status_code, answer.json()["dependencies"]["slow"]["state"])


async def test_the_limit_counts_per_client_and_says_so(
    make_service: Callable[..., Service], talk: Any, clock: SettableClock
) -> None:
    """Every answer says what is left; when nothing is, 429 says when to come back, and then one may."""
    async with talk(make_service(limiter=Limiter(2, clock=clock))) as client:
        first = await client.get("/v1/things/1")
        second = await client.get("/v1/things/missing")
        third = await client.get("/v1/things/1")
        clock.advance(timedelta(seconds=30))
        fourth = await client.get("/v1/things/1")
    assert [200, 404, 429, 200] == [answer.status_code for answer in (first, second, third, fourth)]
    assert ['"client";r=1;t=30', '"client";r=0;t=60', '"client";r=0;t=60', '"client";r=0;t=60'] == [
        answer.headers["ratelimit"] for answer in (first, second, third, fourth)
    ]
    assert ('"client";q=2;w=60', "30", "throttled") == (
        third.headers["ratelimit-policy"],
        third.headers["retry-after"],
        third.json()["code"],
    )


async def test_the_contract_is_served_without_a_token(things: httpx.AsyncClient) -> None:
    """Both forms say the same."""
    things.headers.pop("authorization")
    as_json, as_yaml = await things.get("/openapi.json"), await things.get("/openapi.yaml")
    assert ("application/json", "application/yaml") == (
        as_json.headers["content-type"],
        as_yaml.headers["content-type"].partition(";")[0],
    )
    assert "things" == as_json.json()["info"]["x-api-id"]
    assert as_yaml.text.startswith("openapi: 3.1.0\ninfo:\n  title: Things\n")
