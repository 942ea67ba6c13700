"""How the connector asks: tokens, pages, quoting and conditional writes, seen on the wire."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import msgspec
import pytest

from servicekit.clock import SettableClock
from servicekit.failures import Failure, Kind
from servicekit.settings import Secret
from servicekit.upstream import Upstream
from system_apis.erp.business_central.credentials import EntraCredentials
from system_apis.erp.business_central.settings import Settings
from system_apis.erp.business_central.web_service import WebService, any_of, literal

Handler = Callable[[httpx.Request], httpx.Response]
SETTINGS = Settings(
    tenant="t 1", environment="production", client_id="app", client_secret=Secret("hid&den"), companies={}
)


class Coded(msgspec.Struct):
    """A record with a code."""

    code: str


def upstream(handler: Handler) -> Upstream:
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return Upstream("erp", "https://api.example", http=http, retries=0)


def service(handler: Handler) -> WebService:
    return WebService(upstream(handler), "/v2.0/t/production/api/v2.0")


def test_quotes_are_doubled() -> None:
    """What is looked for cannot end its own string."""
    assert "'O''Brien'' or 1 eq 1'" == literal("O'Brien' or 1 eq 1")
    assert "number eq 'A' or number eq 'B'" == any_of("number", ("A", "B"))


async def test_filters_travel_unharmed() -> None:
    """Spaces, quotes, ampersands and plus signs in a filter arrive as they were; English and JSON are asked for."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"value": []})

    assert () == await service(handler).records("companies(1)/customers", Coded, filter=f"code eq {literal('A+B & C')}")
    assert {"$filter": ["code eq 'A+B & C'"]} == parse_qs(seen[0].url.query.decode())
    assert b"+" not in seen[0].url.query
    assert ("en-US", "application/json") == (seen[0].headers["accept-language"], seen[0].headers["accept"])
    assert "data-access-intent" not in seen[0].headers


async def test_links_are_followed_to_the_end() -> None:
    """NextLink is not looked into; a link to another host is refused."""
    pages = {
        "/v2.0/t/production/api/v2.0/x": {"value": [{"code": "A"}], "@odata.nextLink": "https://api.example/n?$s=%27"},
        "/n": {"value": [{"code": "B"}]},
    }
    found = await service(lambda request: httpx.Response(200, json=pages[request.url.path])).records("x", Coded)
    assert ["A", "B"] == [record.code for record in found]
    pages["/n"] = {"value": [], "@odata.nextLink": "https://elsewhere.example/"}
    with pytest.raises(Failure) as caught:
        await service(lambda request: httpx.Response(200, json=pages[request.url.path])).records("x", Coded)
    assert Kind.BAD_UPSTREAM is caught.value.kind


async def test_a_listing_that_leads_in_circles_ends() -> None:
    """A link to itself is an answer that cannot be used, not a reason to ask for ever."""
    page = {"value": [], "@odata.nextLink": "https://api.example/again"}
    with pytest.raises(Failure) as caught:
        await service(lambda _: httpx.Response(200, json=page)).records("x", Coded)
    assert Kind.BAD_UPSTREAM is caught.value.kind


async def test_an_unreadable_success_of_a_write_is_in_doubt() -> None:
    """The record may be there: nobody may say that it is not."""
    with pytest.raises(Failure) as caught:
        await service(lambda _: httpx.Response(201, json={"oops": 1})).create("x", {}, Coded)
    assert Kind.IN_DOUBT is caught.value.kind
    with pytest.raises(Failure) as caught:
        await service(lambda _: httpx.Response(200, json={"oops": 1})).record("x", Coded)
    assert Kind.BAD_UPSTREAM is caught.value.kind


