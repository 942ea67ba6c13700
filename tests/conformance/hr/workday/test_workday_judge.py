"""Judges the Workday sandbox by zeep (SOAP, WS-Security) and Authlib (OAuth), clients that nobody here wrote.

Workday's own WSDL cannot be had offline: the one below describes the subset that the sandbox has, in the public WSDL's
names, order and namespaces. REST, WQL and reports have no outside client: they are judged by published facts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from serving import CONTROL, running_sandbox
from zeep import Client
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

from sandboxkit.store import Store
from system_apis.hr.workday.sandbox import create_sandbox_app

CONFIG = {
    "tenant": "acme",
    "client_id": "client",
    "client_secret": "the-secret",
    "refresh_token": "the-refresh-token",
    "username": "ISU_PSA",
    "password": "the-password",
}
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
ADA, BEN, CLARA = (f"{number:032x}" for number in (0xADA, 0xBE, 0xC1))
COMMON = {
    "company": {"code": "DE01", "name": "Acme GmbH"},
    "costCenter": {"code": "CC1", "name": "Consulting"},
    "location": "Berlin",
    "timeZone": "Europe/Berlin",
    "jobProfile": "Engineer",
    "weeklyHours": "40",
}
WORKER_TYPES = """
<xs:complexType name="IDType"><xs:simpleContent><xs:extension base="xs:string">
 <xs:attribute name="type" type="xs:string" form="qualified"/></xs:extension></xs:simpleContent></xs:complexType>
<xs:complexType name="Ref"><xs:sequence><xs:element name="ID" type="wd:IDType" minOccurs="0" maxOccurs="unbounded"/>
 </xs:sequence><xs:attribute name="Descriptor" type="xs:string" form="qualified"/></xs:complexType>
<xs:complexType name="Organization"><xs:sequence>
 <xs:element name="Organization_Code" type="xs:string"/><xs:element name="Organization_Name" type="xs:string"/>
 <xs:element name="Organization_Type_Reference" type="wd:Ref"/></xs:sequence></xs:complexType>
<xs:complexType name="Name"><xs:sequence><xs:element name="First_Name" type="xs:string"/>
 <xs:element name="Last_Name" type="xs:string"/></xs:sequence>
 <xs:attribute name="Formatted_Name" type="xs:string" form="qualified"/></xs:complexType>
<xs:complexType name="Status"><xs:sequence><xs:element name="Active" type="xs:boolean"/>
 <xs:element name="Hire_Date" type="xs:date"/><xs:element name="Original_Hire_Date" type="xs:date"/>
 <xs:element name="Terminated" type="xs:boolean"/><xs:element name="Termination_Date" type="xs:date" minOccurs="0"/>
 </xs:sequence></xs:complexType>
<xs:complexType name="Position"><xs:sequence><xs:element name="Position_ID" type="xs:string"/>
 <xs:element name="Business_Title" type="xs:string"/>
 <xs:element name="Job_Profile_Summary_Data"><xs:complexType><xs:sequence>
  <xs:element name="Job_Profile_Name" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
 <xs:element name="Business_Site_Summary_Data"><xs:complexType><xs:sequence>
  <xs:element name="Name" type="xs:string"/></xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType>
<xs:complexType name="Job"><xs:sequence><xs:element name="Position_Data" type="wd:Position"/>
 <xs:element name="Position_Organizations_Data" minOccurs="0"><xs:complexType><xs:sequence>
  <xs:element name="Position_Organization_Data" maxOccurs="unbounded"><xs:complexType><xs:sequence>
   <xs:element name="Organization_Data" type="wd:Organization"/></xs:sequence></xs:complexType></xs:element>
 </xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType>
