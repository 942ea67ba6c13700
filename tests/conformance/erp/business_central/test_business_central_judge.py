"""Judges the Business Central sandbox by restated facts: no outside client of Business Central is in the project.

Restated from OData 4.0 JSON (context, value, etag, count, nextLink), OData JSON batch, and Microsoft's pages on errors,
concurrency and webhooks; asked over plain httpx, with the demo firm's books in the sandbox.
"""

import asyncio
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from erp.business_central.judging import CORRELATED, FIRM, TENANT, TOKEN_FORM, Judge
from serving import CONTROL, served
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from demo.seeds import business_central as seeds


async def test_tokens_are_given_to_the_app_alone(judge: Judge) -> None:
    """A wrong secret is AADSTS7000215 with 401, an unknown tenant AADSTS90002; without a token there is 401."""
    good = await judge.http.post(f"/{TENANT}/oauth2/v2.0/token", data=TOKEN_FORM)
    assert (good.json()["token_type"], good.json()["expires_in"]) == ("Bearer", 3599)
    bad = await judge.http.post(f"/{TENANT}/oauth2/v2.0/token", data=TOKEN_FORM | {"client_secret": "x"})
    assert (bad.status_code, bad.json()["error"], bad.json()["error_codes"]) == (401, "invalid_client", [7000215])
    lost = await judge.http.post("/no-tenant/oauth2/v2.0/token", data=TOKEN_FORM)
    assert (lost.status_code, lost.json()["error_codes"]) == (400, [90002])
    scope = await judge.http.post(f"/{TENANT}/oauth2/v2.0/token", data=TOKEN_FORM | {"scope": "api"})
    assert (scope.status_code, scope.json()["error"]) == (400, "invalid_scope")
    stranger = await judge.http.get(f"{judge.api}/companies", headers={"Authorization": "Bearer eyJ0.x.y"})
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (401, "Authentication_InvalidCredentials")
    plain = await judge.http.get(f"{judge.api}/companies", headers={"Authorization": "", "Accept": "*/*"})
    assert ET.fromstring(plain.text).tag == "{http://docs.oasis-open.org/odata/ns/metadata}error"


async def test_a_token_ends_with_its_hour(judge: Judge) -> None:
    """A token is good for an hour of the vendor's clock."""
    await judge.http.post("/_sandbox/clock", json={"offset_s": 3600}, headers=CONTROL)
    assert (await judge.http.get(f"{judge.api}/companies")).status_code == 401


async def test_collections_come_in_the_odata_envelope(judge: Judge) -> None:
    """A collection has context and value, each record an etag; $count and $select do what OData says."""
    company = await judge.company("Northwind Advisory GmbH")
    options = {"$select": "number,displayName", "$count": "true", "$top": "1", "$orderby": "number desc"}
    answer = await judge.http.get(f"{judge.api}/{company}/customers", params=options)
    body = answer.json()
    assert answer.headers["odata-version"] == "4.0"
    assert body["@odata.context"].endswith(f"/$metadata#{company}/customers(number,displayName)")
    assert body["@odata.count"] == 5
    assert body["value"][0].pop("number") == "C2011"
    assert body["value"][0].pop("@odata.etag").startswith('W/"JzQ0O')
    assert body["value"][0] == {"displayName": "Rhein Chemie GmbH"}
    assert (await judge.http.get(f"{judge.api}/{company}/customers/$count")).text == "5"


async def test_pages_are_as_long_as_preferred_and_linked(judge: Judge) -> None:
    """odata.maxpagesize makes pages; nextLink leads through all of them, under the same filter; $top cuts across."""
    company = await judge.company("Northwind Advisory GmbH")
    pages = await judge.walk(f"{company}/customers", 2, **{"$filter": "number ge 'C2002'"})
    assert [[row["number"] for row in page] for page in pages] == [["C2002", "C2003"], ["C2004", "C2011"]]
    topped = await judge.walk(f"{company}/customers", 2, **{"$top": "3"})
    assert [len(page) for page in topped] == [2, 1]
    assert (await judge.http.get(f"{judge.api}/companies", params={"$top": "20001"})).status_code == 413


