"""What no request gets in with: headers that contradict themselves, NUL, packed bodies."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

GOOD: dict[str, Any] = {"name": "n", "value": {"amount": "1.50", "currency": "EUR"}}
KEY = {"Idempotency-Key": "k"}


def told(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, code, and the places of the mistakes."""
    problem = answer.json()
    return answer.status_code, problem["code"], [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Authorization", ("Bearer t.things.read", "Bearer bad")),
        ("Authorization", ("Bearer t.things.read", "Bearer t.things.read")),
        ("Syncline-Actor", ("per_1", "per_2")),
        ("Idempotency-Key", ("one", "two")),
    ],
)
async def test_a_header_that_decides_stands_once(things: httpx.AsyncClient, name: str, values: tuple[str, ...]) -> None:
    """Which of two tokens, names or keys counts would be anybody's guess, and the edge's another than the service's."""
    token = {"Authorization": "Bearer t.things.read"} if name != "Authorization" else {}
    request = things.build_request("GET", "/v1/things/1", headers=[*token.items(), *((name, one) for one in values)])
    assert (400, "repeated_header", [f"header:{name}"]) == told(await things.send(request))


async def test_nul_stands_in_no_parameter(things: httpx.AsyncClient) -> None:
    """No store keeps it in a text; a query must not break on it."""
    assert (400, "invalid_parameter", ["query:limit"]) == told(await things.get("/v1/things/1?limit=%00"))
    assert (400, "invalid_parameter", ["path:"]) == told(await things.get("/v1/things/a%00b"))


@pytest.mark.parametrize("value", ["null", "NULL", "Null"])
async def test_null_is_no_value_of_a_parameter(things: httpx.AsyncClient, value: str) -> None:
    """It would pass for a parameter that was left out: a filter that does not filter."""
    assert (400, "invalid_parameter", ["query:since"]) == told(await things.get(f"/v1/things/1?since={value}"))


@pytest.mark.parametrize(
    ("name", "good", "odd"),
    [
        ("until", ("2026-11-23T09:15:00Z", "2026-11-23T09:15:00.5%2B01:00"), ("0.5", "0", "1764280000", "2026-11-23")),
        ("since", ("2026-11-23",), ("0", "20261123", "2026-11-23T00:00:00Z")),
        ("whole", ("true", "false"), ("1", "0", "on", "TRUE")),
        ("limit", ("7",), ("7.0", "7e0", "%2B7", "0x7", "1_0")),
    ],
)
async def test_a_parameter_is_written_as_its_contract_says(
    things: httpx.AsyncClient, name: str, good: tuple[str, ...], odd: tuple[str, ...]
) -> None:
    """No seconds since 1970 for a moment, no 1 for true: what is taken for something else is not asked for."""
    answers = [await things.get(f"/v1/things/1?{name}={value}") for value in good]
    assert [200] * len(good) == [answer.status_code for answer in answers]
    for value in odd:
        assert (400, "invalid_parameter", [f"query:{name}"]) == told(await things.get(f"/v1/things/1?{name}={value}"))


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"name": "a\0b"}, ["/name"]),
        ({"name": "\0", "value": {"amount": "1\0", "currency": "EUR"}}, ["/name", "/value/amount"]),
        ({"na\0me": "x"}, [""]),
    ],
)
async def test_nul_stands_in_no_text_of_a_body(
    things: httpx.AsyncClient, changes: dict[str, Any], places: list[str]
) -> None:
    """Each place is named, whatever else the type allows there."""
    content = json.dumps({**GOOD, **changes})
    headers = {**KEY, "Content-Type": "application/json"}
    assert (422, "invalid", places) == told(await things.post("/v1/things", content=content, headers=headers))


async def test_a_backslash_before_u0000_is_a_text_like_any_other(things: httpx.AsyncClient) -> None:
    """What only looks like NUL, written out, is let through."""
    answer = await things.post("/v1/things", json={**GOOD, "name": r"\u0000"}, headers=KEY)
    assert 201 == answer.status_code


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, gzip"])
async def test_a_packed_body_is_not_opened(things: httpx.AsyncClient, coding: str) -> None:
    """Nobody here unpacks, so nothing can swell; the caller is told what is wrong with it."""
    headers = {**KEY, "Content-Type": "application/json", "Content-Encoding": coding}
    answer = await things.post("/v1/things", content=gzip.compress(json.dumps(GOOD).encode()), headers=headers)
    assert (415, "unsupported_media_type", []) == told(answer)


async def test_a_body_that_is_said_to_be_as_it_is_is_taken(things: httpx.AsyncClient) -> None:
    """`identity` says nothing."""
    answer = await things.post("/v1/things", json=GOOD, headers={**KEY, "Content-Encoding": "identity"})
    assert 201 == answer.status_code