async def test_a_token_is_asked_for_once_and_renewed_in_time() -> None:
    """One token serves until four fifths of its life are over, or until the vendor refuses it."""
    forms: list[dict[str, list[str]]] = []
    paths: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path.decode())
        forms.append(parse_qs(request.content.decode()))
        return httpx.Response(200, json={"access_token": f"token-{len(forms)}", "expires_in": 3599})

    clock = SettableClock(datetime(2026, 11, 23, tzinfo=UTC))
    credentials = EntraCredentials(upstream(handler), SETTINGS, clock)
    assert {"Authorization": "Bearer token-1"} == await credentials.headers()
    clock.advance(timedelta(seconds=2800))
    assert {"Authorization": "Bearer token-1"} == await credentials.headers()
    clock.advance(timedelta(seconds=100))
    assert {"Authorization": "Bearer token-2"} == await credentials.headers()
    await credentials.refused()
    assert {"Authorization": "Bearer token-3"} == await credentials.headers()
    assert {"/t%201/oauth2/v2.0/token"} == set(paths)
    assert ["hid&den"] == forms[0]["client_secret"]
    assert ["https://api.businesscentral.dynamics.com/.default"] == forms[0]["scope"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": "invalid_client"}, Kind.MISCONFIGURED),
        (400, {"error": "invalid_request"}, Kind.MISCONFIGURED),
        (429, {}, Kind.THROTTLED),
        (503, {}, Kind.UNAVAILABLE),
        (200, {"token": "x"}, Kind.BAD_UPSTREAM),
    ],
)
async def test_a_sign_in_that_fails_says_why(status: int, body: dict[str, Any], kind: Kind) -> None:
    """Our mistake is MISCONFIGURED, Entra's trouble may heal."""
    credentials = EntraCredentials(
        upstream(lambda _: httpx.Response(status, json=body)),
        SETTINGS,
        SettableClock(datetime(2026, 11, 23, tzinfo=UTC)),
    )
    with pytest.raises(Failure) as caught:
        await credentials.headers()
    assert kind is caught.value.kind


async def test_an_action_has_no_body_and_is_not_repeated() -> None:
    """One request without a token of concurrency, which actions do not take; its failure leaves it in doubt."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204) if len(seen) == 1 else httpx.Response(500)

    erp = service(handler)
    await erp.act("companies(1)/salesInvoices(2)/Microsoft.NAV.post")
    assert ("POST", b"") == (seen[0].method, seen[0].content)
    assert "if-match" not in seen[0].headers
    with pytest.raises(Failure) as caught:
        await erp.act("companies(1)/salesInvoices(2)/Microsoft.NAV.post")
    assert (Kind.IN_DOUBT, 2) == (caught.value.kind, len(seen))


@pytest.mark.parametrize(("status", "kind"), [(204, None), (404, None), (409, Kind.CONFLICT)])
async def test_what_is_gone_is_removed(status: int, kind: Kind | None) -> None:
    """Removing is conditional; a record that is not there any more is no error."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, json={"error": {"code": "", "message": ""}})

    found = None
    try:
        await service(handler).remove("companies(1)/salesInvoices(2)", 'W/"x"')
    except Failure as failure:
        found = failure.kind
    assert (kind, 'W/"x"') == (found, seen[0].headers["if-match"])


async def test_pages_keep_their_filter_and_order() -> None:
    """The first page is asked for with them; later ones by the vendor's own link alone."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        link = f"https://api.example{request.url.raw_path.decode()}&$skiptoken=x"
        return httpx.Response(200, json={"value": [{"code": "A"}], "@odata.nextLink": link})

    erp = service(handler)
    path = "companies(1)/generalLedgerEntries"
    _, cursor = await erp.page(path, Coded, cursor=None, limit=2, filter="accountNumber eq '1'", orderby="entryNumber")
    assert {"$filter": ["accountNumber eq '1'"], "$orderby": ["entryNumber"]} == parse_qs(seen[0].url.query.decode())
    await erp.page(path, Coded, cursor=cursor, limit=2, filter="accountNumber eq '1'", orderby="entryNumber")
    assert "$skiptoken=x" in seen[1].url.query.decode()