<xs:complexType name="Personal"><xs:sequence>
 <xs:element name="Name_Data"><xs:complexType><xs:sequence><xs:element name="Preferred_Name_Data"><xs:complexType>
  <xs:sequence><xs:element name="Name_Detail_Data" type="wd:Name"/></xs:sequence></xs:complexType></xs:element>
 </xs:sequence></xs:complexType></xs:element>
 <xs:element name="Contact_Data" minOccurs="0"><xs:complexType><xs:sequence><xs:any processContents="skip"/>
 </xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType>
<xs:complexType name="Worker"><xs:sequence>
 <xs:element name="Worker_Reference" type="wd:Ref" minOccurs="0"/>
 <xs:element name="Worker_Descriptor" type="xs:string" minOccurs="0"/>
 <xs:element name="Worker_Data" minOccurs="0"><xs:complexType><xs:sequence>
  <xs:element name="Worker_ID" type="xs:string"/>
  <xs:element name="Personal_Data" type="wd:Personal" minOccurs="0"/>
  <xs:element name="Employment_Data" minOccurs="0"><xs:complexType><xs:sequence>
   <xs:element name="Worker_Job_Data" type="wd:Job" minOccurs="0" maxOccurs="unbounded"/>
   <xs:element name="Worker_Status_Data" type="wd:Status" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
 </xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType>
"""
REQUEST = """
<xs:element name="Get_Workers_Request"><xs:complexType><xs:sequence>
 <xs:choice minOccurs="0">
  <xs:element name="Request_References"><xs:complexType><xs:sequence>
   <xs:element name="Worker_Reference" type="wd:Ref" maxOccurs="unbounded"/></xs:sequence>
   <xs:attribute name="Skip_Non_Existing_Instances" type="xs:boolean" form="qualified"/></xs:complexType></xs:element>
  <xs:element name="Request_Criteria"><xs:complexType><xs:sequence>
   <xs:element name="Transaction_Log_Criteria_Data" minOccurs="0"><xs:complexType><xs:sequence>
    <xs:element name="Transaction_Date_Range_Data"><xs:complexType><xs:sequence>
     <xs:element name="Updated_From" type="xs:dateTime" minOccurs="0"/>
     <xs:element name="Updated_Through" type="xs:dateTime" minOccurs="0"/>
     <xs:element name="Effective_From" type="xs:date" minOccurs="0"/>
     <xs:element name="Effective_Through" type="xs:date" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
   </xs:sequence></xs:complexType></xs:element>
   <xs:element name="Exclude_Inactive_Workers" type="xs:boolean" minOccurs="0"/>
   <xs:element name="Exclude_Contingent_Workers" type="xs:boolean" minOccurs="0"/>
  </xs:sequence></xs:complexType></xs:element>
 </xs:choice>
 <xs:element name="Response_Filter" minOccurs="0"><xs:complexType><xs:sequence>
  <xs:element name="As_Of_Effective_Date" type="xs:date" minOccurs="0"/>
  <xs:element name="As_Of_Entry_DateTime" type="xs:dateTime" minOccurs="0"/>
  <xs:element name="Page" type="xs:decimal" minOccurs="0"/><xs:element name="Count" type="xs:decimal" minOccurs="0"/>
 </xs:sequence></xs:complexType></xs:element>
 <xs:element name="Response_Group" minOccurs="0"><xs:complexType><xs:sequence>
  <xs:element name="Include_Reference" type="xs:boolean" minOccurs="0"/>
  <xs:element name="Include_Personal_Information" type="xs:boolean" minOccurs="0"/>
  <xs:element name="Include_Employment_Information" type="xs:boolean" minOccurs="0"/>
  <xs:element name="Include_Organizations" type="xs:boolean" minOccurs="0"/>
 </xs:sequence></xs:complexType></xs:element></xs:sequence>
 <xs:attribute name="version" type="xs:string" form="qualified"/></xs:complexType></xs:element>
