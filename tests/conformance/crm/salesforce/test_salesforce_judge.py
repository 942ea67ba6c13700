"""Judges the Salesforce sandbox by simple-salesforce, a client that nobody here wrote.

It speaks https only and builds its login hosts by itself; an adapter of `requests` leads all of it to the sandbox.
"""

import asyncio
import base64
import functools
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.adapters import HTTPAdapter
from serving import CONTROL, running_sandbox
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from sandboxkit.app import Context
from system_apis.crm.salesforce.sandbox import create_sandbox_app

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
USERNAME = "integration@firm.example"


class Detour(HTTPAdapter):
    """Sends what is meant for any Salesforce host to the sandbox."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        request.url = self._base_url + parts.path + (f"?{parts.query}" if parts.query else "")
        return super().send(request, *args, **options)


class Judge:
    """Opens sessions at the sandbox as an outsider would."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def session(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", Detour(self.context.base_url))
        return session

    def connected(self, version: str = "67.0", **credentials: Any) -> Any:
        """The client's own types know no attribute access by object name: it is Any here."""
        chosen: dict[str, Any] = credentials or {
            "consumer_key": "app",
            "consumer_secret": "the-secret",
            "domain": "firm.my",
        }
        return Salesforce(**chosen, version=version, session=self.session())

    def control(self, method: str, path: str, body: Any) -> Any:
        return requests.request(
            method, f"{self.context.base_url}/_sandbox/{path}", json=body, headers=CONTROL, timeout=5
        )


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    config = {
        "consumer_key": "app",
        "consumer_secret": "the-secret",
        "username": USERNAME,
        "public_key": public_key(),
        "refresh_tokens": {"long-lived": USERNAME},
        "daily_requests": 5000,
        "batch_size": 200,
        "feed_hold_s": 0.2,
    }
    async with running_sandbox(create_sandbox_app, config) as sandbox:
        yield Judge(sandbox)


def in_thread(test: Callable[..., None]) -> Callable[..., Coroutine[Any, Any, None]]:
    """The client blocks: its test runs beside the loop that serves the sandbox."""

    @functools.wraps(test)
    async def beside(*args: Any, **options: Any) -> None:
        await asyncio.to_thread(test, *args, **options)

    return beside


def told(refusal: pytest.ExceptionInfo[Any]) -> Any:
    """The body of a refusal, decoded: the client's own type for it is not what it holds."""
    return refusal.value.content


@contextmanager
def advice_ignored() -> Iterator[None]:
    """The client warns whoever has not approved it, with a link."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def public_key() -> dict[str, str]:
    numbers = KEY.public_key().public_numbers()
    return {name: _base64url(value) for name, value in (("n", numbers.n), ("e", numbers.e))}


def _base64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


def private_pem() -> str:
    encryption = serialization.NoEncryption()
    return KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


async def test_sessions_are_opened_by_client_credentials_and_by_jwt(judge: Judge) -> None:
    """Both server-to-server flows give a session that can query; the JWT's expiry comes as a text."""

    def use() -> list[int]:
        by_secret = judge.connected()
        by_key = judge.connected(username=USERNAME, consumer_key="app", privatekey=private_pem())
        return [len(sf.query("SELECT Id FROM OpportunityStage")["records"]) for sf in (by_secret, by_key)]

    assert await asyncio.to_thread(use) == [6, 6]


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        ({"consumer_key": "app", "consumer_secret": "guess", "domain": "firm.my"}, "invalid_client"),
        ({"consumer_key": "other", "consumer_secret": "the-secret", "domain": "firm.my"}, "invalid_client_id"),
        ({"username": "stranger@firm.example", "consumer_key": "app", "privatekey": "PEM"}, "invalid_grant"),
    ],
)
async def test_strangers_get_no_session(judge: Judge, credentials: dict[str, str], code: str) -> None:
    """A wrong secret, an unknown consumer and a user who has not approved it are told apart."""
    filled = {name: private_pem() if value == "PEM" else value for name, value in credentials.items()}

    def use() -> Any:
        with advice_ignored(), pytest.raises(SalesforceAuthenticationFailed) as refused:
            judge.connected(**filled)
        return refused.value.code

    assert await asyncio.to_thread(use) == code


