"""Invoices: drafted whole, issued, discarded or voided, each so that a second try ends where the first one did.

Sources: docs.stripe.com/api/invoices (add_lines, finalize, void, search), /api/pagination. A draft is found again by
the list of its customer, which does not lag as the search does; Stripe's memory of a key ends after a day.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from canonical.invoicing import Invoice, NewInvoice, NewInvoiceLine
from servicekit.failures import Failure, FieldError, Kind
from system_apis.billing.stripe.client.wire import MAX_PAGE, PageRecord, Wire, place
from system_apis.billing.stripe.mapping import PREFIX, CustomerRecord, ProductRecord
from system_apis.billing.stripe.mapping.invoice_checks import check_invoice, totals_differ
from system_apis.billing.stripe.mapping.invoice_records import InvoiceRecord, LineRecord
from system_apis.billing.stripe.mapping.invoices import (
    LINE_PRODUCT,
    digest,
    from_invoice,
    from_line,
    has_unit_price,
    header,
    is_as_asked,
    is_whole,
    to_invoice,
)
from system_apis.billing.stripe.mapping.seller import Seller
from system_apis.listing import Listing

# How old an invoice is at most that the search may not know yet. Under a minute is usual, an hour happens in outages.
SEARCH_LAG_S = 3600
INVOICES_AT_ONCE = 4


class _Deleted(msgspec.Struct, frozen=True, kw_only=True):
    object: InvoiceRecord


class _DeletionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The event that tells of a deleted draft, for thirty days."""

    id: str
    data: _Deleted