@pytest.mark.parametrize(
    ("expression", "numbers"),
    [
        ("number eq 'C2001' or number eq 'C2011'", ["C2001", "C2011"]),
        ("country eq 'DE' and (number gt 'C2001')", ["C2002", "C2011"]),
        ("startswith(displayName,'Rhein')", ["C2011"]),
        ("displayName eq 'O''Brien'", []),
        ("currencyId eq 00000000-0000-0000-0000-000000000000 and number lt 'C2002'", ["C2001"]),
        ("lastModifiedDateTime gt 2026-01-05T08:00:00.1234566Z and number le 'C2001'", ["C2001"]),
        ("lastModifiedDateTime gt 2026-01-05T08:00:00.1234567Z", []),
        ("blocked ne ' '", []),
    ],
)
async def test_filters_select_what_they_say(judge: Judge, expression: str, numbers: list[str]) -> None:
    """Comparisons, and, or on one field, functions; GUIDs and moments without quotes, quotes doubled in strings."""
    company = await judge.company("Northwind Advisory GmbH")
    answer = await judge.http.get(f"{judge.api}/{company}/customers", params={"$filter": expression})
    assert numbers == [row["number"] for row in answer.json()["value"]]


@pytest.mark.parametrize(
    "options",
    [
        {"$filter": "country eq 'DE' or number eq 'C2001'"},  # OR over two fields
        {"$filter": "id eq '00000000-0000-0000-0000-000000000000'"},  # a GUID in quotes
        {"$filter": "colour eq 'red'"},
        {"$filter": "number eq"},
        {"$select": "colour"},
        {"$expand": "colour"},
        {"$colour": "red"},
        {"$top": "-1"},
    ],
)
async def test_options_that_make_no_sense_are_400(judge: Judge, options: dict[str, str]) -> None:
    """What OData or Business Central does not take is refused with an error body that ends in a CorrelationId."""
    company = await judge.company("Northwind Advisory GmbH")
    answer = await judge.http.get(f"{judge.api}/{company}/customers", params=options)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].startswith("BadRequest")
    assert CORRELATED.fullmatch(answer.json()["error"]["message"])


async def test_expansions_and_navigations_show_the_same_records(judge: Judge) -> None:
    """$expand and the path below a record both lead to the dimension's values."""
    company = await judge.company("Northwind Advisory Inc.")
    expanded = await judge.http.get(
        f"{judge.api}/{company}/dimensions", params={"$expand": "dimensionValues($select=code;$orderby=code desc)"}
    )
    dimension = expanded.json()["value"][0]
    assert [value["code"] for value in dimension["dimensionValues"]] == ["CC-U90", "CC-U20", "CC-U10"]
    below = await judge.http.get(f"{judge.api}/{company}/dimensions({dimension['id']})/dimensionValues")
    assert [value["code"] for value in below.json()["value"]] == ["CC-U10", "CC-U20", "CC-U90"]