@in_thread
def test_a_record_is_created_read_changed_and_deleted(judge: Judge) -> None:
    """What is written can be read back by id, by query and by external id; a deleted record is in queryAll alone."""
    sf = judge.connected()
    made = sf.Account.create({"Name": "O'Neil & Söhne", "ERP_Id__c": "C-100", "BillingCountryCode": "DE"})
    assert (made["success"], made["errors"], len(made["id"]), made["id"][:3]) == (True, [], 18, "001")
    assert sf.Account.get(made["id"])["Name"] == "O'Neil & Söhne"
    assert sf.Account.get_by_custom_id("ERP_Id__c", "c-100")["Id"] == made["id"]
    assert sf.Account.update(made["id"], {"Name": "Neil"}) == 204
    found = sf.query("SELECT Id, Name FROM Account WHERE Name LIKE 'ne%' AND IsDeleted = false")
    assert [row["Name"] for row in found["records"]] == ["Neil"]
    assert sf.Account.delete(made["id"]) == 204
    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] == 0
    assert sf.query("SELECT Id, IsDeleted FROM Account", include_deleted=True)["records"][0]["IsDeleted"] is True
    with pytest.raises(SalesforceResourceNotFound) as gone:
        sf.Account.get(made["id"])
    assert told(gone)[0]["errorCode"] == "ENTITY_IS_DELETED"


@in_thread
def test_an_upsert_makes_or_changes_the_record_of_that_key(judge: Judge) -> None:
    """201 when made, 200 when changed, 204 in old versions, 300 when several records have the key."""
    sf = judge.connected()
    assert sf.Account.upsert("ERP_Id__c/C-7", {"Name": "First"}) == 201
    assert sf.Account.upsert("ERP_Id__c/C-7", {"Name": "Second"}) == 200
    assert judge.connected(version="45.0").Account.upsert("ERP_Id__c/C-7", {"Name": "Third"}) == 204
    assert sf.query("SELECT Name FROM Account")["totalSize"] == 1
    twin = {"id": "001SL0000000zzzAAA", "body": {"Id": "001SL0000000zzzAAA", "Name": "Twin", "ERP_Id__c": "c-7"}}
    judge.control("POST", "records/Account", [twin])
    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Account.upsert("ERP_Id__c/C-7", {"Name": "Fourth"})


