"""The billing port on Stripe. Source: docs.stripe.com/api, version 2026-10-28.endive; the mapping: ../README.md."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Self

from canonical.billing import (
    BillingAccount,
    BillingSchedule,
    NewBillingAccount,
    NewBillingSchedule,
    ScheduleAmendment,
)
from canonical.invoicing import CreditNote, Invoice, NewCreditNote, NewInvoice
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.upstream import Upstream
from system_apis.billing.stripe import mapping
from system_apis.billing.stripe.client import webhooks
from system_apis.billing.stripe.client.credit_notes import CreditNotes
from system_apis.billing.stripe.client.invoices import Invoices, refuse_own_numbers
from system_apis.billing.stripe.client.schedules import Schedules
from system_apis.billing.stripe.client.wire import MAX_PAGE, PageRecord, Wire, place
from system_apis.billing.stripe.mapping import PREFIX, CustomerRecord, ProductRecord
from system_apis.billing.stripe.mapping.seller import Seller
from system_apis.billing.stripe.settings import StripeSettings
from system_apis.listing import Hint, Listing
from system_apis.writes import Settlement


class Connector:
    """A `Billing` for the one legal entity whose Stripe account this is."""

    # A key is remembered for 24 hours at least (docs.stripe.com/api/idempotent_requests); after that the account is
    # looked for first, and so are an invoice and a credit note, by lists that do not lag. A schedule's parts have ids
    # of our own for good: the product its id, a price its lookup key. A draft is deleted once, whoever asks how often.
    settlements: Mapping[str, Settlement] = {
        "create_account": Settlement(kind="native_key"),
        "create_schedule": Settlement(kind="unique_id"),
        "amend_schedule": Settlement(kind="unique_id"),
        "create_invoice": Settlement(kind="native_key"),
        "discard_invoice": Settlement(kind="unique_id"),
        "create_credit_note": Settlement(kind="native_key"),
    }

    def __init__(self, name: str, settings: StripeSettings, http: Upstream) -> None:
        self._name = name
        self._settings = settings
        self._entity = settings.legal_entity_code
        self._wire = Wire(http, settings)
        self._schedules = Schedules(self._wire, self._entity)
        seller = Seller(legal_entity_code=self._entity, time_zone=settings.time_zone)
        self._invoices = Invoices(self._wire, seller)
        self._credit_notes = CreditNotes(self._wire, seller, self._invoices)

    @classmethod
    def connect(cls, name: str, settings: StripeSettings, clock: Clock) -> Self:  # noqa: ARG003  every vendor's form
        http = Upstream(name, settings.base_url, timeout_s=settings.timeout_s, concurrency=settings.concurrency)
        return cls(name, settings, http)

    async def account(self, native_id: str) -> BillingAccount:
        record = await self._wire.get(place("customers", native_id), CustomerRecord)
        return self._to_account(record)

    async def account_of(self, customer_id: str, currency: str) -> BillingAccount | None:
        """By Stripe's search, which lags up to a minute behind: one made just now may not be found."""
        query = " AND ".join(
            f"metadata['{PREFIX}{name}']:'{_escaped(value)}'"
            for name, value in (("customer_id", customer_id), ("currency", currency))
        )
        page = await self._wire.get("/v1/customers/search", PageRecord[CustomerRecord], query=query, limit=MAX_PAGE)
        return self._oldest(page.data, customer_id, currency)

    async def create_account(self, new: NewBillingAccount, key: str) -> BillingAccount:
        """The account that is there, or a new one. Within a day a repetition under the key makes no second one."""
        if new.legal_entity_code != self._entity:
            detail = f"this connection bills for {self._entity}"
            raise Failure(Kind.INVALID, detail, code="other_legal_entity")
        if found := await self.created_account(new, key):
            return found
        fields = mapping.from_account(new, key)
        return self._to_account(
            await self._wire.create("/v1/customers", fields, CustomerRecord, key=key, part="customer")
        )

    async def created_account(self, new: NewBillingAccount, key: str) -> BillingAccount | None:  # noqa: ARG002
        """By the exact e-mail address first, because lists do not lag; search finds one whose address was changed."""
        same = [one async for one in self._wire.all("/v1/customers", CustomerRecord, email=new.email)]
        found = self._oldest(same, new.customer_id, new.currency)
        return found or await self.account_of(new.customer_id, new.currency)

    async def schedule(self, native_id: str) -> BillingSchedule:
        return await self._schedules.one(native_id)

    async def schedules(self, cursor: str | None, limit: int) -> Listing[BillingSchedule]:
        return await self._schedules.page(cursor, limit)

    async def schedule_of_project(self, project_number: str) -> BillingSchedule | None:
        return await self._schedules.of_project(project_number)

    async def create_schedule(self, new: NewBillingSchedule, key: str) -> BillingSchedule:
        return await self._schedules.create(new, key)

    async def created_schedule(self, new: NewBillingSchedule, key: str) -> BillingSchedule | None:
        return await self._schedules.created(new, key)

    async def amend_schedule(self, native_id: str, amendment: ScheduleAmendment, key: str) -> BillingSchedule:
        return await self._schedules.amend(native_id, amendment, key)

    async def amended_schedule(self, native_id: str, key: str) -> BillingSchedule | None:
        return await self._schedules.amended(native_id, key)

    async def activate_schedule(self, native_id: str) -> BillingSchedule:
        return await self._schedules.activate(native_id)

    async def cancel_schedule(self, native_id: str) -> BillingSchedule:
        return await self._schedules.cancel(native_id)

    async def invoice(self, native_id: str) -> Invoice:
        return await self._invoices.one(native_id)

    async def invoices(self, cursor: str | None, limit: int) -> Listing[Invoice]:
        return await self._invoices.page(cursor, limit)

    async def invoice_of(self, reference: str) -> Invoice | None:
        return await self._invoices.of_reference(reference)

    async def create_invoice(self, new: NewInvoice, key: str) -> Invoice:
        return await self._invoices.create(new, key)

    async def created_invoice(self, new: NewInvoice, key: str) -> Invoice | None:
        return await self._invoices.created(new, key)

    async def issue_invoice(self, native_id: str) -> Invoice:
        return await self._invoices.issue(native_id)

    async def discard_invoice(self, native_id: str) -> Invoice:
        return await self._invoices.discard(native_id)

    async def void_invoice(self, native_id: str) -> Invoice:
        return await self._invoices.void(native_id)

    async def credit_notes(self, invoice_id: str) -> tuple[CreditNote, ...]:
        return await self._credit_notes.of_invoice(invoice_id)

    async def create_credit_note(self, invoice_id: str, new: NewCreditNote, key: str) -> CreditNote:
        return await self._credit_notes.create(invoice_id, new, key)

    async def created_credit_note(self, invoice_id: str, new: NewCreditNote, key: str) -> CreditNote | None:
        return await self._credit_notes.created(invoice_id, new, key)

    def hints(self, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[Hint, ...]:
        secret = self._settings.webhook_secret
        if secret is None:
            raise Failure(Kind.UNAUTHENTICATED, "this connection takes no deliveries", code="invalid_signature")
        webhooks.verify(headers, body, secret.reveal(), now)
        return webhooks.hints_of(body, self._settings.stripe_account)

    async def check(self) -> None:
        """Also refuses an account that numbers invoices per customer, as soon as it has a customer that tells."""
        await self._wire.get("/v1/products", PageRecord[ProductRecord], limit=1)
        for customer in (await self._wire.get("/v1/customers", PageRecord[CustomerRecord], limit=1)).data:
            refuse_own_numbers(customer)

    async def close(self) -> None:
        await self._wire.close()

    def _to_account(self, record: CustomerRecord) -> BillingAccount:
        return mapping.to_account(record, self._name, self._entity)

    def _oldest(self, records: Iterable[CustomerRecord], customer_id: str, currency: str) -> BillingAccount | None:
        """Of several the oldest: lists and searches are newest first."""
        ours = [record for record in records if mapping.is_account_of(record, customer_id, currency)]
        return self._to_account(ours[-1]) if ours else None


def _escaped(value: str) -> str:
    """A text for a quoted value of the search language."""
    return value.replace("\\", "\\\\").replace("'", "\\'")