<xs:element name="Get_Workers_Response"><xs:complexType><xs:sequence>
 <xs:element name="Response_Results"><xs:complexType><xs:sequence>
  <xs:element name="Total_Results" type="xs:integer"/><xs:element name="Total_Pages" type="xs:integer"/>
  <xs:element name="Page_Results" type="xs:integer"/><xs:element name="Page" type="xs:integer"/>
 </xs:sequence></xs:complexType></xs:element>
 <xs:element name="Response_Data"><xs:complexType><xs:sequence>
  <xs:element name="Worker" type="wd:Worker" minOccurs="0" maxOccurs="unbounded"/>
 </xs:sequence></xs:complexType></xs:element>
 </xs:sequence><xs:attribute name="version" type="xs:string" form="qualified"/></xs:complexType></xs:element>
"""
WSDL = f"""<?xml version="1.0" encoding="UTF-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:wd="urn:com.workday/bsvc"
  targetNamespace="urn:com.workday/bsvc/Human_Resources" xmlns:svc="urn:com.workday/bsvc/Human_Resources">
 <wsdl:types><xs:schema elementFormDefault="qualified" attributeFormDefault="qualified"
  targetNamespace="urn:com.workday/bsvc">{WORKER_TYPES}{REQUEST}</xs:schema></wsdl:types>
 <wsdl:message name="In"><wsdl:part name="body" element="wd:Get_Workers_Request"/></wsdl:message>
 <wsdl:message name="Out"><wsdl:part name="body" element="wd:Get_Workers_Response"/></wsdl:message>
 <wsdl:portType name="Port"><wsdl:operation name="Get_Workers"><wsdl:input message="svc:In"/>
  <wsdl:output message="svc:Out"/></wsdl:operation></wsdl:portType>
 <wsdl:binding name="Binding" type="svc:Port"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
  <wsdl:operation name="Get_Workers"><soap:operation soapAction=""/><wsdl:input><soap:body use="literal"/></wsdl:input>
  <wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation></wsdl:binding>
 <wsdl:service name="Human_ResourcesService"><wsdl:port name="Human_Resources" binding="svc:Binding">
  <soap:address location="ADDRESS"/></wsdl:port></wsdl:service>
</wsdl:definitions>"""


class Judge:
    """The sandbox with three people: Ada, employed; Ben, a contractor; Clara, who starts next month."""

    def __init__(self, url: str, store: Store, folder: Path) -> None:
        self.url = url
        self.store = store
        self._folder = folder
        self.control = httpx.AsyncClient(base_url=url, headers=CONTROL)

    async def act(self, action: str, body: Any) -> Any:
        return (await self.control.post(f"/_sandbox/actions/{action}", json=body)).raise_for_status().json()

    async def soap(self, password: str = "the-password", **request: Any) -> Any:
        """Zeep's own reading of the answer."""
        return await asyncio.to_thread(self._soap, password, request)

    def _soap(self, password: str, request: dict[str, Any]) -> Any:
        path = self._folder / "Human_Resources.wsdl"
        path.write_text(WSDL.replace("ADDRESS", f"{self.url}/ccx/service/acme/Human_Resources/v44.2"))
        token = UsernameToken("ISU_PSA@acme", password)  # type: ignore[no-untyped-call]
        with Client(str(path), wsse=token) as client:  # type: ignore[no-untyped-call]
            return client.service.Get_Workers(**request, version="v44.2")

    async def token(self, secret: str = "the-secret", **form: str) -> Any:
        """Authlib's own reading of the token endpoint's answer."""
        url = f"{self.url}/ccx/oauth2/acme/token"
        with OAuth2Session("client", secret) as session:
            return await asyncio.to_thread(session.fetch_token, url, **form)

    async def get(self, path: str, **params: Any) -> Any:
        with OAuth2Session("client", token=await self.token(grant_type="client_credentials")) as session:
            return await asyncio.to_thread(session.get, self.url + path, params=params)