@in_thread
def test_long_results_come_in_pages(judge: Judge) -> None:
    """The nextRecordsUrl leads through all rows, in order, each once; a made-up locator is refused."""
    sf = judge.connected()
    rows = [{"attributes": {"type": "Product2"}, "Name": f"P{n:03d}"} for n in range(450)]
    for start in range(0, 450, 150):
        body = {"allOrNone": True, "records": rows[start : start + 150]}
        results = sf.restful("composite/sobjects", method="POST", json=body)
        assert all(result["success"] for result in results)
    first = sf.query("SELECT Name FROM Product2 ORDER BY Name")
    assert (first["totalSize"], first["done"], len(first["records"])) == (450, False, 200)
    every = sf.query_all("SELECT Name FROM Product2 ORDER BY Name")
    assert [row["Name"] for row in every["records"]] == [f"P{n:03d}" for n in range(450)]
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.query_more("01g000000000000AAA-200")
    assert told(refused)[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


@in_thread
def test_parents_and_children_come_nested(judge: Judge) -> None:
    """A parent is an object or null, children are a result of their own or null."""
    sf = judge.connected()
    account = sf.Account.create({"Name": "Alpenstrom"})["id"]
    deal = {"Name": "Grid", "StageName": "Proposal", "CloseDate": "2026-12-31"}
    sf.Opportunity.create(deal | {"AccountId": account})
    sf.Opportunity.create(deal | {"Name": "Orphan"})
    rows = sf.query("SELECT Name, Account.Name FROM Opportunity ORDER BY Account.Name NULLS LAST")["records"]
    assert [(row["Name"], (row["Account"] or {}).get("Name")) for row in rows] == [
        ("Grid", "Alpenstrom"),
        ("Orphan", None),
    ]
    nested = sf.query("SELECT Name, (SELECT Name, Amount FROM Opportunities), (SELECT Id FROM Contracts) FROM Account")
    assert nested["records"][0]["Opportunities"]["records"][0]["Name"] == "Grid"
    assert nested["records"][0]["Contracts"] is None


@in_thread
def test_winning_a_deal_sets_what_salesforce_sets(judge: Judge) -> None:
    """A won stage sets IsWon, IsClosed and Probability and writes the stage history."""
    sf = judge.connected()
    deal = sf.Opportunity.create({"Name": "Grid", "StageName": "Negotiation", "CloseDate": "2026-12-31"})["id"]
    before = sf.Opportunity.get(deal)
    assert (before["IsWon"], before["LastStageChangeDate"], before["Probability"]) == (False, None, 90.0)
    assert sf.Opportunity.update(deal, {"StageName": "Closed Won"}) == 204
    after = sf.Opportunity.get(deal)
    assert (after["IsWon"], after["IsClosed"], after["Probability"]) == (True, True, 100.0)
    assert after["LastStageChangeDate"] == after["SystemModstamp"]
    history = sf.query(f"SELECT StageName FROM OpportunityHistory WHERE OpportunityId = '{deal}' ORDER BY Id")
    assert [row["StageName"] for row in history["records"]] == ["Negotiation", "Closed Won"]


@in_thread
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"StageName": "Proposal"}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "x", "StageName": "Hoping", "CloseDate": "2026-12-31"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"Name": "x", "StageName": "Proposal", "CloseDate": "soon"}, "JSON_PARSER_ERROR"),
        ({"Name": "x", "StageName": "Proposal", "CloseDate": "2026-12-31", "Colour": 1}, "INVALID_FIELD"),
        (
            {"Name": "x", "StageName": "Proposal", "CloseDate": "2026-12-31", "IsWon": True},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
        ),
        (
            {"Name": "x", "StageName": "Proposal", "CloseDate": "2026-12-31", "AccountId": "001SL0000000999AAA"},
            "INVALID_CROSS_REFERENCE_KEY",
        ),
    ],
)
def test_a_wrong_record_is_refused_by_name(judge: Judge, body: dict[str, Any], code: str) -> None:
    """Each mistake in a new record has Salesforce's own error code, and nothing is kept."""
    sf = judge.connected()
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.Opportunity.create(body)
    assert told(refused)[0]["errorCode"] == code
    assert sf.query("SELECT COUNT() FROM Opportunity")["totalSize"] == 0


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Colour FROM Account", "INVALID_FIELD"),
        ("SELECT Id, Id FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Colour", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE Id = 'nobody'", "INVALID_QUERY_FILTER_OPERATOR"),
    ],
)
async def test_a_wrong_query_is_refused_by_name(judge: Judge, soql: str, code: str) -> None:
    """Each mistake in a query has Salesforce's own error code."""

    def use() -> Any:
        with pytest.raises(SalesforceMalformedRequest) as refused:
            judge.connected().query(soql)
        return told(refused)[0]["errorCode"]

    assert await asyncio.to_thread(use) == code


@in_thread
def test_objects_describe_themselves(judge: Judge) -> None:
    """The list of objects, and an object's fields with type, external id and relationship."""
    sf = judge.connected()
    assert "Billing_Milestone__c" in [known["name"] for known in (sf.describe() or {})["sobjects"]]
    fields = {field["name"]: field for field in sf.Contract.describe()["fields"]}
    assert (fields["EndDate"]["createable"], fields["Total_Value__c"]["type"]) == (False, "currency")
    assert fields["Amends_Contract__c"]["referenceTo"] == ["Contract"]
    assert fields["Deal_Key__c"]["externalId"] is True


