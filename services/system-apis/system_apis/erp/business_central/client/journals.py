"""General journals: one batch for each journal, made and posted. Source: API v2.0, journals and journalLines.

Five calls: look into the ledger, create with all lines, read back, post, look into the ledger again.
"""

from canonical.postings import Journal, NewJournal
from servicekit.failures import Failure, Kind
from system_apis.erp.business_central import postings
from system_apis.erp.business_central.client.environment import Environment, account_of, told
from system_apis.erp.business_central.records import Company, JournalRecord, LedgerEntryRecord
from system_apis.erp.business_central.web_service import literal

WITH_LINES = "journalLines($expand=dimensionSetLines)"
REFUSED = frozenset({Kind.INVALID, Kind.CONFLICT, Kind.MISCONFIGURED})


class Journals(Environment):
    """The batch's name follows from the reference and is taken once: what was sent twice is posted once."""

    async def journal(self, native_id: str) -> Journal:
        company, reference = await self._company_of(native_id)
        found = await self._journal_of(company, reference)
        if found is None:
            raise Failure(Kind.MISSING, "the ERP has no such journal")
        return found

    async def journals_of(self, legal_entity: str, reference: str) -> tuple[Journal, ...]:
        found = await self._journal_of(await self._companies.of(legal_entity), reference.upper())
        return () if found is None else (found,)

    async def create_journal(self, new: NewJournal, key: str) -> Journal:  # noqa: ARG002  the reference is the guard
        """Posted is what the ledger shows; a batch that was taken and does not show yet is submitted."""
        company, accounts = await self._checked(new)
        if (posted := await self._posted(company, new, accounts)) is not None:
            return posted
        batch = await self._prepared(company, new, accounts)
        failure = None
        try:
            await self._api.act(company.path(f"journals({batch.id})/Microsoft.NAV.post"))
        except Failure as raised:
            failure = raised
        if (posted := await told(self._posted(company, new, accounts))) is not None:
            return posted
        if failure is None:
            return postings.to_journal(company, new.reference, new.posting_date, "submitted", ())
        if failure.kind in REFUSED:
            await self._api.remove(company.path(f"journals({batch.id})"), "*")
        raise failure

    async def created_journal(self, new: NewJournal, key: str) -> Journal | None:  # noqa: ARG002  the reference finds it
        company, accounts = await self._checked(new)
        return await self._posted(company, new, accounts)

    async def _checked(self, new: NewJournal) -> tuple[Company, list[str]]:
        """Raises INVALID for a role nobody plays, or amounts in another currency than the company's own."""
        company = await self._companies.of(new.legal_entity_code)
        currency = await self._base_currency(company)
        if any(line.amount.currency != currency for line in new.lines):
            detail = f"journals of {company.code} are in {currency}"
            raise Failure(Kind.INVALID, detail, code="not_in_base_currency")
        return company, [account_of(company, line.account_role) for line in new.lines]

    async def _journal_of(self, company: Company, reference: str) -> Journal | None:
        entries = await self._entries(company, reference)
        if entries:
            return postings.to_journal(company, reference, entries[0].posting_date, "posted", entries)
        batch = await self._batch(company, reference)
        if batch is None or not batch.journal_lines:
            return None
        return postings.to_journal(company, reference, batch.journal_lines[0].posting_date, "prepared", ())

    async def _posted(self, company: Company, new: NewJournal, accounts: list[str]) -> Journal | None:
        """Raises CONFLICT `reference_taken` when the ledger has something else under the document number."""
        entries = await self._entries(company, new.reference)
        if not entries:
            return None
        if not postings.same_entries(new, accounts, entries):
            detail = f"the ledger has other entries under {new.reference}"
            raise Failure(Kind.CONFLICT, detail, code="reference_taken")
        return postings.to_journal(company, new.reference, new.posting_date, "posted", entries)

    async def _prepared(self, company: Company, new: NewJournal, accounts: list[str]) -> JournalRecord:
        """The batch with exactly these lines; what an earlier try left otherwise is removed, once."""
        body = postings.from_new_journal(company, new, accounts)
        for _ in range(2):
            try:
                await self._api.create(company.path("journals"), body, JournalRecord)
            except Failure as failure:
                if failure.code != "number_taken":
                    raise
            batch = await told(self._batch(company, new.reference))
            if batch is None:
                continue
            written = postings.written_journal(company, new, batch)
            if postings.same_lines(postings.ordered_journal(new, accounts), written):
                return batch
            await self._api.remove(company.path(f"journals({batch.id})"), "*")
        raise Failure(Kind.CONFLICT, "the ERP wrote other lines than it was given", code="written_differently")

    async def _batch(self, company: Company, reference: str) -> JournalRecord | None:
        wanted = f"code eq {literal(postings.batch_code(reference))}"
        found = await self._api.records(company.path("journals"), JournalRecord, filter=wanted, expand=WITH_LINES)
        return found[0] if found else None

    async def _entries(self, company: Company, reference: str) -> tuple[LedgerEntryRecord, ...]:
        wanted = f"documentNumber eq {literal(reference)}"
        path = company.path("generalLedgerEntries")
        found = await self._api.records(path, LedgerEntryRecord, filter=wanted, orderby="entryNumber")
        return postings.of_journals(found)
