"""The edge offers what the contracts offer, and answers for itself in problem+json."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

ONBOARDINGS = "/process/project-onboarding/v1/onboardings"


async def _asked(edge: Any, method: str, path: str, **options: Any) -> httpx.Response:
    async with edge.client() as caller:
        answer: httpx.Response = await caller.request(method, path, **options)
        return answer


async def test_a_process_path_reaches_its_service_without_the_edges_prefix(edge: Any) -> None:
    """The service sees its own path, whatever stands before it at the edge."""
    answer = await _asked(edge, "GET", f"{ONBOARDINGS}/onb_1?limit=5", headers=edge.bearer("process"))
    assert 200 == answer.status_code
    assert ("onboarding", "/v1/onboardings/onb_1") == (answer.json()["service"], answer.json()["path"])


async def test_an_experience_path_reaches_the_experience_service(edge: Any) -> None:
    """The experience layer has one service behind /experience."""
    answer = await _asked(edge, "GET", "/experience/v1/views/home", headers=edge.bearer("experience"))
    assert ("experience", "/v1/views/home") == (answer.json()["service"], answer.json()["path"])


@pytest.mark.parametrize(
    "path",
    [
        "/process/project-onboarding/v1/nothing",
        f"{ONBOARDINGS}/onb_1/steps",
        "/process/project-onboarding/health/live",
        "/process/project-onboarding/v2/onboardings",
        "/v1/onboardings",
        "/system/billing/v1/invoices/inv_1",
        "/process/billing/v1/invoices/inv_1",
        "/hooks/unknown",
    ],
)
async def test_what_no_contract_offers_is_not_found(edge: Any, path: str) -> None:
    """Unknown paths, health and system APIs are 404 before any token is looked at."""
    answer = await _asked(edge, "GET", path)
    assert 404 == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]
    assert {
        "type": "/docs/problems/not_found",
        "title": "Not found",
        "status": 404,
        "code": "not_found",
        "detail": "No API offers this path.",
        "retryable": False,
        "trace_id": answer.headers["x-request-id"],
    } == answer.json()


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", ONBOARDINGS, "GET, POST"),
        ("PUT", f"{ONBOARDINGS}/onb_1", "GET"),
        ("GET", f"{ONBOARDINGS}/search", "POST"),
        ("GET", "/hooks/stripe-de", "POST"),
        ("POST", "/console/index.html", "GET, HEAD"),
    ],
)
async def test_another_method_on_a_known_path_is_told_which_ones_there_are(
    edge: Any, method: str, path: str, allow: str
) -> None:
    """405 lists the methods; a literal path is not taken for a parameter."""
    answer = await _asked(edge, method, path, headers=edge.bearer("process"))
    assert (405, allow, "method_not_allowed") == (answer.status_code, answer.headers["allow"], answer.json()["code"])


async def test_a_hook_needs_no_token_and_keeps_its_connection(edge: Any) -> None:
    """The vendor's signature is the service's to check, over the body as it was sent."""
    answer = await _asked(edge, "POST", "/hooks/stripe-de", content=b'{"id": 1}', headers={"Stripe-Signature": "t=1"})
    assert 200 == answer.status_code
    assert ("billing", "/v1/hooks/stripe-de", 9) == tuple(answer.json()[name] for name in ("service", "path", "size"))
    assert "t=1" == answer.json()["headers"]["stripe-signature"]


@pytest.mark.parametrize("path", ["/docs", "/docs/apis/x", "/oauth/jwks", "/.well-known/api-catalog"])
async def test_the_portal_needs_no_token(edge: Any, path: str) -> None:
    """Whoever looks for the first token must be able to read where to get it."""
    assert 200 == (await _asked(edge, "GET", path)).status_code


async def test_a_longer_name_is_not_the_portal(edge: Any) -> None:
    """A prefix ends at a slash."""
    assert 404 == (await _asked(edge, "GET", "/docsx")).status_code


async def test_the_edge_tells_a_balancer_that_it_is_alive(edge: Any) -> None:
    """The edge's own health is not any service's."""
    answer = await _asked(edge, "GET", "/health/live")
    assert (200, "alive\n") == (answer.status_code, answer.text)


async def test_the_root_leads_home(edge: Any) -> None:
    """A visitor who types only the host finds the documentation."""
    answer = await _asked(edge, "GET", "/")
    assert (302, f"{edge.topology.origin}/docs") == (answer.status_code, answer.headers["location"])


async def test_a_deprecated_api_says_so_in_every_answer(edge: Any) -> None:
    """Deprecation, Sunset and Link come straight from the contract's lifecycle."""
    answer = await _asked(edge, "GET", "/process/invoice-release/v1/releases", headers=edge.bearer("process"))
    page = f"{edge.topology.origin}/docs/apis/invoice-release.v1#lifecycle"
    deprecated_at = int(datetime(2026, 1, 31, tzinfo=UTC).timestamp())
    assert f"@{deprecated_at}" == answer.headers["deprecation"]
    assert "Thu, 31 Dec 2026 00:00:00 GMT" == answer.headers["sunset"]
    assert [
        f'<{page}>; rel="deprecation"; type="text/html"',
        f'<{page}>; rel="sunset"; type="text/html"',
        f'<{edge.topology.origin}/docs/apis/invoice-release.v2>; rel="successor-version"',
    ] == answer.headers.get_list("link", split_commas=True)


async def test_an_operation_past_its_sunset_is_gone(edge: Any) -> None:
    """After the sunset the edge answers 410 and names the successor; the service is not asked."""
    before = edge.upstreams["release"].calls
    answer = await _asked(edge, "GET", "/process/invoice-release/v1/releases/r1/old-preview")
    assert (410, "gone") == (answer.status_code, answer.json()["code"])
    assert 'rel="successor-version"' in answer.headers["link"]
    assert before == edge.upstreams["release"].calls


async def test_a_service_that_does_not_run_is_unavailable(edge: Any) -> None:
    """503 is retryable and says when; nothing of the service's address is shown."""
    answer = await _asked(edge, "GET", "/pages/absent")
    assert 404 == answer.status_code
    answer = await _asked(edge, "GET", "/stopped/index.html")
    assert (503, "unavailable", True) == (answer.status_code, answer.json()["code"], answer.json()["retryable"])
    assert "1" == answer.headers["retry-after"]


async def test_an_answer_names_its_request_and_not_its_software(edge: Any) -> None:
    """A request id goes out with every answer; Envoy's own headers and the server's name do not."""
    answer = await _asked(edge, "GET", ONBOARDINGS, headers=edge.bearer("process"))
    assert 36 == len(answer.headers["x-request-id"])
    assert "syncline" == answer.headers["server"]
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert [] == [name for name in answer.headers if name.startswith("x-envoy")]
