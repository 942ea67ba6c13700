"""Receivables, journals and the ledger from the outside: canonical ids, keys, pages, and a story from draft to paid."""

from datetime import date
from typing import Any

import httpx
from erp_api import ACCOUNT, HERE, items, posted

LINE = {
    "key": "L1",
    "description": "Engineering, November",
    "quantity": "12",
    "unit_price": "145.50",
    "amount": {"amount": "1746.00", "currency": "EUR"},
    "account_role": "unbilled_receivable",
    "tax_code": "VAT19",
    "cost_centre_code": "CC-D20",
}
INVOICE = {
    "kind": "invoice",
    "reference": "DE01-C2001-2026-11-R1",
    "legal_entity_code": "DE01",
    "currency": "EUR",
    "document_date": "2026-11-23",
    "posting_date": "2026-11-23",
    "due_date": "2026-12-23",
    "lines": [LINE],
}
POSTING = {
    "external_number": "INV-DE01-0001",
    "document_date": "2026-11-23",
    "posting_date": "2026-11-23",
    "due_date": "2026-12-23",
}
JOURNAL = {
    "reference": "RR-DE01-2026-11-01",
    "kind": "revenue",
    "legal_entity_code": "DE01",
    "document_date": "2026-11-23",
    "posting_date": "2026-11-23",
    "description": "Revenue of November",
    "lines": [
        {
            "account_role": role,
            "amount": {"amount": amount, "currency": "EUR"},
            "description": "Work of November",
            "cost_centre_code": "CC-D20",
        }
        for role, amount in (("unbilled_receivable", "1746.00"), ("revenue", "-1746.00"))
    ],
}
ENTITY = "/v1/legal-entities/DE01"


