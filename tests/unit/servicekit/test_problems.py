"""Every refusal is problem+json by RFC 9457, the framework's own included, and shows nothing of what lies behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from servicekit.app import Service
from servicekit.failures import Kind
from servicekit.problems import TITLES

GOOD = {"name": "n", "value": {"amount": "1.50", "currency": "EUR"}}
KEY = {"Idempotency-Key": "k-1"}


def test_every_kind_has_a_title() -> None:
    """A new kind of failure cannot be forgotten."""
    assert set(Kind) == set(TITLES)
    assert len(Kind) == len(set(TITLES.values()))


async def test_a_failure_is_a_problem_without_the_vendors_words(things: httpx.AsyncClient) -> None:
    """The whole problem, exactly; what the vendor said is not in it."""
    answer = await things.get("/v1/things/missing")
    problem = answer.json()
    trace_id = problem.pop("trace_id")
    assert {
        "type": "/docs/problems/not_found",
        "title": "Not found",
        "status": 404,
        "code": "not_found",
        "detail": "There is no such thing.",
        "retryable": False,
        "errors": [],
    } == problem
    assert (404, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    assert answer.headers["trace-id"] == trace_id
    assert "ORA" not in answer.text


async def test_waiting_time_is_sent_in_whole_seconds_rounded_up(things: httpx.AsyncClient) -> None:
    """1.2 s become Retry-After: 2."""
    answer = await things.get("/v1/things/later")
    assert (503, "2", True) == (answer.status_code, answer.headers["retry-after"], answer.json()["retryable"])


async def test_a_bug_shows_nothing_of_itself(things: httpx.AsyncClient) -> None:
    """An unexpected exception is a 500 without its text, and not worth repeating."""
    answer = await things.get("/v1/things/bug")
    assert (500, "internal_error", False) == (answer.status_code, answer.json()["code"], answer.json()["retryable"])
    assert "hunter2" not in answer.text


async def test_an_unknown_address_is_a_problem(things: httpx.AsyncClient) -> None:
    """The router's own 404 has the same form."""
    answer = await things.get("/v1/nothing/here")
    assert (404, "application/problem+json", "not_found") == (
        answer.status_code,
        answer.headers["content-type"],
        answer.json()["code"],
    )


@pytest.mark.parametrize("method", ["POST", "PATCH", "OPTIONS", "HEAD", "TRACE"])
async def test_an_unknown_method_names_the_known_ones(things: httpx.AsyncClient, method: str) -> None:
    """405 carries Allow with what the contract has, and OPTIONS is not in it."""
    answer = await things.request(method, "/v1/things/1")
    assert (405, "DELETE, GET, PUT") == (answer.status_code, answer.headers["allow"])


async def test_a_body_that_does_not_fit_lists_every_mistake(things: httpx.AsyncClient) -> None:
    """422 with one entry per mistake, each with its JSON Pointer; texts are not taken for numbers."""
    body = {"name": "", "value": {"amount": 1.5, "currency": "eur", "a/b": 1}, "count": "5", "more": 1}
    answer = await things.post("/v1/things", json=body, headers=KEY)
    assert (422, "invalid") == (answer.status_code, answer.json()["code"])
    assert [
        ("/count", "invalid"),
        ("/more", "unknown_field"),
        ("/name", "invalid"),
        ("/value/amount", "invalid"),
        ("/value/a~1b", "unknown_field"),
        ("/value/currency", "invalid"),
    ] == [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e5", "", "1.", "+1", "1\n", " 1", 1, None])
async def test_money_is_a_plain_decimal_text(things: httpx.AsyncClient, amount: object) -> None:
    """Numbers, exponents, NaN and decoration are refused: an amount is what the contract's pattern says."""
    body = {"name": "n", "value": {"amount": amount, "currency": "EUR"}}
    answer = await things.post("/v1/things", json=body, headers=KEY)
    assert (422, ["/value/amount"]) == (answer.status_code, [error["pointer"] for error in answer.json()["errors"]])


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_json"),
        (b"\xff", "application/json", 400, "malformed_json"),
        (b"[" * 5000, "application/json", 400, "malformed_json"),
        (b"", "application/json", 400, "body_required"),
        (b"null", "application/json", 422, "invalid"),
        (b"[]", "application/json", 422, "invalid"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{}", "", 415, "unsupported_media_type"),
        (b"x" * (1024 * 1024 + 1), "application/json", 413, "too_large"),
    ],
)
async def test_a_body_that_cannot_be_read(
    things: httpx.AsyncClient, content: bytes, media_type: str, status: int, code: str
) -> None:
    """Broken, empty, misfit, mislabelled and oversized bodies are each their own problem."""
    headers = KEY | ({"Content-Type": media_type} if media_type else {})
    answer = await things.post("/v1/things", content=content, headers=headers)
    assert (status, code) == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize(
    ("query", "code", "pointer", "inner"),
    [
        ("limit=0", "invalid_parameter", "query:limit", "invalid"),
        ("limit=x", "invalid_parameter", "query:limit", "invalid"),
        ("colour=red", "unknown_parameter", "query:colour", "unknown_parameter"),
        ("limit=1&limit=2", "repeated_parameter", "query:limit", "repeated_parameter"),
        ("=", "unknown_parameter", "query:", "unknown_parameter"),
    ],
)
async def test_a_wrong_query_is_refused(
    things: httpx.AsyncClient, query: str, code: str, pointer: str, inner: str
) -> None:
    """Parameters out of range, unknown or repeated are 400 and named."""
    answer = await things.get(f"/v1/things/1?{query}")
    assert (400, code, [(pointer, inner)]) == (
        answer.status_code,
        answer.json()["code"],
        [(error["pointer"], error["code"]) for error in answer.json()["errors"]],
    )


async def test_a_missing_header_is_named(things: httpx.AsyncClient) -> None:
    """A required header that is not there is 400 with its name."""
    answer = await things.post("/v1/things", json=GOOD)
    assert (400, "header:Idempotency-Key", "required") == (
        answer.status_code,
        answer.json()["errors"][0]["pointer"],
        answer.json()["errors"][0]["code"],
    )


async def test_a_wrong_header_is_named(things: httpx.AsyncClient) -> None:
    """A header that does not fit its schema is 400 with its name as it is sent."""
    answer = await things.post("/v1/things", json=GOOD, headers={"Idempotency-Key": "k" * 65})
    assert (400, ["header:Idempotency-Key"]) == (
        answer.status_code,
        [error["pointer"] for error in answer.json()["errors"]],
    )


async def test_decimals_and_moments_leave_as_text(things: httpx.AsyncClient) -> None:
    """Decimals keep their digits, moments end in Z."""
    answer = await things.get("/v1/things/1")
    assert {
        "id": "thg_1",
        "name": "one",
        "value": {"amount": "12.50", "currency": "EUR"},
        "made_at": "2026-11-23T09:00:00Z",
    } == answer.json()


async def test_refusals_before_the_limit_are_problems_too(make_service: Callable[..., Service], talk: Any) -> None:
    """A token that is none is refused as a problem with the way to a good one."""
    async with talk(make_service(), token="bad") as client:
        answer = await client.get("/v1/things/1")
    assert (401, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    assert (
        'Bearer error="invalid_token", error_description="The token is not valid.", '
        'resource_metadata="https://edge.example/.well-known/oauth-protected-resource/system"'
    ) == answer.headers["www-authenticate"]
