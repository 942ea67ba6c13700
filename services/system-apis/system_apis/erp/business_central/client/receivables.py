"""Sales invoices and credit memos: draft, post, discard. Source: API v2.0, salesInvoices and salesCreditMemos.

A posted invoice takes seven calls whatever its lines: look, create, read back; read, number, post, read.
"""

from collections.abc import Mapping
from urllib.parse import quote

from canonical.postings import NewReceivable, Receivable, ReceivablePosting
from servicekit.failures import Failure, Kind
from system_apis.erp.business_central import mapping, postings
from system_apis.erp.business_central.client.environment import Environment, account_of, told
from system_apis.erp.business_central.postings import DRAFTS, PAGES, Page
from system_apis.erp.business_central.records import Company, DocumentRecord
from system_apis.erp.business_central.web_service import literal

NOBODY = "00000000-0000-0000-0000-000000000000"


class Receivables(Environment):
    """A document is known by its external document number and its customer, before and after posting."""

    async def receivable(self, native_id: str) -> Receivable:
        company, page, path = await self._document_of(native_id)
        return postings.to_receivable(company, page, await self._api.record(path, DocumentRecord))

    async def receivables_of(self, legal_entity: str, reference: str) -> tuple[Receivable, ...]:
        """Of both kinds, drafts and posted ones alike."""
        company = await self._companies.of(legal_entity)
        wanted = f"externalDocumentNumber eq {literal(reference.upper())}"
        found: list[Receivable] = []
        for page in PAGES.values():
            records = await self._api.records(company.path(page.set_name), DocumentRecord, filter=wanted)
            found.extend(postings.to_receivable(company, page, record) for record in records)
        return tuple(found)

    async def create_receivable(self, new: NewReceivable, key: str) -> Receivable:
        """Looked for first: nothing in Business Central refuses a second draft under one external number."""
        company, customer_id = await self._company_of(new.customer_account_id)
        if company.code != new.legal_entity_code:
            detail = f"the customer account belongs to {company.code}"
            raise Failure(Kind.INVALID, detail, code="account_of_another_entity")
        page, accounts = PAGES[new.kind], [account_of(company, line.account_role) for line in new.lines]
        lines = [
            postings.from_new_line(company, line, account) for line, account in zip(new.lines, accounts, strict=True)
        ]
        if (standing := await self.created_receivable(new, key)) is not None:
            return standing
        body = postings.from_new_receivable(page, new, customer_id, lines)
        body |= await self._link(company, new)
        made = await self._api.create(company.path(page.set_name), body, DocumentRecord)
        return await self._proven(company, page, made, new)

    async def created_receivable(self, new: NewReceivable, key: str) -> Receivable | None:  # noqa: ARG002  the reference finds it
        """Raises CONFLICT `several_documents`, and `reference_taken` when the one that stands says something else."""
        company, customer_id = await self._company_of(new.customer_account_id)
        page = PAGES[new.kind]
        wanted = f"externalDocumentNumber eq {literal(new.reference)} and customerId eq {customer_id}"
        found = await self._api.records(
            company.path(page.set_name), DocumentRecord, filter=wanted, expand=_with_lines(page)
        )
        if not found:
            return None
        if len(found) > 1:
            detail = f"the ERP has several documents for {new.reference}"
            raise Failure(Kind.CONFLICT, detail, code="several_documents")
        if not _says(company, found[0], new):
            detail = f"the ERP has another document for {new.reference}"
            raise Failure(Kind.CONFLICT, detail, code="reference_taken")
        return postings.to_receivable(company, page, found[0])

    async def post_receivable(self, native_id: str, posting: ReceivablePosting) -> Receivable:
        """Whatever became of the action, the document itself says whether it is posted, and under which number."""
        company, page, path = await self._document_of(native_id)
        record = await self._numbered(page, path, postings.from_posting(page, posting))
        failure = None
        if record.status in DRAFTS:
            failure = await self._attempted(page, path, record)
            record = await told(self._api.record(path, DocumentRecord))
        if record.status in DRAFTS:
            detail = "the ERP took the posting and shows a draft"
            raise failure or Failure(Kind.IN_DOUBT, detail)
        if record.external_document_number != posting.external_number.upper():
            detail = f"the document is posted under {record.external_document_number}"
            raise Failure(Kind.CONFLICT, detail, code="already_posted")
        return postings.to_receivable(company, page, record)

    async def discard_receivable(self, native_id: str) -> None:
        """A draft that is gone already is no error. A record that changed meanwhile is read again, once."""
        _, _, path = await self._document_of(native_id)
        for last in (False, True):
            try:
                record = await self._api.record(path, DocumentRecord)
            except Failure as failure:
                if failure.kind is Kind.MISSING:
                    return
                raise
            if record.status not in DRAFTS:
                raise Failure(Kind.CONFLICT, "the document is posted already", code="already_posted")
            try:
                await self._api.remove(path, record.etag)
            except Failure as failure:
                if last or failure.code != "changed_meanwhile":
                    raise
                continue
            return

    async def _document_of(self, native_id: str) -> tuple[Company, Page, str]:
        company, record_id = await self._company_of(native_id)
        page, inner = postings.page_of(record_id)
        return company, page, company.path(f"{page.set_name}({quote(inner)})")

    async def _link(self, company: Company, new: NewReceivable) -> Mapping[str, object]:
        """A credit note is applied to what it corrects while that is open enough. Raises INVALID `unknown_invoice`."""
        if new.kind != "credit_note" or new.corrects_document_number is None:
            return {}
        wanted = f"number eq {literal(new.corrects_document_number.upper())}"
        found = await self._api.records(company.path("salesInvoices"), DocumentRecord, filter=wanted)
        if not found or mapping.pack(company.id, found[0].customer_id) != new.customer_account_id:
            detail = f"the customer has no invoice {new.corrects_document_number}"
            raise Failure(Kind.INVALID, detail, code="unknown_invoice")
        return {"invoiceNumber": found[0].number} if found[0].status == "Open" else {}

    async def _proven(self, company: Company, page: Page, made: DocumentRecord, new: NewReceivable) -> Receivable:
        """Read back with its lines: totals are told after the lines are in, and nested parts must have been taken."""
        path = company.path(f"{page.set_name}({made.id})")
        record = await told(self._api.record(path, DocumentRecord, expand=_with_lines(page)))
        if not _says(company, record, new):
            await self._api.remove(path, "*")
            detail = "the ERP wrote other lines than it was given"
            raise Failure(Kind.CONFLICT, detail, code="written_differently")
        return postings.to_receivable(company, page, record)

    async def _numbered(self, page: Page, path: str, changes: Mapping[str, str]) -> DocumentRecord:
        """The draft under its number and dates, or the document as it was posted."""
        for last in (False, True):
            record = await self._api.record(path, DocumentRecord)
            if record.status not in DRAFTS or postings.stands(page, record, changes):
                return record
            try:
                return await self._api.change(path, record.etag, changes, DocumentRecord)
            except Failure as failure:
                if last or failure.code not in {"changed_meanwhile", "already_posted"}:
                    raise
        raise AssertionError("the second round returns or raises")

    async def _attempted(self, page: Page, path: str, record: DocumentRecord) -> Failure | None:
        """What the action failed with, if it did. A link to an invoice that was settled meanwhile is given up."""
        failure = await self._acted(path)
        if failure is None or failure.code != "corrected_document_settled" or page.kind != "credit_note":
            return failure
        await self._api.change(path, record.etag, {"invoiceId": NOBODY}, DocumentRecord)
        return await self._acted(path)

    async def _acted(self, path: str) -> Failure | None:
        try:
            await self._api.act(f"{path}/Microsoft.NAV.post")
        except Failure as failure:
            return failure
        return None


def _with_lines(page: Page) -> str:
    return f"{page.lines}($expand=dimensionSetLines)"


def _says(company: Company, record: DocumentRecord, new: NewReceivable) -> bool:
    """Whether the document is the one that was ordered, line by line."""
    accounts = [account_of(company, line.account_role) for line in new.lines]
    ordered, written = postings.ordered_lines(new, accounts), postings.written_lines(company, record)
    return record.currency_code == new.currency and postings.same_lines(ordered, written)