async def invoice(api: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    account = await posted(api, "/v1/customer-accounts", ACCOUNT, "run-1:account", 200)
    return INVOICE | {"customer_account_id": account["id"]} | changes


async def test_an_invoice_lives_its_life(api: httpx.AsyncClient, stage: Any) -> None:
    """Draft under our reference, posted under billing's number, paid; each step may be repeated."""
    order = await invoice(api)
    draft = await posted(api, "/v1/receivables", order, "run-1:receivable", 201)
    assert draft == await posted(api, "/v1/receivables", order, "run-1:receivable", 201)
    assert ("draft", None, order["customer_account_id"]) == tuple(
        draft[name] for name in ("status", "document_number", "customer_account_id")
    )
    assert draft["id"].startswith("rcv_")
    assert {"amount": "2077.74", "currency": "EUR"} == draft["gross"]
    path = f"/v1/receivables/{draft['id']}"
    assert draft == (await api.get(path)).json()
    for _ in range(2):
        answer = await api.put(f"{path}/posting", json=POSTING)
        assert (200, "posted") == (answer.status_code, answer.json()["status"])
    done = answer.json()
    assert [done] == await items(api, "/v1/receivables", legal_entity_code="DE01", reference="INV-DE01-0001")
    await stage.pay("DE01", done["document_number"], None, date(2026, 11, 23))
    read = await api.get(path)
    assert ("paid", "0.00") == (read.json()["status"], read.json()["remaining"]["amount"])
    late = await api.put(f"{path}/discarding")
    assert (409, "already_posted") == (late.status_code, late.json()["code"])


async def test_a_discarded_draft_is_told_as_it_was(api: httpx.AsyncClient) -> None:
    """The answer is the same however often it is asked for; the draft itself is gone."""
    draft = await posted(api, "/v1/receivables", await invoice(api), "run-1:receivable", 201)
    for _ in range(2):
        gone = await api.put(f"/v1/receivables/{draft['id']}/discarding")
        assert (200, draft | {"status": "discarded"}) == (gone.status_code, gone.json())
    assert 404 == (await api.get(f"/v1/receivables/{draft['id']}")).status_code
    assert [] == await items(api, "/v1/receivables", legal_entity_code="DE01", reference=INVOICE["reference"])


async def test_a_document_never_credits_revenue(api: httpx.AsyncClient) -> None:
    """Refused before any ERP is asked: an invoice line credits the balance of its contract."""
    order = await invoice(api, lines=[LINE | {"account_role": "revenue"}])
    assert "line_credits_revenue" == (await posted(api, "/v1/receivables", order, "run-1:receivable", 422))["code"]
    mixed = await invoice(api, currency="CHF")
    assert "several_currencies" == (await posted(api, "/v1/receivables", mixed, "run-2:receivable", 422))["code"]


async def test_refusals_of_a_posting_have_codes_and_no_vendor_words(api: httpx.AsyncClient, stage: Any) -> None:
    """A closed period is 422 under its own code; the vendor's own text stays inside."""
    draft = await posted(api, "/v1/receivables", await invoice(api), "run-1:receivable", 201)
    await stage.open_window("DE01", date(2026, 12, 1), None)
    refused = await api.put(f"/v1/receivables/{draft['id']}/posting", json=POSTING)
    assert (422, "period_closed") == (refused.status_code, refused.json()["code"])
    assert "Sales Header" not in refused.text


async def test_a_lost_answer_is_settled_under_the_same_key(api: httpx.AsyncClient, stage: Any) -> None:
    """In doubt at first; the repeat finds what was made, and there is one draft."""
    order = await invoice(api)
    await stage.fail("lose_answer", method="POST", path="salesInvoices")
    assert "in_doubt" == (await posted(api, "/v1/receivables", order, "run-1:receivable", 504))["code"]
    draft = await posted(api, "/v1/receivables", order, "run-1:receivable", 201)
    assert [draft] == await items(api, "/v1/receivables", legal_entity_code="DE01", reference=INVOICE["reference"])


async def test_a_journal_is_posted_and_read(api: httpx.AsyncClient, stage: Any) -> None:
    """Posted once per key, also after a lost answer; found by reference and by id."""
    await stage.fail("lose_answer", method="POST", path=r"NAV\.post")
    journal = await posted(api, "/v1/journals", JOURNAL, "run-1:journal", 201)
    assert journal == await posted(api, "/v1/journals", JOURNAL, "run-1:journal", 201)
    assert ("posted", 2) == (journal["status"], len(journal["entry_numbers"]))
    assert journal["id"].startswith("jrn_")
    assert journal == (await api.get(f"/v1/journals/{journal['id']}")).json()
    found = await items(api, "/v1/journals", legal_entity_code="DE01", reference=JOURNAL["reference"])
    assert [journal] == found
    entries = await items(api, f"{ENTITY}/ledger-entries", document_number=str(JOURNAL["reference"]))
    assert journal["entry_numbers"] == [entry["entry_number"] for entry in entries]


async def test_a_journal_that_does_not_balance_is_refused(api: httpx.AsyncClient) -> None:
    """Before any ERP is asked."""
    lines = [JOURNAL["lines"][0], JOURNAL["lines"][0]]  # type: ignore[index]
    refused = await posted(api, "/v1/journals", JOURNAL | {"lines": lines}, "run-1:journal", 422)
    assert "unbalanced" == refused["code"]


async def test_the_ledger_is_read_page_by_page(api: httpx.AsyncClient) -> None:
    """Cursors are good for the question they came from; an unknown role is 404 under its own code."""
    await posted(api, "/v1/journals", JOURNAL, "run-1:journal", 201)
    listing = HERE | {"limit": "1"}
    first = (await api.get(f"{ENTITY}/ledger-entries", params=listing)).json()
    second = (await api.get(f"{ENTITY}/ledger-entries", params=listing | {"cursor": first["next"]})).json()
    assert [("unbilled_receivable", "1746.00"), ("revenue", "-1746.00")] == [
        (entry["account_role"], entry["amount"]["amount"]) for entry in (*first["items"], *second["items"])
    ]
    assert second["next"] is None
    elsewhere = listing | {"cursor": first["next"], "account_role": "revenue"}
    answer = await api.get(f"{ENTITY}/ledger-entries", params=elsewhere)
    assert (400, "invalid_cursor") == (answer.status_code, answer.json()["code"])
    answer = await api.get(f"{ENTITY}/ledger-entries", params=HERE | {"account_role": "goodwill"})
    assert (404, "unknown_account_role") == (answer.status_code, answer.json()["code"])


async def test_balances_and_rates_are_of_a_day(api: httpx.AsyncClient) -> None:
    """Both are asked for with the day that is meant."""
    await posted(api, "/v1/journals", JOURNAL, "run-1:journal", 201)
    balances = await items(api, f"{ENTITY}/account-balances", as_of_date="2026-11-23")
    assert "-1746.00" == next(one["balance"]["amount"] for one in balances if one["account_role"] == "revenue")
    asked = {"from_currency": "GBP", "on_date": "2026-11-23", "purpose": "revenue"}
    rates = await items(api, f"{ENTITY}/exchange-rates", **asked)
    assert [("1.161", "2026-11-01")] == [(rate["rate"], rate["rate_date"]) for rate in rates]
    assert [] == await items(api, f"{ENTITY}/exchange-rates", **(asked | {"on_date": "2020-01-01"}))


async def test_a_scope_opens_its_own_door_only(api: httpx.AsyncClient) -> None:
    """Reading receivables does not allow posting them."""
    headers = {"Authorization": "Bearer erp.receivables.read"}
    answer = await api.put(f"/v1/receivables/rcv_{1:032x}/posting", json=POSTING, headers=headers)
    assert (403, "insufficient_scope") == (answer.status_code, answer.json()["code"])
