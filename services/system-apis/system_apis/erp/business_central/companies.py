"""The environment's companies as legal entities: found by name or id once, with the part of their setup that stays."""

import asyncio
from collections.abc import Mapping

from servicekit.failures import Failure, Kind
from system_apis.erp.business_central.records import Company, CompanyRecord, LedgerRecord
from system_apis.erp.business_central.settings import CompanySettings
from system_apis.erp.business_central.web_service import WebService


class Companies:
    """Which company is which legal entity. Base currency and global dimensions are read once: they stay for life."""

    def __init__(self, connection: str, service: WebService, wanted: Mapping[str, CompanySettings]) -> None:
        self._connection = connection
        self._service = service
        self._wanted = wanted
        self._lock = asyncio.Lock()
        self._found: dict[str, Company] = {}
        self._ledgers: dict[str, LedgerRecord] = {}

    async def all(self) -> tuple[Company, ...]:
        """Raises MISCONFIGURED `company_not_found` when one of the settings is not there."""
        async with self._lock:
            if not self._found:
                self._found = self._matched(await self._service.records("companies", CompanyRecord))
        return tuple(self._found.values())

    async def check(self) -> None:
        """Look again. Raises MISCONFIGURED `company_not_found`."""
        self._found = self._matched(await self._service.records("companies", CompanyRecord))

    async def of(self, legal_entity: str) -> Company:
        """Raises MISSING `unknown_legal_entity`."""
        if legal_entity not in self._wanted:
            raise Failure(Kind.MISSING, f"there is no legal entity {legal_entity} here", code="unknown_legal_entity")
        await self.all()
        return self._found[legal_entity]

    async def by_id(self, company_id: str) -> Company:
        """Raises MISSING for a company that is none of the legal entities."""
        found = next((company for company in await self.all() if company.id == company_id), None)
        if found is None:
            raise Failure(Kind.MISSING, "the record belongs to none of the legal entities here")
        return found

    async def ledger(self, company: Company) -> LedgerRecord:
        """Raises BAD_UPSTREAM when the company shows none."""
        if company.id not in self._ledgers:
            records = await self._service.records(company.path("generalLedgerSetup"), LedgerRecord)
            if not records:
                raise Failure(Kind.BAD_UPSTREAM, f"the ERP shows no ledger setup for {company.code}")
            self._ledgers[company.id] = records[0]
        return self._ledgers[company.id]

    def _matched(self, records: tuple[CompanyRecord, ...]) -> dict[str, Company]:
        known = {name: record for record in records for name in (record.id.lower(), record.name)}
        found: dict[str, Company] = {}
        for code, settings in self._wanted.items():
            record = known.get(settings.company) or known.get(settings.company.lower())
            if record is None:
                detail = f"the ERP has no company for {code}"
                raise Failure(Kind.MISCONFIGURED, detail, code="company_not_found", vendor_detail=settings.company)
            found[code] = Company(connection=self._connection, code=code, id=record.id, settings=settings)
        return found