async def test_writes_need_the_etag_of_what_was_read(judge: Judge) -> None:
    """POST is 201 with an etag; PATCH without If-Match is 400, stale 409, right 200; a second use of it is stale."""
    company = await judge.company("Northwind Advisory Ltd")
    new = {"number": "c2999", "displayName": "O'Brien & Sons", "country": "GB"}
    made = await judge.http.post(f"{judge.api}/{company}/customers", json=new)
    assert made.status_code == 201, made.text
    assert tuple(made.json()[name] for name in ("number", "currencyCode", "blocked")) == ("C2999", "GBP", " ")
    path, etag = made.headers["location"], made.json()["@odata.etag"]
    blind = await judge.http.patch(path, json={"city": "Leeds"})
    assert (blind.status_code, blind.json()["error"]["code"]) == (400, "BadRequest_InvalidToken")
    right = await judge.http.patch(path, json={"city": "Leeds"}, headers={"If-Match": etag})
    assert (right.status_code, right.json()["city"]) == (200, "Leeds")
    late = await judge.http.patch(path, json={"city": "York"}, headers={"If-Match": etag})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "Request_EntityChanged")
    gone = await judge.http.delete(path, headers={"If-Match": "*"})
    assert gone.status_code == 204
    assert _no(await judge.http.get(path)) == (404, "Internal_RecordNotFound")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"number": "C1"}, "Application_DialogException", 'A "displayName" must be provided.'),
        ({"number": "C2008", "displayName": "x"}, "Internal_EntityWithSameKeyExists", "Customer already exists"),
        ({"displayName": "x", "country": "XX"}, "Internal_InvalidTableRelation", "Country/Region Code"),
        ({"displayName": "x", "currencyCode": "XXX"}, "Application_DialogException", '"currencyCode" does not match'),
        ({"displayName": "x" * 101}, "Application_StringExceededLength", "length of the string is 101"),
        ({"displayName": "x", "blocked": "Maybe"}, "Unknown", "is not an option. The existing options are:"),
        ({"displayName": "x", "colour": "red"}, "BadRequest", "property 'colour' does not exist"),
        ({"displayName": "x", "id": "1"}, "BadRequest_InvalidOperation", "Control 'Id' is read-only"),
        ({"displayName": 5}, "BadRequest", "Invalid Request Body"),
    ],
)
async def test_customers_are_checked_in_business_centrals_words(
    judge: Judge, body: dict[str, Any], code: str, words: str
) -> None:
    """Required fields, keys, table relations, lengths, options and read-only properties are checked on the way in."""
    company = await judge.company("Northwind Advisory Ltd")
    answer = await judge.http.post(f"{judge.api}/{company}/customers", json=body)
    assert (400, code) == _no(answer)
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (
            {"globalDimension1Code": "CC-D77"},
            "Application_DialogException",
            "CC-D77 is not an available Dimension Value",
        ),
        (
            {"globalDimension1Code": ""},
            "Application_DialogException",
            "Select a Dimension Value Code for the Dimension",
        ),
        ({"billToCustomerNumber": "C9"}, "Internal_InvalidTableRelation", "Bill-to Customer No. of table Project"),
        ({"currencyCode": "JPY"}, "Internal_InvalidTableRelation", "Currency Code of table Project"),
        ({"status": "Won"}, "Unknown", "Planning,Quote,Open,Completed"),
        ({"startingDate": "2028-01-01"}, "Application_DialogException", "must be equal to or earlier than"),
        ({"startingDate": "soon"}, "BadRequest", "Unable to convert value to Date"),
    ],
)
async def test_projects_are_checked_in_business_centrals_words(
    judge: Judge, change: dict[str, Any], code: str, words: str
) -> None:
    """A project needs its mandatory dimension and relations that exist."""
    company = await judge.company("Northwind Advisory GmbH")
    answer = await judge.http.post(f"{judge.cards}/{company}/projectCards", json=_project() | change)
    assert (400, code) == _no(answer)
    assert words in answer.json()["error"]["message"]


async def test_a_project_is_one_record_on_two_pages(judge: Judge) -> None:
    """The standard page shows four fields of what the custom page made; a number is taken once."""
    company = await judge.company("Northwind Advisory GmbH")
    made = await judge.http.post(f"{judge.cards}/{company}/projectCards", json=_project())
    assert made.status_code == 201, made.text
    standard = await judge.http.get(f"{judge.api}/{company}/projects({made.json()['id']})")
    names = {"@odata.context", "@odata.etag", "id", "number", "displayName", "lastModifiedDateTime"}
    assert names == standard.json().keys()
    again = await judge.http.post(f"{judge.cards}/{company}/projectCards", json=_project())
    assert _no(again) == (400, "Internal_EntityWithSameKeyExists")


async def test_dimension_values_are_made_by_people_only(judge: Judge) -> None:
    """The API does not create dimension values; a person's deed does, and the API shows it."""
    company = await judge.company("Northwind Advisory GmbH")
    path = f"{judge.api}/{company}/dimensionValues"
    assert (await judge.http.post(path, json={"code": "CC-D77", "displayName": "Plants"})).status_code == 400
    deed = seeds.cost_centre_deed(FIRM, "DE01", "CC-D77", "Plants")
    await judge.http.post("/_sandbox/actions/create_dimension_value", json=deed, headers=CONTROL)
    shown = (await judge.http.get(path, params={"$filter": "code eq 'CC-D77'"})).json()["value"]
    assert [value["displayName"] for value in shown] == ["Plants"]


async def test_addresses_lead_nowhere_by_mistake(judge: Judge) -> None:
    """Unknown companies, segments, environments and methods are told apart; `?company=` and a bare tenant work."""
    company = await judge.company("Northwind Advisory GmbH")
    nobody = "companies(11111111-1111-1111-1111-111111111111)"
    assert _no(await judge.http.get(f"{judge.api}/{nobody}/customers")) == (404, "Internal_CompanyNotFound")
    assert _no(await judge.http.get(f"{judge.api}/{company}/colours")) == (404, "BadRequest_ResourceNotFound")
    assert _no(await judge.http.get(f"/v2.0/{TENANT}/test/api/v2.0/companies")) == (404, "NoEnvironment")
    assert (await judge.http.put(f"{judge.api}/{company}/customers", json={})).status_code == 405
    bare = await judge.http.get("/v2.0/production/api/v2.0/customers", params={"company": "Northwind Advisory Inc."})
    assert [row["number"] for row in bare.json()["value"]] == ["C2005", "C2006"]


