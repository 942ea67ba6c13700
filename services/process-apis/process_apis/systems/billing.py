"""Reads and writes of the billing system API. Contract: contracts/openapi/system/billing.v1.yaml."""

from canonical.billing import BillingAccount, BillingSchedule, NewBillingAccount, NewBillingSchedule, ScheduleAmendment
from canonical.invoicing import CreditNote, Invoice, NewCreditNote, NewInvoice
from canonical.paging import Page
from servicekit.upstream import Upstream, in_path

PAGE = 100


class Billing:
    """Writes carry the key under which they happen once."""

    def __init__(self, api: Upstream) -> None:
        self._api = api

    async def ensure_account(self, connection: str, new: NewBillingAccount, key: str) -> BillingAccount:
        """The customer's account: found, or created."""
        params = {"connection": connection}
        return await self._api.call(
            "POST", "/v1/billing-accounts", params=params, body=new, key=key, returns=BillingAccount
        )

    async def schedule(self, schedule_id: str) -> BillingSchedule:
        return await self._api.call("GET", f"/v1/billing-schedules/{in_path(schedule_id)}", returns=BillingSchedule)

    async def schedule_of_project(self, connection: str, project_number: str) -> BillingSchedule | None:
        params = {"connection": connection, "project_number": project_number}
        page = await self._api.call("GET", "/v1/billing-schedules", params=params, returns=Page[BillingSchedule])
        return page.items[0] if page.items else None

    async def create_schedule(self, connection: str, new: NewBillingSchedule, key: str) -> BillingSchedule:
        params = {"connection": connection}
        return await self._api.call(
            "POST", "/v1/billing-schedules", params=params, body=new, key=key, returns=BillingSchedule
        )

    async def amend_schedule(self, schedule_id: str, amendment: ScheduleAmendment, key: str) -> BillingSchedule:
        path = f"/v1/billing-schedules/{in_path(schedule_id)}/amendments"
        return await self._api.call("POST", path, body=amendment, key=key, returns=BillingSchedule)

    async def activate_schedule(self, schedule_id: str, key: str) -> BillingSchedule:
        path = f"/v1/billing-schedules/{in_path(schedule_id)}/activation"
        return await self._api.call("PUT", path, key=key, returns=BillingSchedule)

    async def cancel_schedule(self, schedule_id: str, key: str) -> BillingSchedule:
        path = f"/v1/billing-schedules/{in_path(schedule_id)}/cancellation"
        return await self._api.call("PUT", path, key=key, returns=BillingSchedule)

    async def invoices(self, connection: str) -> tuple[Invoice, ...]:
        """All of them, page after page."""
        found: list[Invoice] = []
        cursor: str | None = None
        while True:
            params = {"connection": connection, "limit": PAGE, "cursor": cursor}
            page = await self._api.call("GET", "/v1/invoices", params=params, returns=Page[Invoice])
            found.extend(page.items)
            cursor = page.next
            if cursor is None:
                return tuple(found)

    async def invoice(self, invoice_id: str) -> Invoice:
        return await self._api.call("GET", f"/v1/invoices/{in_path(invoice_id)}", returns=Invoice)

    async def create_invoice(self, connection: str, new: NewInvoice, key: str) -> Invoice:
        """As a draft, whole; its totals are ours."""
        params = {"connection": connection}
        return await self._api.call("POST", "/v1/invoices", params=params, body=new, key=key, returns=Invoice)

    async def issue_invoice(self, invoice_id: str, key: str) -> Invoice:
        """The legal act: from now on it has a number, and nothing of it changes."""
        return await self._api.call("PUT", f"/v1/invoices/{in_path(invoice_id)}/issuance", key=key, returns=Invoice)

    async def discard_invoice(self, invoice_id: str, key: str) -> Invoice:
        """A draft that will never be issued; twice is no error."""
        return await self._api.call("PUT", f"/v1/invoices/{in_path(invoice_id)}/discarding", key=key, returns=Invoice)

    async def void_invoice(self, invoice_id: str, key: str) -> Invoice:
        """An issued invoice that was neither posted nor sent; its number stays known."""
        return await self._api.call("PUT", f"/v1/invoices/{in_path(invoice_id)}/voiding", key=key, returns=Invoice)

    async def credit_invoice(self, invoice_id: str, new: NewCreditNote, key: str) -> CreditNote:
        path = f"/v1/invoices/{in_path(invoice_id)}/credit-notes"
        return await self._api.call("POST", path, body=new, key=key, returns=CreditNote)