@pytest.fixture
async def judge(tmp_path: Path) -> AsyncIterator[Judge]:
    starter = (date.today() + timedelta(days=30)).isoformat()  # noqa: DTZ011  a month leaves room for any zone
    people = (
        (ADA, "21001", "Employee", "Ada", "2020-01-01"),
        (BEN, "21001", "Contingent Worker", "Ben", "2022-02-02"),
        (CLARA, "21003", "Employee", "Clara", starter),
    )
    async with running_sandbox(create_sandbox_app, CONFIG) as sandbox:
        found = Judge(sandbox.base_url, sandbox.store, tmp_path)
        for wid, number, kind, name, starts in people:
            values = COMMON | {"firstName": name, "lastName": "Brandt", "email": f"{name}@acme.example".lower()}
            record = {"wid": wid, "workerId": number, "type": kind, "effective": starts}
            values |= {"skills": ["python", "sap"]} if name == "Ada" else {}
            told = {"entered": "2020-01-01T00:00:00Z", "personWid": wid[::-1], "values": values}
            await found.act("hire", record | told)
        yield found
        await found.control.aclose()


def logged(**window: Any) -> dict[str, Any]:
    """The request for what the transaction log has in a window."""
    return {"Request_Criteria": {"Transaction_Log_Criteria_Data": {"Transaction_Date_Range_Data": window}}}


def wids(answer: Any) -> set[str]:
    """The WIDs of the workers in an answer."""
    workers = answer.Response_Data.Worker if answer.Response_Data else []
    return {entry._value_1 for worker in workers for entry in worker.Worker_Reference.ID if entry.type == "WID"}


async def test_zeep_reads_a_worker_by_its_schema(judge: Judge) -> None:
    """A reference, names, status, position and organisations are where the schema has them, and typed as it says."""
    groups = ("Reference", "Personal_Information", "Employment_Information", "Organizations")
    answer = await judge.soap(
        Request_References={"Worker_Reference": [{"ID": [{"type": "Employee_ID", "_value_1": "21001"}]}]},
        Response_Group={f"Include_{group}": True for group in groups},
    )
    (worker,) = answer.Response_Data.Worker
    data = worker.Worker_Data
    (job,) = data.Employment_Data.Worker_Job_Data
    organisations = [entry.Organization_Data for entry in job.Position_Organizations_Data.Position_Organization_Data]
    assert [("WID", ADA), ("Employee_ID", "21001")] == [(i.type, i._value_1) for i in worker.Worker_Reference.ID]
    assert ("v44.2", "21001") == (answer.version, data.Worker_ID)
    assert "Ada Brandt" == data.Personal_Data.Name_Data.Preferred_Name_Data.Name_Detail_Data.Formatted_Name
    status = data.Employment_Data.Worker_Status_Data
    assert (True, False, date(2020, 1, 1)) == (status.Active, status.Terminated, status.Hire_Date)
    assert ["DE01", "CC1"] == [entry.Organization_Code for entry in organisations]


async def test_zeep_pages_and_asks_only_for_what_it_wants(judge: Judge) -> None:
    """Pages count from one; blocks that were not asked for are absent; who is still to start is not there."""
    pages = [
        await judge.soap(Response_Filter={"Page": page, "Count": 1}, Response_Group={"Include_Reference": True})
        for page in (1, 2)
    ]
    results = [page.Response_Results for page in pages]
    assert [(2, 2, 1, 1), (2, 2, 1, 2)] == [
        (result.Total_Results, result.Total_Pages, result.Page_Results, result.Page) for result in results
    ]
    assert {ADA, BEN} == wids(pages[0]) | wids(pages[1])
    assert pages[0].Response_Data.Worker[0].Worker_Data.Personal_Data is None
    assert {ADA, BEN, CLARA} == wids(await judge.soap(Response_Filter={"As_Of_Effective_Date": date(2100, 1, 1)}))


