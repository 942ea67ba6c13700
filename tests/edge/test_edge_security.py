"""Who gets through the edge, and what gets through with them."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from gateway.compiler.topology import Limits

ONBOARDINGS = "/process/project-onboarding/v1/onboardings"
VIEW = "/experience/v1/views/home"


async def test_no_token_is_unauthenticated_and_told_where_tokens_come_from(edge: Any) -> None:
    """RFC 6750 section 3: no error code where no token was sent; RFC 9728: the resource's metadata."""
    async with edge.client() as caller:
        answer = await caller.get(ONBOARDINGS)
    metadata = f"{edge.topology.origin}/.well-known/oauth-protected-resource/process/project-onboarding/v1"
    assert 401 == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]
    assert "no-store" == answer.headers["cache-control"]
    assert f'Bearer resource_metadata="{metadata}"' == answer.headers["www-authenticate"]
    assert "invalid_token" == answer.json()["code"]


@pytest.mark.parametrize(
    ("path", "layer", "claims"),
    [
        (ONBOARDINGS, "experience", {}),
        (ONBOARDINGS, "system", {}),
        (VIEW, "process", {}),
        (VIEW, "experience", {"age_s": 3600}),
        (VIEW, "experience", {"iss": "https://elsewhere.example"}),
    ],
)
async def test_a_token_of_another_layer_age_or_issuer_is_invalid(
    edge: Any, path: str, layer: str, claims: dict[str, Any]
) -> None:
    """A token for the wrong layer is 401 invalid_token (D6), although Envoy would say 403."""
    async with edge.client() as caller:
        answer = await caller.get(path, headers=edge.bearer(layer, **claims))
    assert (401, 401, "invalid_token") == (answer.status_code, answer.json()["status"], answer.json()["code"])
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token", resource_metadata="')


async def test_a_token_of_an_unknown_key_is_invalid(edge: Any) -> None:
    """A signature by a key that the issuer does not publish proves nothing."""
    known = edge.key
    edge.key = RSAKey.generate_key(2048, {"kid": "other"})
    header = edge.bearer("process")
    edge.key = known
    async with edge.client() as caller:
        assert 401 == (await caller.get(ONBOARDINGS, headers=header)).status_code


async def test_a_token_in_the_query_is_no_token(edge: Any) -> None:
    """Query strings end up in logs, so a token there is not looked at."""
    async with edge.client() as caller:
        answer = await caller.get(ONBOARDINGS, params={"access_token": edge.token("process")})
    assert 401 == answer.status_code


async def test_a_token_travels_on_to_the_service(edge: Any) -> None:
    """Services never trust the edge alone: they see the token themselves."""
    header = edge.bearer("process")
    async with edge.client() as caller:
        answer = await caller.get(ONBOARDINGS, headers=header)
    assert header["Authorization"] == answer.json()["headers"]["authorization"]


async def test_headers_that_only_infrastructure_may_set_do_not_get_through(edge: Any) -> None:
    """What a caller writes about addresses, certificates or routing is removed."""
    lies = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Client-Cert": "By=spiffe://evil",
        "X-Envoy-Original-Path": "/v1/other",
        "X-Envoy-Retry-On": "5xx",
        "X-Envoy-Whatever-Comes-Next": "1",
        "X-HTTP-Method-Override": "DELETE",
        "X-Original-URL": "/admin",
        "Forwarded": "for=203.0.113.9",
        "Baggage": "user=evil",
        "X-Request-Id": "mine",
    }
    async with edge.client() as caller:
        seen = (await caller.post("/hooks/stripe-de", headers=lies)).json()["headers"]
    assert set() == set(lies.values()) & set(seen.values())
    assert "evil" not in json.dumps(seen)


async def test_the_actor_and_the_correlation_id_get_through(edge: Any) -> None:
    """Services decide by scope who may name an actor."""
    named = {"Syncline-Actor": "person:ada", "Syncline-Correlation-Id": "cor_1"}
    async with edge.client() as caller:
        seen = (await caller.get(ONBOARDINGS, headers={**edge.bearer("process"), **named})).json()["headers"]
    assert ("person:ada", "cor_1") == (seen["syncline-actor"], seen["syncline-correlation-id"])


async def test_every_request_has_a_trace_and_a_callers_trace_goes_on(edge: Any) -> None:
    """A traceparent is made where there is none; the caller's trace id is kept."""
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with edge.client() as caller:
        made = (await caller.post("/hooks/stripe-de")).json()["headers"]["traceparent"]
        kept = (await caller.post("/hooks/stripe-de", headers={"traceparent": theirs})).json()["headers"]["traceparent"]
    assert [2, 32, 16, 2] == [len(part) for part in made.split("-")]
    assert "0af7651916cd43dd8448eb211c80319c" == kept.split("-")[1]


@pytest.mark.parametrize("path", [f"{ONBOARDINGS}/a%2Fb", f"{ONBOARDINGS}/a%5Cb", f"{ONBOARDINGS}%2f..%2f..%2fx"])
async def test_an_escaped_slash_is_refused(edge: Any, path: str) -> None:
    """A slash that one hop sees and the next does not is how path checks are passed by."""
    async with edge.client() as caller:
        answer = await caller.get(path, headers=edge.bearer("process"))
    assert (400, "malformed_request") == (answer.status_code, answer.json()["code"])


