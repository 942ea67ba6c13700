"""What accounts receivable and the general ledger do by hand: money that came in is registered, a period is closed."""

from datetime import date

import httpx

from demo.firm import Firm
from demo.seeds import business_central
from demo.surroundings import Surroundings


async def register_payment(told: Surroundings, entity_country: str, invoice_id: str) -> None:
    """In Stripe: the customer paid the whole invoice by transfer, outside Stripe."""
    platform = told.platforms["stripe"]
    key = next(one["key"] for one in platform.config["accounts"] if one["country"] == entity_country)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=30) as http:
        form = {"paid_out_of_band": "true"}
        (await http.post(f"/v1/invoices/{invoice_id}/pay", data=form)).raise_for_status()


async def book_payment(told: Surroundings, firm: Firm, entity: str, document_number: str, day: date) -> None:
    """In Business Central: the page "Register Customer Payments"."""
    deed = business_central.payment_deed(firm, entity, document_number, None, day)
    await _act(told, "register_customer_payment", deed)


async def close_before(told: Surroundings, firm: Firm, entity: str, day: date) -> None:
    """In Business Central: nothing is posted before that day any more."""
    last = day.replace(year=day.year + 1)
    await _act(told, "open_posting_window", business_central.window_deed(firm, entity, day, last))


async def _act(told: Surroundings, action: str, deed: business_central.Body) -> None:
    """Raises RuntimeError with what Business Central says against it."""
    platform = told.platforms["business_central"]
    headers = {"Sandbox-Control-Key": told.control_key}
    async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=30) as http:
        answer = (await http.post(f"/_sandbox/actions/{action}", json=deed)).raise_for_status().json()
    if "error" in answer:
        raise RuntimeError(f"{action}: {answer['error']}")