async def test_the_transaction_log_has_two_clocks(judge: Judge) -> None:
    """What is entered shows in the window of its entry; what becomes effective shows in the window of its day."""
    began = datetime.now(UTC)
    day = date(2026, 6, 1)
    await judge.act("enter", {"worker": ADA, "type": "Transfer Employee", "effective": "2026-06-01", "values": {}})

    now, that_day = datetime.now(UTC), {"Effective_From": day, "Effective_Through": day}
    for window, found in (
        ({"Updated_From": began, "Updated_Through": now}, {ADA}),
        ({"Updated_From": now, "Updated_Through": now}, set()),
        ({"Updated_From": LONG_AGO, "Updated_Through": now} | that_day, {ADA}),
        ({"Updated_From": LONG_AGO, "Updated_Through": began} | that_day, set()),
    ):
        assert found == wids(await judge.soap(**logged(**window)))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"Response_Filter": {"Count": 1000}}, "Count"),
        ({"Request_References": {"Worker_Reference": [{"ID": [{"type": "WID", "_value_1": "x"}]}]}}, "not a valid ID"),
        (logged(Updated_From=LONG_AGO), "both required"),
        (logged(Updated_From=LONG_AGO, Updated_Through=datetime(2100, 1, 1, tzinfo=UTC)), "in the future"),
    ],
)
async def test_zeep_sees_validation_faults(judge: Judge, request_: dict[str, Any], message: str) -> None:
    """A validation fault has its code, its text and its detail, at HTTP 500."""
    with pytest.raises(Fault) as caught:
        await judge.soap(**request_)
    assert "SOAP-ENV:Client.validationError" == caught.value.code
    assert message in caught.value.message
    assert "Validation_Fault" in caught.value.detail[0].tag


async def test_zeep_is_refused_with_a_wrong_password(judge: Judge) -> None:
    """A wrong password is a fault of its own code, not of HTTP."""
    with pytest.raises(Fault) as caught:
        await judge.soap(password="wrong")
    assert "SOAP-ENV:Client.authenticationError" == caught.value.code


async def test_authlib_obtains_tokens_by_both_grants(judge: Judge) -> None:
    """Client credentials and the refresh token give bearer tokens; the refresh token is not given again."""
    first = await judge.token(grant_type="client_credentials")
    second = await judge.token(grant_type="refresh_token", refresh_token="the-refresh-token")
    assert ("Bearer", 3600) == (first["token_type"], first["expires_in"])
    assert first["access_token"] != second["access_token"]


