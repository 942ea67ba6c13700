"""What the ledger says: entries, balances, exchange rates. Source: API v2.0, generalLedgerEntries and others."""

from datetime import date
from decimal import Decimal

from canonical.postings import AccountBalance, ExchangeRate, LedgerEntry
from servicekit.failures import Failure, Kind
from system_apis.erp.business_central import postings
from system_apis.erp.business_central.client.environment import Environment
from system_apis.erp.business_central.records import AmountRecord, Company, ExchangeRateRecord, LedgerEntryRecord
from system_apis.erp.business_central.settings import PROJECT
from system_apis.erp.business_central.web_service import MOST_PAGE_SIZE, any_of, literal
from system_apis.listing import Listing

_WITH_DIMENSIONS = "dimensionSetLines($select=code,valueCode)"


class LedgerReads(Environment):
    """Nothing is written here."""

    async def ledger_entries(
        self,
        legal_entity: str,
        account_role: str | None,
        document_number: str | None,
        cursor: str | None,
        limit: int,
        *,
        project_number: str | None = None,
        posted_before: date | None = None,
    ) -> Listing[LedgerEntry]:
        """Dimensions cannot be filtered by: the entries of a project are picked out of every page."""
        company = await self._companies.of(legal_entity)
        if project_number is not None and PROJECT not in company.settings.dimensions:
            detail = f"the connection does not say which dimension of {legal_entity} holds the project"
            raise Failure(Kind.INVALID, detail, code="project_dimension_not_set")
        conditions = []
        if account_role is not None:
            conditions.append(f"({any_of('accountNumber', _accounts(company, account_role))})")
        if document_number is not None:
            conditions.append(f"documentNumber eq {literal(document_number.upper())}")
        if posted_before is not None:
            conditions.append(f"postingDate lt {posted_before.isoformat()}")
        options = {"filter": " and ".join(conditions)} if conditions else {}
        if PROJECT in company.settings.dimensions:
            options["expand"] = _WITH_DIMENSIONS
        records, following = await self._api.page(
            company.path("generalLedgerEntries"),
            LedgerEntryRecord,
            cursor=cursor,
            limit=limit,
            orderby="entryNumber",
            **options,
        )
        currency = await self._base_currency(company)
        items = (postings.to_ledger_entry(company, currency, record) for record in records)
        wanted = None if project_number is None else project_number.upper()  # codes are
        found = tuple(entry for entry in items if wanted is None or entry.project_number == wanted)
        return Listing(items=found, cursor=following)

    async def account_balances(self, legal_entity: str, as_of: date) -> tuple[AccountBalance, ...]:
        """Added up from the entries: accounts show a balance of now only, trial balances none that is documented."""
        company = await self._companies.of(legal_entity)
        currency = await self._base_currency(company)
        numbers = tuple(postings.roles_of(company))
        records: tuple[AmountRecord, ...] = ()
        if numbers:
            records = await self._api.records(
                company.path("generalLedgerEntries"),
                AmountRecord,
                page_size=MOST_PAGE_SIZE,
                filter=f"({any_of('accountNumber', numbers)}) and postingDate le {as_of.isoformat()}",
                select="accountNumber,debitAmount,creditAmount",
            )
        return postings.to_balances(company, currency, as_of, records)

    async def exchange_rate(
        self, legal_entity: str, from_currency: str, on_date: date, purpose: str
    ) -> ExchangeRate | None:
        """The newest rate of that day or before it. The company's own currency is worth one of itself."""
        company = await self._companies.of(legal_entity)
        base = await self._base_currency(company)
        found = await self._rate(company, from_currency, base, on_date)
        if found is None:
            return None
        rate_type = company.settings.rate_types.get(purpose, postings.SPOT)
        return postings.to_exchange_rate(company, (from_currency, base), found[0], rate_type, found[1])

    async def _rate(self, company: Company, currency: str, base: str, day: date) -> tuple[Decimal, date] | None:
        """A rate may be given in another currency than the company's own: then that one's rate is asked for, once."""
        rate, since = Decimal(1), day
        for place in range(2):
            if currency == base:
                return rate, since
            record = await self._newest(company, currency, day)
            if record is None:
                return None
            rate, since = rate * postings.rate_of(record), record.starting_date if place == 0 else since
            currency = record.relational_currency_code or base
        return (rate, since) if currency == base else None

    async def _newest(self, company: Company, currency: str, day: date) -> ExchangeRateRecord | None:
        records = await self._api.records(
            company.path("currencyExchangeRates"),
            ExchangeRateRecord,
            filter=f"currencyCode eq {literal(currency)} and startingDate le {day.isoformat()}",
            orderby="startingDate desc",
            top="1",
        )
        return records[0] if records else None


def _accounts(company: Company, role: str) -> tuple[str, ...]:
    """Raises MISSING `unknown_account_role`."""
    numbers = company.settings.accounts.get(role, ())
    if not numbers:
        detail = f"no account of {company.code} plays the role {role}"
        raise Failure(Kind.MISSING, detail, code="unknown_account_role")
    return numbers
