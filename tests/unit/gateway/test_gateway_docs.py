"""The documentation portal and what machines discover."""

import re
from typing import Any

import httpx
import pytest

from gateway.docs.problem_pages import problem_types
from gateway.docs.schemas import kind, members
from gateway.portal import create_portal
from gateway.settings import PortalSettings
from servicekit.clock import SettableClock
from servicekit.failures import Kind

PAGES = [
    "/docs",
    "/docs/apis/project-onboarding.v1",
    "/docs/apis/invoice-release.v1",
    "/docs/apis/experience.v1",
    "/docs/apis/billing.v1",
    "/docs/events",
    "/docs/problems",
    "/docs/problems/in_doubt",
]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_needs_nothing_from_elsewhere(portal: httpx.AsyncClient, path: str) -> None:
    """One style sheet of our own, no script, nothing inline, and a policy that would stop anything else."""
    page = await portal.get(path)
    assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["content-type"])
    assert ["/docs/assets/portal.css"] == re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', page.text)
    assert "<script" not in page.text
    assert " style=" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert "DENY" == page.headers["x-frame-options"]


@pytest.mark.parametrize("path", PAGES)
async def test_every_link_of_a_page_leads_somewhere(portal: httpx.AsyncClient, path: str) -> None:
    """Within the portal each address answers, each anchor exists; one heading names the page."""
    text = (await portal.get(path)).text
    anchors = set(re.findall(r' id="([^"]*)"', text))
    for target in set(re.findall(r'<a [^>]*href="([^"]*)"', text)):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif target != "/docs/apis/invoice-release.v2":  # a successor that is not out yet
            assert 200 == (await portal.get(target)).status_code
    assert 1 == text.count("<h1>")


async def test_the_index_lists_every_api_with_its_promises(portal: httpx.AsyncClient) -> None:
    """Title, place, version, owner, lifecycle, service level, audience."""
    text = (await portal.get("/docs")).text
    for word in (
        "Project onboarding",
        "/process/project-onboarding/v1",
        "1.2.0",
        "delivery-platform",
        "partner",
        "99.9",
    ):
        assert word in text
    assert "not offered at the edge" in text
    assert "curl -u CLIENT_ID:CLIENT_SECRET https://edge.example/oauth/token" in text


async def test_an_api_page_shows_all_that_its_contract_says(portal: httpx.AsyncClient) -> None:
    """Operations, scopes, parameters, bodies, answers, schemas, examples."""
    text = (await portal.get("/docs/apis/project-onboarding.v1")).text
    for word in (
        "/process/project-onboarding/v1/onboardings/{onboarding_id}",
        "Start an onboarding",
        "project-onboarding.onboardings.write",
        "Idempotency-Key",
        'id="schema-Onboarding"',
        "running",
        "more may come",
        "A won opportunity",
        "&quot;opportunity_id&quot;: &quot;opp_01&quot;",
        "at most 500 characters",
    ):
        assert word in text


async def test_an_api_page_shows_the_end_of_its_life(portal: httpx.AsyncClient) -> None:
    """Dates and successor are where the Link header points."""
    text = (await portal.get("/docs/apis/invoice-release.v1")).text
    assert 'id="lifecycle"' in text
    for word in ("2026-01-31", "2026-12-31", "invoice-release.v2", "state-sunset"):
        assert word in text


async def test_the_contract_itself_can_be_had(portal: httpx.AsyncClient) -> None:
    """Byte by byte as it is in contracts/."""
    answer = await portal.get("/docs/openapi/billing.v1.yaml")
    assert "application/yaml" == answer.headers["content-type"].split(";")[0]
    assert answer.text.startswith("openapi: 3.1.0\ninfo: {title: Billing")