async def test_a_batch_answers_each_request_for_itself(judge: Judge) -> None:
    """The outer answer is 200; one request fails, the other is done."""
    company = await judge.company("Northwind Advisory GmbH")
    json = {"Content-Type": "application/json"}
    requests = [
        {"id": "1", "method": "POST", "url": f"{company}/customers", "headers": json, "body": {"number": "C3000"}},
        {"id": "2", "method": "GET", "url": f"{company}/customers?$filter=number eq 'C2001'"},
    ]
    answer = await judge.http.post(f"{judge.api}/$batch", json={"requests": requests})
    assert answer.status_code == 200
    assert [(inner["id"], inner["status"]) for inner in answer.json()["responses"]] == [("1", 400), ("2", 200)]
    assert answer.json()["responses"][1]["body"]["value"][0]["number"] == "C2001"


async def test_metadata_describes_what_is_published(judge: Judge) -> None:
    """$metadata is EDMX with every set; the custom page has its own."""
    root = ET.fromstring((await judge.http.get(f"{judge.api}/$metadata")).text)
    edm = "{http://docs.oasis-open.org/odata/ns/edm}"
    sets = {found.get("Name") for found in root.iter(f"{edm}EntitySet")}
    assert {"companies", "customers", "projects", "accountingPeriods", "dimensionValues"} <= sets
    cards = ET.fromstring((await judge.http.get(f"{judge.cards}/$metadata")).text)
    assert [found.get("Name") for found in cards.iter(f"{edm}EntitySet")] == ["companies", "projectCards"]


async def test_the_platform_refuses_in_its_own_dialect(judge: Judge) -> None:
    """Too many requests is 429 without Retry-After; a tenant that is not accessible is 503 with one."""
    for kind, status, waits in (("throttle", 429, False), ("outage", 503, True)):
        await judge.http.post("/_sandbox/faults", json={"kind": kind}, headers=CONTROL)
        answer = await judge.http.get(f"{judge.api}/companies")
        assert (status, waits) == (answer.status_code, "retry-after" in answer.headers)
        assert CORRELATED.fullmatch(answer.json()["error"]["message"])


async def test_webhooks_shake_hands_and_name_what_changed(judge: Judge) -> None:
    """A subscription exists once its address echoed the token; a change is told by id; projects have none."""
    company = await judge.company("Northwind Advisory GmbH")
    heard: list[dict[str, Any]] = []
    arrived = asyncio.Event()

    async def hook(request: Request) -> Response:
        if "validationToken" in request.query_params:
            return PlainTextResponse(request.query_params["validationToken"])
        heard.extend((await request.json())["value"])
        arrived.set()
        return Response(status_code=200)

    async with served(Starlette(routes=[Route("/hook", hook, methods=["POST"])])) as address:
        url = f"{address}/hook"
        wish = {"notificationUrl": url, "resource": f"/api/v2.0/{company}/customers", "clientState": "state"}
        refused = await judge.http.post(f"{judge.api}/subscriptions", json=wish | {"notificationUrl": f"{url}s"})
        assert refused.status_code == 400
        projects = wish | {"resource": f"/api/v2.0/{company}/projects"}
        assert (await judge.http.post(f"{judge.api}/subscriptions", json=projects)).status_code == 400
        made = await judge.http.post(f"{judge.api}/subscriptions", json=wish)
        assert made.status_code == 201
        customer = await judge.http.post(f"{judge.api}/{company}/customers", json={"displayName": "New"})
        await asyncio.wait_for(arrived.wait(), 5)
        ending = f"{judge.api}/subscriptions('{made.json()['subscriptionId']}')"
        assert (await judge.http.delete(ending, headers={"If-Match": "*"})).status_code == 204
    resource = f"api/v2.0/{company}/customers({customer.json()['id']})"
    assert [(resource, "created", "state")] == [(h["resource"], h["changeType"], h["clientState"]) for h in heard]


def _no(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def _project() -> dict[str, Any]:
    return {
        "number": "P-DE01-1",
        "displayName": "Grid data platform",
        "billToCustomerNumber": "C2001",
        "status": "Open",
        "globalDimension1Code": "CC-D20",
        "currencyCode": "EUR",
        "startingDate": "2026-12-01",
        "endingDate": "2027-06-30",
        "externalReference": "prj_0123456789abcdef0123456789abcdef",
    }