@pytest.mark.parametrize(
    ("secret", "form", "error"),
    [
        ("wrong", {"grant_type": "client_credentials"}, "invalid_client"),
        ("the-secret", {"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ("the-secret", {"grant_type": "password", "username": "a", "password": "b"}, "invalid_request"),
    ],
)
async def test_authlib_sees_refused_tokens(judge: Judge, secret: str, form: dict[str, str], error: str) -> None:
    """A refusal has the OAuth error's name."""
    with pytest.raises(OAuthError) as caught:
        await judge.token(secret, **form)
    assert error == caught.value.error


@pytest.mark.parametrize(
    ("path", "check"),
    [
        ("/staffing/v6/acme/workers", lambda body: (body["total"], len(body["data"])) == (2, 2)),
        ("/staffing/v6/acme/workers?search=ben", lambda body: [w["id"] for w in body["data"]] == [BEN]),
        (f"/staffing/v6/acme/workers/{ADA}", lambda body: body["workerType"]["descriptor"] == "Employee"),
        ("/staffing/v6/acme/workers/Employee_ID=21001", lambda body: body["id"] == ADA),
        ("/staffing/v6/acme/workers/Contingent_Worker_ID=21001", lambda body: body["descriptor"] == "Ben Brandt [C]"),
        (f"/staffing/v6/acme/workers/{ADA}/serviceDates", lambda body: body["data"][0]["hireDate"] == "2020-01-01"),
        (
            f"/staffing/v6/acme/workers/{ADA}/explicitSkills",
            lambda body: [entry["skillItem"]["descriptor"] for entry in body["data"]] == ["python", "sap"],
        ),
    ],
)
async def test_staffing_answers_as_published(judge: Judge, path: str, check: Callable[[Any], bool]) -> None:
    """Published facts of Staffing v6: `data` and `total`, ids by WID or typed reference, with `ccx` or without."""
    for prefix in ("/ccx/api", "/api"):
        assert check((await judge.get(prefix + path)).json())


async def test_leavers_are_shown_on_demand_only(judge: Judge) -> None:
    """Published fact: terminated workers are left out unless asked for; absent is not terminated."""
    await judge.act("enter", {"worker": ADA, "type": "Terminate Employee", "effective": "2026-01-31"})
    path = "/ccx/api/staffing/v6/acme/workers"
    answers = [(await judge.get(path, **params)).json() for params in ({}, {"includeTerminatedWorkers": "true"})]
    assert [["Ben Brandt [C]"], ["Ada Brandt (Terminated)", "Ben Brandt [C]"]] == [
        [worker["descriptor"] for worker in answer["data"]] for answer in answers
    ]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/staffing/v6/acme/workers?limit=101", 400, {"error": "validation error"}),
        (f"/staffing/v6/acme/workers/{'0' * 32}", 404, {"code": "S21"}),
        ("/staffing/v6/acme/workers/xyz", 400, {"code": "A1"}),
        ("/wql/v1/acme/data?query=SELECT+nothing+FROM+allWorkers", 400, {"error": "validation error"}),
    ],
)
async def test_rest_refuses_as_published(judge: Judge, path: str, status: int, body: dict[str, str]) -> None:
    """Published facts: statuses, and the keys of the error body."""
    answer = await judge.get(f"/ccx/api{path}")
    assert status == answer.status_code
    assert body.items() <= answer.json().items()


async def test_names_and_passwords_are_no_way_into_rest(judge: Judge) -> None:
    """Published fact: the integration user's Basic opens reports, never REST."""
    async with httpx.AsyncClient(base_url=judge.url, auth=("ISU_PSA", "the-password")) as client:
        rest = await client.get("/ccx/api/staffing/v6/acme/workers")
        report = await client.get(
            "/ccx/service/customreport2/acme/ISU_PSA/Syncline_Worker_Terms",
            params={"format": "json", "Worker!WID": ADA},
        )
    assert (401, {"error": "Invalid Access Token"}) == (rest.status_code, rest.json())
    (entry,) = report.raise_for_status().json()["Report_Entry"]
    assert (ADA, "DE01", "40") == (entry["Worker_WID"], entry["Company"], entry["Weekly_Hours"])
    assert "2020-01-01" == entry["Effective_From"][:10]
    assert "Effective_To" not in entry


async def test_wql_rows_have_their_quirks(judge: Judge) -> None:
    """Published facts: empties left out, arrays for multi-instance fields, numbers as texts, real booleans."""
    query = (
        "SELECT worker, employeeID, email_Work, skills, workerActive, FTE, terminationDate"
        f" FROM allWorkers WHERE worker IN ('{ADA}', '{BEN}') ORDER BY workdayID"
    )
    path = "/ccx/api/wql/v1/acme/data"
    starter = await judge.get(path, query="SELECT workerActive FROM allWorkers WHERE workerActive = false")
    body = (await judge.get(path, query=query, limit=1)).json()
    (row,) = body["data"]
    assert 2 == body["total"]
    assert ({"descriptor": "Ben Brandt [C]", "id": BEN}, "21001", True, "1.0") == (
        row["worker"],
        row["employeeID"],
        row["workerActive"],
        row["FTE"],
    )
    assert ["ben@acme.example"] == [entry["descriptor"] for entry in row["email_Work"]]
    assert not {"skills", "terminationDate"} & row.keys()
    assert [{"workerActive": False}] == starter.json()["data"]
