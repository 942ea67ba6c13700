"""What the connection does not let pass of the vendor: numbers by customer, and totals that are not ours."""

import json
from typing import Any

import pytest
from asked_invoices import credit_line, new_credit_note, new_invoice
from scripted_upstream import Conversation, serving

from servicekit.clock import SystemClock
from servicekit.failures import Failure, Kind
from servicekit.settings import SettingsError, read
from system_apis.billing.stripe import Connector, Settings

LINE = {
    "id": "il_1",
    "amount": 120000,
    "description": "Consulting",
    "quantity_decimal": "1",
    "taxes": [{"amount": 22800, "tax_behavior": "exclusive", "tax_rate_details": {"tax_rate": "txr_1"}}],
    "metadata": {"syncline_line_key": "L2"},
}
INVOICE = {
    "id": "in_1",
    "status": "open",
    "currency": "eur",
    "created": 1_795_777_200,
    "total": 142800,
    "total_excluding_tax": 120000,
    "amount_remaining": 142800,
    "number": "DE01-0001",
    "customer": "cus_1",
    "lines": {"data": [LINE], "has_more": False},
    "metadata": {},
}
NOTE = {
    "id": "cn_1",
    "invoice": "in_1",
    "number": "DE01-0001-CN-01",
    "status": "issued",
    "currency": "eur",
    "created": 1_795_777_200,
    "total": 20000,  # the vendor took our net amount for one that holds the tax
    "total_excluding_tax": 16807,
    "metadata": {},
}


def page(*records: Any) -> dict[str, Any]:
    return {"object": "list", "data": list(records), "has_more": False}


class Account:
    """Answers each address with a fixed document, or with an empty page, and remembers what was written."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents
        self.written: list[str] = []

    async def talk(self, conversation: Conversation) -> None:
        method, target = conversation.head.decode().split(" ")[:2]
        asked = f"{method} {target.partition('?')[0].removeprefix('/v1/')}"
        if method != "GET":
            self.written.append(asked)
        document = json.dumps(self.documents.get(asked, page())).encode()
        await conversation.answer(200, document, {"content-type": "application/json"})


async def refused(account: Account, deed: Any) -> tuple[Kind, str]:
    async with serving(account.talk) as (_, url):
        settings = {"legal_entity_code": "DE01", "api_key": "sk_test_1", "base_url": url}
        connector = Connector.connect("stripe-de", read(Settings, settings, {}), SystemClock())
        try:
            with pytest.raises(Failure) as caught:
                await deed(connector)
        finally:
            await connector.close()
    return caught.value.kind, caught.value.code


async def test_an_account_that_numbers_by_customer_gets_no_invoice() -> None:
    """Stripe shows a customer's sequence only where it has one; nothing is written, and the health check says it."""
    customer = {"id": "cus_1", "currency": "eur", "next_invoice_sequence": 1}
    account = Account({"GET customers/cus_1": customer, "GET customers": page(customer)})
    expected = (Kind.MISCONFIGURED, "numbers_per_customer")
    assert expected == await refused(account, lambda one: one.create_invoice(new_invoice("cus_1"), "invoice-0001"))
    assert expected == await refused(account, lambda one: one.check())
    assert [] == account.written


async def test_a_draft_that_the_vendor_reckons_otherwise_is_not_passed_off() -> None:
    """It stays a draft, to be found again under its key."""
    new = new_invoice("cus_1")
    draft = {**INVOICE, "status": "draft", "number": None}
    draft["metadata"] = {"syncline_reference": new.reference, "syncline_key": "invoice-0001"}
    customer = {"id": "cus_1", "currency": "eur"}
    account = Account(
        {
            "GET customers/cus_1": customer,
            "GET products/syncline_invoice_line": {"id": "syncline_invoice_line", "active": True, "updated": 0},
            "GET invoices": page(draft),
            "GET invoices/in_1": draft,
            **dict.fromkeys(("POST invoices/in_1", "POST invoices/in_1/add_lines"), draft),
            "POST invoices/in_1/remove_lines": draft,
        }
    )
    create = refused(account, lambda one: one.create_invoice(new, "invoice-0001"))
    assert (Kind.INVALID, "totals_differ") == await create
    steps = ("", "/remove_lines", "/add_lines")
    assert [f"POST invoices/in_1{step}" for step in steps] == account.written


async def test_a_credit_note_that_the_vendor_reckons_otherwise_is_voided() -> None:
    """It takes back nothing that nobody asked for."""
    void = {"POST credit_notes/cn_1/void": {**NOTE, "status": "void"}}
    account = Account({"GET invoices/in_1": INVOICE, "POST credit_notes": NOTE, **void})
    new = new_credit_note(credit_line("L2", "200.00", "38.00"))
    credit = refused(account, lambda one: one.create_credit_note("in_1", new, "credit-0001"))
    assert (Kind.INVALID, "totals_differ") == await credit
    assert ["POST credit_notes", "POST credit_notes/cn_1/void"] == account.written


async def test_more_is_never_credited_than_was_invoiced() -> None:
    """Before anything is written, whatever the vendor would do."""
    account = Account({"GET invoices/in_1": {**INVOICE, "pre_payment_credit_notes_amount": 142000}})
    new = new_credit_note(credit_line("L2", "200.00", "38.00"))
    credit = refused(account, lambda one: one.create_credit_note("in_1", new, "credit-0001"))
    assert ((Kind.CONFLICT, "over_credited"), []) == (await credit, account.written)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "../etc/passwd", ""])
def test_a_time_zone_that_nobody_knows_stops_the_start(zone: str) -> None:
    """A document would be dated by it."""
    settings = {"legal_entity_code": "DE01", "api_key": "sk_test_1", "time_zone": zone}
    with pytest.raises(SettingsError):
        read(Settings, settings, {})