@pytest.mark.parametrize(
    "path",
    ["/docs/apis/none.v1", "/docs/openapi/none.v1.yaml", "/docs/asyncapi/x.yaml", "/docs/problems/none", "/docs/x"],
)
async def test_what_is_not_documented_is_not_found(portal: httpx.AsyncClient, path: str) -> None:
    """As a problem document, in the caller's trace."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = await portal.get(path, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert (404, "not_found", trace) == (answer.status_code, answer.json()["code"], answer.json()["trace_id"])
    assert trace == answer.headers["trace-id"]


async def test_every_kind_of_failure_has_a_page(portal: httpx.AsyncClient) -> None:
    """The type of every problem that a service can answer with is an address that answers."""
    assert set() == {kind_.code for kind_ in Kind} - set(problem_types())
    for code in problem_types():
        assert 200 == (await portal.get(f"/docs/problems/{code}")).status_code


async def test_events_are_shown_with_schema_and_example(portal: httpx.AsyncClient) -> None:
    """References into other contract files are followed."""
    text = (await portal.get("/docs/events")).text
    for word in ("Project activated", "syncline.project-activated.v1", "delivery-platform", "project_id", "prj_1"):
        assert word in text
    assert 200 == (await portal.get("/docs/asyncapi/process.v1.yaml")).status_code


async def test_the_catalogue_lists_what_callers_reach(portal: httpx.AsyncClient) -> None:
    """RFC 9727: a linkset with description, documentation and status for each API that the edge offers."""
    answer = await portal.get("/.well-known/api-catalog")
    media = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
    assert media == answer.headers["content-type"]
    links = answer.json()["linkset"]
    assert [
        "https://edge.example/process/invoice-release/v1",
        "https://edge.example/process/project-onboarding/v1",
        "https://edge.example/experience/v1",
    ] == [entry["anchor"] for entry in links]
    for entry in links:
        for relation in ("service-desc", "service-doc", "status"):
            assert 200 == (await portal.get(entry[relation][0]["href"])).status_code


async def test_a_head_of_the_catalogue_has_its_link(portal: httpx.AsyncClient) -> None:
    """RFC 9727 section 2."""
    answer = await portal.head("/.well-known/api-catalog")
    assert '<https://edge.example/.well-known/api-catalog>; rel="api-catalog"' == answer.headers["link"]
    assert 200 == answer.status_code


@pytest.mark.parametrize(
    ("path", "name", "scopes"),
    [
        (
            "process/project-onboarding/v1",
            "Project onboarding",
            ["project-onboarding.onboardings.read", "project-onboarding.onboardings.write"],
        ),
        ("experience/v1", "Experience", ["experience.views.read"]),
        ("experience", "Experience", ["experience.views.read"]),
        ("system", "Billing", ["billing.invoices.read"]),
    ],
)
async def test_a_protected_resource_names_its_issuer(
    portal: httpx.AsyncClient, path: str, name: str, scopes: list[str]
) -> None:
    """RFC 9728, for every API that the edge protects and for each layer as a whole."""
    found = (await portal.get(f"/.well-known/oauth-protected-resource/{path}")).json()
    assert f"https://edge.example/{path}" == found["resource"]
    assert (name, scopes) == (found["resource_name"], found["scopes_supported"])
    assert ["https://edge.example"] == found["authorization_servers"]


async def test_an_unknown_resource_is_not_found(portal: httpx.AsyncClient) -> None:
    """Nothing is protected there."""
    assert 404 == (await portal.get("/.well-known/oauth-protected-resource/process/none/v1")).status_code


@pytest.mark.parametrize(("key", "expected"), [("experience.v1", "down"), ("billing.v1", "unknown")])
async def test_a_status_is_what_the_service_says(portal: httpx.AsyncClient, key: str, expected: str) -> None:
    """No answer is down; no known address is unknown."""
    assert expected == (await portal.get(f"/docs/apis/{key}/status")).json()["status"]


async def test_docs_may_be_served_without_an_issuer(settings: PortalSettings, clock: SettableClock) -> None:
    """Where the firm's own identity provider is in use."""
    from msgspec.structs import replace

    app = create_portal(replace(settings, issuing=None), clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://edge.example") as caller:
        assert 200 == (await caller.get("/docs")).status_code
        assert 404 == (await caller.get("/oauth/jwks")).status_code


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "format": "date"}, "string (date)"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/A"}}, 'list of <a href="#schema-A">A</a>'),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "string or integer"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "map to number"),
        ({"const": "x"}, "<code>&quot;x&quot;</code>"),
        (True, "anything"),
        (False, "nothing"),
        ({}, "anything"),
    ],
)
def test_a_type_is_said_in_a_few_words(schema: Any, expected: str) -> None:
    """JSON Schema 2020-12, as OpenAPI 3.1 uses it."""
    assert expected == kind(schema)


def test_a_contracts_text_cannot_bring_elements() -> None:
    """Descriptions are CommonMark without HTML; names are escaped."""
    schema = {"type": "object", "properties": {"<b>": {"type": "string", "description": "<script>x</script> **bold**"}}}
    text = members({}, schema, "T")
    assert "<script>" not in text
    assert "<b>" not in text
    assert "<strong>bold</strong>" in text


def test_nested_members_have_dotted_names() -> None:
    """Objects and lists of objects that have no name of their own."""
    schema = {
        "properties": {
            "a": {"type": "object", "properties": {"b": {"type": "string"}}},
            "c": {"type": "array", "items": {"type": "object", "properties": {"d": {"type": "string"}}}},
        }
    }
    text = members({}, schema, "T")
    for name in ("<code>a.b</code>", "<code>c[].d</code>"):
        assert name in text
