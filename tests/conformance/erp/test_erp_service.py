"""The ERP system API from the outside: canonical ids, keys, links and pages, on PostgreSQL and a vendor's sandbox."""

from typing import Any

import httpx
from erp_api import ACCOUNT, HERE, items, posted

from servicekit.app import Service
from servicekit.contract import document

SHELL = {
    "project_id": f"prj_{1:032x}",
    "contract_id": f"ctr_{1:032x}",
    "number": "P-DE01-D01",
    "name": "Grid data platform",
    "legal_entity_code": "DE01",
    "cost_centre_code": "CC-D20",
    "currency": "EUR",
    "start_date": "2026-12-01",
    "end_date": "2027-06-01",
}


async def shell_order(api: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    account = await posted(api, "/v1/customer-accounts", ACCOUNT, "run-1:account", 200)
    return SHELL | {"customer_account_id": account["id"]} | changes


async def test_legal_entities_have_ids_that_stay(api: httpx.AsyncClient) -> None:
    """Each entity's id is minted once and is the same at the next reading."""
    first = {entity["code"]: entity["id"] for entity in await items(api, "/v1/legal-entities")}
    second = {entity["code"]: entity["id"] for entity in await items(api, "/v1/legal-entities")}
    assert {"DE01", "US01", "GB01"} == first.keys()
    assert all(found.startswith("len_") for found in first.values())
    assert first == second


async def test_reference_data_is_read_by_entity(api: httpx.AsyncClient) -> None:
    """Cost centres, tax codes, periods and terms of one entity; an unknown one is 404 under its own code."""
    base = "/v1/legal-entities/GB01"
    centres = await items(api, f"{base}/dimension-values", dimension="cost_centre")
    assert ["CC-G10", "CC-G20", "CC-G90"] == [centre["code"] for centre in centres]
    assert ["standard"] == [c["kind"] for c in await items(api, f"{base}/tax-codes") if c["code"] == "VAT20"]
    assert 36 == len(await items(api, f"{base}/accounting-periods"))
    assert "30 DAYS" in {terms["code"] for terms in await items(api, f"{base}/payment-terms")}
    answer = await api.get("/v1/legal-entities/XX99/tax-codes", params=HERE)
    assert (404, "unknown_legal_entity") == (answer.status_code, answer.json()["code"])
    answer = await api.get(f"{base}/tax-codes", params={"connection": "erp-other"})
    assert (404, "unknown_connection") == (answer.status_code, answer.json()["code"])


async def test_an_account_that_exists_is_found_and_linked(api: httpx.AsyncClient) -> None:
    """Nothing is created for a known customer; from then on the account says whose it is."""
    query = {"legal_entity_code": "DE01", "customer_number": "C2001", "currency": "EUR"}
    assert [None] == [account["customer_id"] for account in await items(api, "/v1/customer-accounts", **query)]
    account = await posted(api, "/v1/customer-accounts", ACCOUNT, "run-1:account", 200)
    assert (ACCOUNT["customer_id"], "C2001", "DE01") == tuple(
        account[name] for name in ("customer_id", "number", "legal_entity_code")
    )
    assert [account] == await items(api, "/v1/customer-accounts", **query)
    read = await api.get(f"/v1/customer-accounts/{account['id']}")
    assert account == read.json()
    again = await api.get(f"/v1/customer-accounts/{account['id']}", headers={"If-None-Match": read.headers["etag"]})
    assert 304 == again.status_code


async def test_an_account_is_requested_once(api: httpx.AsyncClient, stage: Any) -> None:
    """The same key gives the same answer, another key the same account; another customer cannot have it."""
    new = ACCOUNT | {"customer_id": f"cus_{2:032x}", "customer_number": "C2007", "name": "Sierra Robotics Inc."}
    new |= {"legal_entity_code": "US01", "currency": "USD", "country": "US"}
    account = await posted(api, "/v1/customer-accounts", new, "run-2:account", 200)
    assert account == await posted(api, "/v1/customer-accounts", new, "run-2:account", 200)
    assert account == await posted(api, "/v1/customer-accounts", new, "run-3:account", 200)
    other = new | {"customer_id": f"cus_{3:032x}"}
    assert "already_linked" == (await posted(api, "/v1/customer-accounts", other, "run-4:account", 409))["code"]
    changed = await posted(api, "/v1/customer-accounts", other, "run-2:account", 422)
    assert "idempotency_key_reused" == changed["code"]
    creates = [line for line in (await stage.control.get("/_sandbox/journal")).json() if line["method"] == "POST"]
    assert 1 == len([line for line in creates if "customers" in line["path"]])


async def test_a_shell_lives_its_life(api: httpx.AsyncClient) -> None:
    """Created approved, read by id and number, extended, closed; each step may be repeated."""
    order = await shell_order(api)
    shell = await posted(api, "/v1/project-shells", order, "run-1:shell", 201)
    assert shell == await posted(api, "/v1/project-shells", order, "run-1:shell", 201)
    assert shell["id"].startswith("shl_")
    assert order | {"status": "approved"} == {n: shell[n] for n in (*order, "status") if n in shell} | {
        "contract_id": SHELL["contract_id"]
    }
    path = f"/v1/project-shells/{shell['id']}"
    assert shell == (await api.get(path)).json()
    assert [shell] == await items(api, "/v1/project-shells", legal_entity_code="DE01", number="P-DE01-D01")
    for _ in range(2):
        extended = await api.put(f"{path}/amendment", json={"end_date": "2027-12-31"})
        assert (200, "2027-12-31") == (extended.status_code, extended.json()["end_date"])
    for _ in range(2):
        closed = await api.put(f"{path}/closing")
        assert (200, "closed") == (closed.status_code, closed.json()["status"])
    late = await api.put(f"{path}/amendment", json={"end_date": "2028-12-31"})
    assert (409, "shell_closed") == (late.status_code, late.json()["code"])


async def test_refusals_of_the_ledger_have_codes_and_no_vendor_words(api: httpx.AsyncClient) -> None:
    """An unknown cost centre is 422, a taken number 409; the vendor's own text stays inside."""
    refused = await posted(
        api, "/v1/project-shells", await shell_order(api, cost_centre_code="CC-D77"), "run-1:shell", 422
    )
    assert "unknown_cost_centre" == refused["code"]
    assert "Dimension" not in refused["detail"]
    await posted(api, "/v1/project-shells", await shell_order(api), "run-1:shell", 201)
    other = await shell_order(api, project_id=f"prj_{2:032x}")
    assert "number_taken" == (await posted(api, "/v1/project-shells", other, "run-2:shell", 409))["code"]
    stranger = await shell_order(api, customer_account_id=f"cac_{9:032x}")
    assert "unknown_reference" == (await posted(api, "/v1/project-shells", stranger, "run-3:shell", 422))["code"]
    nobody = await api.get(f"/v1/project-shells/shl_{9:032x}")
    assert 404 == nobody.status_code


async def test_a_lost_answer_is_settled_under_the_same_key(api: httpx.AsyncClient, stage: Any) -> None:
    """In doubt at first; the repeat finds what was made, and there is one shell."""
    order = await shell_order(api)
    await stage.fail("lose_answer", method="POST", path="project")
    assert "in_doubt" == (await posted(api, "/v1/project-shells", order, "run-1:shell", 504))["code"]
    shell = await posted(api, "/v1/project-shells", order, "run-1:shell", 201)
    assert [shell["id"]] == [one["id"] for one in await items(api, "/v1/project-shells", legal_entity_code="DE01")]


async def test_shells_are_listed_page_by_page(api: httpx.AsyncClient) -> None:
    """Cursors are signed and good for the listing they came from."""
    for place in range(3):
        order = await shell_order(api, number=f"P-DE01-{place}", project_id=f"prj_{place + 5:032x}")
        await posted(api, "/v1/project-shells", order, f"run-{place}:shell", 201)
    listing = HERE | {"legal_entity_code": "DE01", "limit": "2"}
    first = (await api.get("/v1/project-shells", params=listing)).json()
    assert ["P-DE01-0", "P-DE01-1"] == [shell["number"] for shell in first["items"]]
    second = (await api.get("/v1/project-shells", params=listing | {"cursor": first["next"]})).json()
    assert (["P-DE01-2"], None) == ([shell["number"] for shell in second["items"]], second["next"])
    elsewhere = listing | {"legal_entity_code": "GB01", "cursor": first["next"]}
    answer = await api.get("/v1/project-shells", params=elsewhere)
    assert (400, "invalid_cursor") == (answer.status_code, answer.json()["code"])


async def test_a_scope_opens_its_own_door_only(api: httpx.AsyncClient) -> None:
    """Reading accounts does not allow writing them."""
    headers = {"Authorization": "Bearer erp.customer-accounts.read", "Idempotency-Key": "run-1:account"}
    answer = await api.post("/v1/customer-accounts", json=ACCOUNT, params=HERE, headers=headers)
    assert (403, "insufficient_scope") == (answer.status_code, answer.json()["code"])


def test_the_contract_names_every_operation(service: Service) -> None:
    """The document has all routes under stable names."""
    operations = {
        operation["operationId"] for methods in document(service)["paths"].values() for operation in methods.values()
    }
    assert {
        "listLegalEntities",
        "listDimensionValues",
        "listTaxCodes",
        "listAccountingPeriods",
        "listPaymentTerms",
        "listCustomerAccounts",
        "ensureCustomerAccount",
        "getCustomerAccount",
        "listProjectShells",
        "createProjectShell",
        "getProjectShell",
        "amendProjectShell",
        "closeProjectShell",
        "listExchangeRates",
        "listLedgerEntries",
        "listAccountBalances",
        "listReceivables",
        "createReceivable",
        "getReceivable",
        "postReceivable",
        "discardReceivable",
        "listJournals",
        "createJournal",
        "getJournal",
    } == operations