async def test_dots_and_doubled_slashes_are_resolved_before_the_route_is_chosen(edge: Any) -> None:
    """One spelling of a path is one route, so no spelling avoids its token."""
    async with edge.client() as caller:
        raw = caller.build_request("GET", "/x", headers=edge.bearer("process"))
        raw.url = raw.url.copy_with(raw_path=b"/docs/..//process/project-onboarding/v1/./onboardings")
        answer = await caller.send(raw)
        assert "/v1/onboardings" == answer.json()["path"]
        raw.headers.pop("Authorization")
        assert 401 == (await caller.send(raw)).status_code


async def test_a_header_name_with_an_underscore_is_refused(edge: Any) -> None:
    """Some servers read it as a hyphen, so it could pass for another header."""
    async with edge.client() as caller:
        answer = await caller.get(ONBOARDINGS, headers={**edge.bearer("process"), "syncline_actor": "person:eve"})
    assert (400, "malformed_request") == (answer.status_code, answer.json()["code"])


async def test_a_body_beyond_the_limit_is_too_large(edge: Any) -> None:
    """One mebibyte is enough for any command; the service does not see the rest."""
    async with edge.client() as caller:
        fits = await caller.post("/hooks/stripe-de", content=b"x" * 1_048_576)
        answer = await caller.post("/hooks/stripe-de", content=b"x" * 1_048_577)
    assert 1_048_576 == fits.json()["size"]
    assert (413, "too_large") == (answer.status_code, answer.json()["code"])


async def test_headers_beyond_the_limit_are_refused(edge: Any) -> None:
    """431 is a problem document as well."""
    async with edge.client() as caller:
        answer = await caller.get(ONBOARDINGS, headers={"X-Long": "x" * 40_000})
    assert (431, "headers_too_large") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize(
    "extra",
    [
        "Transfer-Encoding: xchunked",
        "Host: elsewhere.example",
        "Connection: Upgrade\r\nUpgrade: websocket",
    ],
)
async def test_what_cannot_be_read_in_one_way_is_malformed(edge: Any, extra: str) -> None:
    """An unknown coding, a second Host and an upgrade: no fault of the edge, no matter of tokens, not retryable."""
    status, problem = await said_to(
        edge, f"POST {ONBOARDINGS} HTTP/1.1\r\nHost: edge\r\n{extra}\r\nContent-Length: 0\r\n\r\n"
    )
    assert (400, "malformed_request", False) == (status, problem["code"], problem["retryable"])


@pytest.mark.parametrize("host", ["someone@elsewhere.example", "a b", "a,b", "edge:port"])
async def test_a_host_that_is_none_is_malformed(edge: Any, host: str) -> None:
    """Neither a user nor a list."""
    status, problem = await said_to(edge, f"GET /health/live HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert (400, "malformed_request") == (status, problem["code"])


async def test_a_caller_that_dawdles_is_given_up(edges: Any, tmp_path: Path) -> None:
    """Slow headers and slow bodies hold a connection as long as the limits say, and no longer."""
    limits = Limits(headers_within_s=0.2, request_within_s=0.4)
    async with edges.edge_of(tmp_path, limits=limits) as hurried:
        headers = await said_to(hurried, "GET /health/live HTTP/1.1\r\nHost: edge\r\nX-Slow: ")
        body = await said_to(hurried, "POST /hooks/stripe-de HTTP/1.1\r\nHost: edge\r\nContent-Length: 9\r\n\r\nx")
    assert [(408, "request_timeout")] * 2 == [(status, problem["code"]) for status, problem in (headers, body)]


async def said_to(edge: Any, request: str) -> tuple[int, dict[str, Any]]:
    """Status and problem that come back to these very bytes."""
    host, _, port = edge.topology.listen.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request.encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(re.search(r"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]
        return int(head.split(" ")[1]), json.loads(await reader.readexactly(length))
    finally:
        writer.close()


async def test_the_access_log_names_the_caller_and_holds_no_secret(edge: Any) -> None:
    """Tokens and query strings are never written."""
    header = edge.bearer("process", client_id="partner-logged")
    async with edge.client() as caller:
        await caller.get(ONBOARDINGS, headers=header, params={"code": "secret-code"})
        await caller.get("/oauth/jwks", params={"code": "secret-code"})

    async def written() -> bool:
        return "partner-logged" in log.read_text()

    log = edge.folder / "access.log"
    await edge.eventually(written)
    line = next(
        entry for entry in map(json.loads, log.read_text().splitlines()) if entry.get("client_id") == "partner-logged"
    )
    assert ("project-onboarding.v1", "project-onboarding.v1:listOnboardings") == (line["api"], line["operation"])
    assert (ONBOARDINGS, 200, 32) == (line["path"], line["status"], len(line["trace_id"]))
    assert "secret-code" not in log.read_text()
    assert header["Authorization"].removeprefix("Bearer ") not in log.read_text()