@in_thread
def test_an_expired_session_is_401_and_a_new_one_helps(judge: Judge) -> None:
    """A session by its id alone cannot be renewed: ExpiredSession; a session by credentials renews itself."""
    sf = judge.connected()
    bare: Any = Salesforce(session_id=sf.session_id, instance_url=judge.context.base_url, session=judge.session())
    judge.control("POST", "actions/expire_sessions", {})
    with pytest.raises(SalesforceExpiredSession) as expired:
        bare.query("SELECT Id FROM Account")
    assert told(expired) == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    assert sf.query("SELECT Id FROM Account")["totalSize"] == 0


@in_thread
def test_limits_are_counted_told_and_kept(judge: Judge) -> None:
    """Every answer tells the usage; switched to its end the limit is REQUEST_LIMIT_EXCEEDED with 403."""
    sf = judge.connected()
    sf.query("SELECT Id FROM Account")
    assert (sf.api_usage["api-usage"].used, sf.api_usage["api-usage"].total) == (1, 5000)
    assert sf.limits()["DailyApiRequests"] == {"Max": 5000, "Remaining": 4998}
    day = datetime.now(UTC).date().isoformat()
    judge.control("POST", "records/ApiUsage", [{"id": day, "body": {"calls": 5000}}])
    with pytest.raises(SalesforceRefusedRequest) as refused:
        sf.query("SELECT Id FROM Account")
    assert told(refused)[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


@in_thread
def test_updated_and_deleted_records_are_listed_by_window(judge: Judge) -> None:
    """Both lists name the records that changed or went between two moments."""
    sf = judge.connected()
    kept, gone = (sf.Account.create({"Name": name})["id"] for name in ("Kept", "Gone"))
    sf.Account.delete(gone)
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=1), now + timedelta(minutes=1)
    assert sf.Account.updated(start, end)["ids"] == [kept]
    assert [row["id"] for row in sf.Account.deleted(start, end)["deletedRecords"]] == [gone]


@in_thread
def test_a_composite_call_is_kept_whole_or_not_at_all(judge: Judge) -> None:
    """Later calls use earlier ids; with allOrNone one failure undoes all, and the answer is still HTTP 200."""
    sf = judge.connected()
    deal = {"Name": "D", "StageName": "Proposal", "CloseDate": "2026-12-31", "AccountId": "@{acc.id}"}
    root = "/services/data/v67.0/sobjects"
    calls = [
        {"method": "PATCH", "url": f"{root}/Account/ERP_Id__c/C-9", "referenceId": "acc", "body": {"Name": "A"}},
        {"method": "POST", "url": f"{root}/Opportunity", "referenceId": "opp", "body": deal},
    ]
    good = sf.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": calls})
    assert [part["httpStatusCode"] for part in (good or {})["compositeResponse"]] == [201, 201]
    calls[1]["body"] = deal | {"StageName": "Hoping"}
    calls[0]["body"] = {"Name": "Changed"}
    bad = sf.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": calls})
    assert [part["httpStatusCode"] for part in (bad or {})["compositeResponse"]] == [400, 400]
    assert (bad or {})["compositeResponse"][0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert sf.Account.get_by_custom_id("ERP_Id__c", "C-9")["Name"] == "A"


@in_thread
def test_a_collection_tells_a_result_per_row(judge: Judge) -> None:
    """Without allOrNone the good rows are kept and the bad one says why, by `statusCode`."""
    sf = judge.connected()
    kind = {"attributes": {"type": "Account"}}
    rows = [kind | {"Name": "Good", "ERP_Id__c": "C-1"}, kind | {"ERP_Id__c": "C-2"}]
    results: Any = sf.restful("composite/sobjects/Account/ERP_Id__c", method="PATCH", json={"records": rows})
    assert [result["success"] for result in results] == [True, False]
    assert results[0]["created"] is True
    assert results[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] == 1