class Invoices:
    """The invoices of one account."""

    def __init__(self, wire: Wire, seller: Seller) -> None:
        self._wire = wire
        self._seller = seller
        self._has_product = False

    async def one(self, native_id: str) -> Invoice:
        """Raises MISSING, for a discarded draft as well."""
        return await self._whole(await self.record(native_id))

    async def record(self, native_id: str) -> InvoiceRecord:
        return await self._wire.get(place("invoices", native_id), InvoiceRecord)

    async def lines(self, record: InvoiceRecord) -> list[LineRecord]:
        """All of them: the invoice itself shows ten."""
        if not record.lines.has_more:
            return record.lines.data
        return [line async for line in self._wire.all(f"{place('invoices', record.id)}/lines", LineRecord)]

    async def page(self, cursor: str | None, limit: int) -> Listing[Invoice]:
        """Newest first."""
        found: list[InvoiceRecord] = []
        more = True
        while more and len(found) < limit:
            after = {} if cursor is None else {"starting_after": cursor}
            size = min(limit - len(found), MAX_PAGE)
            page = await self._wire.get("/v1/invoices", PageRecord[InvoiceRecord], limit=size, **after)
            found += page.data
            more = page.has_more and bool(page.data)
            cursor = page.data[-1].id if page.data else cursor
        places = asyncio.Semaphore(INVOICES_AT_ONCE)

        async def whole(record: InvoiceRecord) -> Invoice:
            async with places:
                return await self._whole(record)

        items = await asyncio.gather(*(whole(record) for record in found))
        return Listing(items=tuple(items), cursor=cursor if more else None)

    async def of_reference(self, reference: str) -> Invoice | None:
        """By the search, whose hit is read again; and by the list of those that the search may not know yet."""
        query = f"metadata['{PREFIX}reference']:'{reference}'"
        page = await self._wire.get("/v1/invoices/search", PageRecord[InvoiceRecord], query=query, limit=MAX_PAGE)
        for hit in reversed(page.data):
            try:
                return await self.one(hit.id)
            except Failure as failure:
                if failure.kind is not Kind.MISSING:  # a draft that was discarded since
                    raise
        recent = [record async for record in self._recent() if record.mark("reference") == reference]
        return await self._whole(recent[-1]) if recent else None

    async def create(self, new: NewInvoice, key: str) -> Invoice:
        """A draft with all its lines. A second try under the key finds it and completes what is missing.

        Raises INVALID for what check_invoice refuses, `other_currency`, `totals_differ`; CONFLICT `invoice_exists` for
        a reference that another operation used; MISCONFIGURED `numbers_per_customer`.
        """
        check_invoice(new, self._seller)
        await self._check_account(new)
        held = await self._oldest(new)
        if held is None:
            return await self._completed(await self._new_draft(new, key), new, key)
        if held.mark("key") != key:
            raise _exists(new.reference)
        if not held.is_draft:
            return await self._whole(held)
        if held.mark("request") != digest(new):
            form = header(new, key, self._seller)
            held = await self._wire.change(place("invoices", held.id), form, InvoiceRecord)
        return await self._completed(held, new, key, again=True)

    async def created(self, new: NewInvoice, key: str) -> Invoice | None:
        """What an earlier try under the key made, if it is complete."""
        held = await self._oldest(new)
        if held is None or held.mark("key") != key or held.mark("request") != digest(new):
            return None
        if held.is_draft and not (is_whole(held) and len(await self.lines(held)) == len(new.lines)):
            return None
        return await self._whole(held)

    async def issue(self, native_id: str) -> Invoice:
        """Numbered and frozen. Raises CONFLICT `totals_differ` for a draft that is not what it was made for."""
        record = await self.record(native_id)
        if record.status == "void":
            raise Failure(Kind.CONFLICT, "the invoice is void", code="invoice_void")
        if not record.is_draft:
            return await self._whole(record)
        if not is_whole(record):
            detail = "the draft does not add up to what it was made for"
            raise Failure(Kind.CONFLICT, detail, code="totals_differ")
        return await self._whole(await self._set(record, "finalize", {"auto_advance": False}, from_status="draft"))

    async def discard(self, native_id: str) -> Invoice:
        """A draft, deleted. Of one that is gone already the vendor tells for thirty days what it was."""
        try:
            record = await self.record(native_id)
        except Failure as failure:
            if failure.kind is not Kind.MISSING:
                raise
            return self._discarded(await self._deleted(native_id), [])
        if not record.is_draft:
            raise Failure(Kind.CONFLICT, "the invoice is issued: it can be credited", code="invoice_issued")
        lines = await self.lines(record)
        await self._wire.remove(place("invoices", native_id))
        return self._discarded(record, lines)

    async def void(self, native_id: str) -> Invoice:
        """Void; the number stays. Raises CONFLICT `not_issued`, `invoice_paid`, `invoice_credited`."""
        record = await self.record(native_id)
        if record.status == "void":
            return await self._whole(record)
        if record.is_draft:
            raise Failure(Kind.CONFLICT, "a draft is discarded, not voided", code="not_issued")
        if record.credited:
            raise Failure(Kind.CONFLICT, "the invoice is credited already", code="invoice_credited")
        if record.status == "paid" or record.amount_paid:
            raise Failure(Kind.CONFLICT, "the invoice is paid: it can be credited", code="invoice_paid")
        return await self._whole(await self._set(record, "void", {}, from_status=record.status))

    # Parts

    async def _whole(self, record: InvoiceRecord) -> Invoice:
        return to_invoice(record, await self.lines(record), self._seller)

    def _discarded(self, record: InvoiceRecord, lines: list[LineRecord]) -> Invoice:
        invoice = to_invoice(record, lines or record.lines.data, self._seller)
        return msgspec.structs.replace(invoice, document_state="discarded")

    async def _deleted(self, native_id: str) -> InvoiceRecord:
        async for event in self._wire.all("/v1/events", _DeletionRecord, type="invoice.deleted"):
            if event.data.object.id == native_id:
                return event.data.object
        raise Failure(Kind.MISSING, "the billing platform has no such invoice")

    async def _set(self, record: InvoiceRecord, deed: str, form: dict[str, bool], *, from_status: str) -> InvoiceRecord:
        """The state it is set to. A refusal may only mean that an earlier request, whose answer was lost, did it."""
        try:
            return await self._wire.change(f"{place('invoices', record.id)}/{deed}", form, InvoiceRecord)
        except Failure as failure:
            if failure.kind is not Kind.CONFLICT:
                raise
            now = await self.record(record.id)
            if now.status == from_status:
                raise
            return now

    async def _check_account(self, new: NewInvoice) -> None:
        customer = await self._customer(new.billing_account_id)
        currency = customer.own_currency
        if customer.deleted or currency is None:
            raise _wrong_account("there is no such billing account", "unknown_reference")
        if currency != new.currency:
            raise _wrong_account(f"the billing account is in {currency}", "other_currency")
        refuse_own_numbers(customer)

    async def _customer(self, native_id: str) -> CustomerRecord:
        try:
            return await self._wire.get(place("customers", native_id), CustomerRecord)
        except Failure as failure:
            if failure.kind is not Kind.MISSING:
                raise
            raise _wrong_account("there is no such billing account", "unknown_reference") from failure

    async def _oldest(self, new: NewInvoice) -> InvoiceRecord | None:
        """The account's invoice under this reference. Of several, made at the same moment, the oldest counts."""
        ours = [
            record
            async for record in self._wire.all("/v1/invoices", InvoiceRecord, customer=new.billing_account_id)
            if record.mark("reference") == new.reference
        ]
        return ours[-1] if ours else None

    async def _recent(self) -> AsyncIterator[InvoiceRecord]:
        """Those that were made within the search's lag before the newest one."""
        since = 0
        async for record in self._wire.all("/v1/invoices", InvoiceRecord):
            since = since or record.created - SEARCH_LAG_S
            if record.created < since:
                return
            yield record

    async def _new_draft(self, new: NewInvoice, key: str) -> InvoiceRecord:
        """Without lines. One that somebody else made under the reference at the same moment is left to him."""
        form = from_invoice(new, key, self._seller)
        made = await self._wire.create("/v1/invoices", form, InvoiceRecord, key=key, part="invoice")
        oldest = await self._oldest(new)
        if oldest is None:  # the vendor told again what it answered before the draft was deleted
            raise Failure(Kind.CONFLICT, "the draft under this key was discarded", code="invoice_discarded")
        if oldest.id != made.id and oldest.mark("key") != key:
            await self._wire.remove(place("invoices", made.id))
            raise _exists(new.reference)
        return oldest

    async def _completed(self, draft: InvoiceRecord, new: NewInvoice, key: str, *, again: bool = False) -> Invoice:
        """The draft with each line that is asked for once, no other of ours. A person's own stay: they are noticed."""
        ours = [line for line in await self.lines(draft) if line.mark("line_key") is not None]
        standing: dict[str, str] = {}  # by our key of a line the vendor's id
        for position, asked in enumerate(new.lines):
            same = [line for line in ours if line.mark("line_key") == asked.key and is_as_asked(line, asked, position)]
            if same:
                standing[asked.key] = same[0].id
        if others := [line for line in ours if line.id not in standing.values()]:
            draft = await self._take_off(draft, others, key)
        if missing := [(n, line) for n, line in enumerate(new.lines) if line.key not in standing]:
            draft = await self._put_on(draft, missing, key)
        if again:  # the vendor may have told again what it answered before
            draft = await self.record(draft.id)
        invoice = await self._whole(draft)
        if (invoice.net.value, invoice.gross.value) != (new.net.value, new.gross.value):
            raise totals_differ("/gross")
        if len(invoice.lines) != len(new.lines):
            raise totals_differ("/lines")
        return invoice

    async def _take_off(self, draft: InvoiceRecord, lines: list[LineRecord], key: str) -> InvoiceRecord:
        path = f"{place('invoices', draft.id)}/remove_lines"
        form = {"lines": [{"id": line.id, "behavior": "delete"} for line in lines]}
        return await self._wire.create(path, form, InvoiceRecord, key=key, part="no_lines")

    async def _put_on(self, draft: InvoiceRecord, lines: list[tuple[int, NewInvoiceLine]], key: str) -> InvoiceRecord:
        if any(has_unit_price(line) for _, line in lines):
            await self._ensure_product()
        path = f"{place('invoices', draft.id)}/add_lines"
        form = {"lines": [from_line(line, position, self._seller) for position, line in lines]}
        return await self._wire.create(path, form, InvoiceRecord, key=key, part="lines")

    async def _ensure_product(self) -> None:
        """The product that lines with a unit price are of: made once in the account's life, asked for once in ours."""
        if self._has_product:
            return
        try:
            await self._wire.get(place("products", LINE_PRODUCT), ProductRecord)
        except Failure as failure:
            if failure.kind is not Kind.MISSING:
                raise
            form = {"id": LINE_PRODUCT, "name": "Professional services"}
            try:
                await self._wire.create("/v1/products", form, ProductRecord, key=LINE_PRODUCT, part="product")
            except Failure as refusal:
                if refusal.kind is not Kind.CONFLICT:  # somebody made it at the same moment
                    raise
        self._has_product = True


def refuse_own_numbers(customer: CustomerRecord) -> None:
    """One system numbers invoices per entity: an account that numbers per customer has no such sequence."""
    if customer.has_own_numbers:
        detail = "the billing platform numbers invoices per customer, not per legal entity"
        raise Failure(Kind.MISCONFIGURED, detail, code="numbers_per_customer")


def _exists(reference: str) -> Failure:
    return Failure(Kind.CONFLICT, f"there is an invoice {reference} already", code="invoice_exists")


def _wrong_account(message: str, code: str) -> Failure:
    error = FieldError(pointer="/billing_account_id", code=code, message=f"{message}.")
    return Failure(Kind.INVALID, message, code, (error,))
