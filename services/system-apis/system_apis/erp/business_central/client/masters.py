"""Entities, reference data, customers, project shells. Sources: API v2.0 reference; projectCards: README.md."""

import asyncio
from collections.abc import Mapping
from urllib.parse import quote

from canonical.ledger import (
    AccountingPeriod,
    CustomerAccount,
    DimensionValue,
    LegalEntity,
    NewCustomerAccount,
    NewProjectShell,
    PaymentTerms,
    ProjectShell,
    ShellAmendment,
    TaxCode,
)
from servicekit.failures import Failure, Kind
from system_apis.erp.business_central import mapping
from system_apis.erp.business_central.client.environment import Environment
from system_apis.erp.business_central.records import (
    Company,
    CurrencyRecord,
    CustomerRecord,
    DimensionRecord,
    DimensionValueRecord,
    InformationRecord,
    PaymentTermsRecord,
    PeriodRecord,
    ProjectCardRecord,
    TaxGroupRecord,
    WindowRecord,
)
from system_apis.erp.business_central.settings import COST_CENTRE
from system_apis.erp.business_central.web_service import any_of, literal
from system_apis.listing import Listing

LOOKED_UP_AT_ONCE = 40  # customer numbers in one filter: a URL has its limits


class Masters(Environment):
    """What exists before anything is posted."""

    async def legal_entities(self) -> tuple[LegalEntity, ...]:
        companies = await self._companies.all()
        return tuple(await asyncio.gather(*(self._legal_entity(company) for company in companies)))

    async def dimension_values(self, legal_entity: str, dimension: str) -> tuple[DimensionValue, ...]:
        """Blocked and heading values are among them: the page does not say which they are."""
        company = await self._companies.of(legal_entity)
        code = company.settings.dimensions.get(dimension)
        if code is None:
            raise Failure(
                Kind.MISSING, f"there is no dimension {dimension} in {legal_entity}", code="unknown_dimension"
            )
        found = await self._api.records(company.path("dimensions"), DimensionRecord, filter=f"code eq {literal(code)}")
        if not found:
            detail = f"the ERP has no dimension for {dimension} in {legal_entity}"
            raise Failure(Kind.MISCONFIGURED, detail, code="dimension_not_found", vendor_detail=code)
        path = company.path(f"dimensions({found[0].id})/dimensionValues")
        records = await self._api.records(path, DimensionValueRecord)
        return tuple(mapping.to_dimension_value(legal_entity, dimension, record) for record in records)

    async def tax_codes(self, legal_entity: str) -> tuple[TaxCode, ...]:
        company = await self._companies.of(legal_entity)
        records = await self._api.records(company.path("taxGroups"), TaxGroupRecord)
        settings = company.settings
        return mapping.to_tax_codes(legal_entity, settings.tax_kinds, settings.tax_rates, records)

    async def accounting_periods(self, legal_entity: str) -> tuple[AccountingPeriod, ...]:
        company = await self._companies.of(legal_entity)
        records, windows = await asyncio.gather(
            self._api.records(company.path("accountingPeriods"), PeriodRecord),
            self._api.records(company.path("generalLedgerSetup"), WindowRecord),
        )
        if not windows:
            raise Failure(Kind.BAD_UPSTREAM, f"the ERP shows no ledger setup for {legal_entity}")
        return mapping.to_accounting_periods(legal_entity, records, windows[0])

    async def payment_terms(self, legal_entity: str) -> tuple[PaymentTerms, ...]:
        company = await self._companies.of(legal_entity)
        records = await self._api.records(company.path("paymentTerms"), PaymentTermsRecord)
        return mapping.to_payment_terms(legal_entity, company.settings.payment_terms, records)

    async def customer_account(self, native_id: str) -> CustomerAccount:
        company, record = await self._customer(native_id)
        return mapping.to_customer_account(company, record)

    async def customer_account_of(
        self, legal_entity: str, customer_number: str, currency: str
    ) -> CustomerAccount | None:
        company = await self._companies.of(legal_entity)
        numbers = (customer_number.upper(), f"{customer_number.upper()}-{currency}")
        records = await self._api.records(company.path("customers"), CustomerRecord, filter=any_of("number", numbers))
        fitting = [record for record in records if record.currency_code == currency]
        if len(fitting) > 1:
            detail = f"{customer_number} has several accounts in {currency} in {legal_entity}"
            raise Failure(Kind.CONFLICT, detail, code="several_accounts")
        return mapping.to_customer_account(company, fitting[0]) if fitting else None

    async def create_customer_account(self, new: NewCustomerAccount, key: str) -> CustomerAccount:
        """The number is the guard: an account that has it, in the currency, is the one that was asked for."""
        company = await self._companies.of(new.legal_entity_code)
        ledger = await self._companies.ledger(company)
        number = mapping.account_number(new.customer_number.upper(), new.currency, ledger.local_currency_code)
        if len(number) > mapping.MOST_NUMBER:
            detail = f"a customer number has at most {mapping.MOST_NUMBER} characters in the ERP"
            raise Failure(Kind.INVALID, detail, code="customer_number_too_long")
        terms_id = await self._terms_id(company, new.payment_terms_code)
        body = mapping.from_new_customer_account(new, number, terms_id)
        try:
            record = await self._api.create(company.path("customers"), body, CustomerRecord)
        except Failure as failure:
            if failure.code != "number_taken" or (found := await self.created_customer_account(new, key)) is None:
                raise
            return found
        return mapping.to_customer_account(company, record)

    async def created_customer_account(self, new: NewCustomerAccount, key: str) -> CustomerAccount | None:  # noqa: ARG002  the number finds it
        return await self.customer_account_of(new.legal_entity_code, new.customer_number, new.currency)

    async def project_shell(self, native_id: str) -> ProjectShell:
        company, card = await self._card(native_id)
        return (await self._shells(company, (card,)))[0]

    async def project_shells(self, legal_entity: str, cursor: str | None, limit: int) -> Listing[ProjectShell]:
        company = await self._companies.of(legal_entity)
        path = company.path("projectCards")
        cards, following = await self._cards.page(path, ProjectCardRecord, cursor=cursor, limit=limit)
        return Listing(items=await self._shells(company, cards), cursor=following)

    async def project_shell_of(self, legal_entity: str, number: str) -> ProjectShell | None:
        company = await self._companies.of(legal_entity)
        card = await self._card_of(company, number)
        return None if card is None else (await self._shells(company, (card,)))[0]

    async def create_project_shell(self, new: NewProjectShell, key: str) -> ProjectShell:
        """The number is the guard: under a taken one, ours is known by its external reference."""
        company, customer = await self._customer(new.customer_account_id)
        if company.code != new.legal_entity_code:
            detail = f"the customer account belongs to {company.code}"
            raise Failure(Kind.INVALID, detail, code="account_of_another_entity")
        await self._require_global_dimension(company)
        body = mapping.from_new_project_shell(new, customer.number)
        try:
            card = await self._cards.create(company.path("projectCards"), body, ProjectCardRecord)
        except Failure as failure:
            if failure.code != "number_taken" or (found := await self.created_project_shell(new, key)) is None:
                raise
            return found
        return mapping.to_project_shell(company, card, {customer.number: customer.id})

    async def created_project_shell(self, new: NewProjectShell, key: str) -> ProjectShell | None:  # noqa: ARG002  the number finds it
        found = await self.project_shell_of(new.legal_entity_code, new.number)
        return found if found is not None and found.project_id == new.project_id else None

    async def amend_project_shell(self, native_id: str, amendment: ShellAmendment) -> ProjectShell:
        """Raises CONFLICT `shell_closed` for a completed project."""
        return await self._changed(native_id, {"endingDate": amendment.end_date.isoformat()}, while_open=True)

    async def close_project_shell(self, native_id: str) -> ProjectShell:
        return await self._changed(native_id, {"status": mapping.COMPLETED}, while_open=False)

    async def _legal_entity(self, company: Company) -> LegalEntity:
        information, ledger, currencies = await asyncio.gather(
            self._api.records(company.path("companyInformation"), InformationRecord),
            self._companies.ledger(company),
            self._api.records(company.path("currencies"), CurrencyRecord),
        )
        if not information:
            raise Failure(Kind.BAD_UPSTREAM, f"the ERP shows no company information for {company.code}")
        return mapping.to_legal_entity(company, information[0], ledger, currencies)

    async def _customer(self, native_id: str) -> tuple[Company, CustomerRecord]:
        company_id, record_id = mapping.unpack(native_id)
        company = await self._companies.by_id(company_id)
        return company, await self._api.record(company.path(f"customers({quote(record_id)})"), CustomerRecord)

    async def _card(self, native_id: str) -> tuple[Company, ProjectCardRecord]:
        company_id, record_id = mapping.unpack(native_id)
        company = await self._companies.by_id(company_id)
        return company, await self._cards.record(company.path(f"projectCards({quote(record_id)})"), ProjectCardRecord)

    async def _card_of(self, company: Company, number: str) -> ProjectCardRecord | None:
        path = company.path("projectCards")
        cards = await self._cards.records(path, ProjectCardRecord, filter=f"number eq {literal(number.upper())}")
        return cards[0] if cards else None

    async def _shells(self, company: Company, cards: tuple[ProjectCardRecord, ...]) -> tuple[ProjectShell, ...]:
        """The page names customers by number; their ids are looked up together."""
        numbers = tuple(sorted({card.bill_to_customer_number for card in cards} - {""}))
        account_ids: dict[str, str] = {}
        for start in range(0, len(numbers), LOOKED_UP_AT_ONCE):
            wanted = any_of("number", numbers[start : start + LOOKED_UP_AT_ONCE])
            records = await self._api.records(company.path("customers"), CustomerRecord, filter=wanted)
            account_ids |= {record.number: record.id for record in records}
        return tuple(mapping.to_project_shell(company, card, account_ids) for card in cards)

    async def _changed(self, native_id: str, change: Mapping[str, str], *, while_open: bool) -> ProjectShell:
        """The project with the change in it. A record that changed meanwhile is read again, once."""
        for last in (False, True):
            company, card = await self._card(native_id)
            shell = (await self._shells(company, (card,)))[0]
            if _has(card, change):
                return shell
            if while_open and card.status == mapping.COMPLETED:
                raise Failure(Kind.CONFLICT, "the project shell is closed", code="shell_closed")
            path = company.path(f"projectCards({card.id})")
            try:
                card = await self._cards.change(path, card.etag, change, ProjectCardRecord)
            except Failure as failure:
                if last or failure.code != "changed_meanwhile":
                    raise
                continue
            return (await self._shells(company, (card,)))[0]
        raise AssertionError("the second round returns or raises")

    async def _terms_id(self, company: Company, code: str | None) -> str | None:
        if code is None:
            return None
        theirs = company.settings.payment_terms.get(code, code)
        wanted = f"code eq {literal(theirs)}"
        found = await self._api.records(company.path("paymentTerms"), PaymentTermsRecord, filter=wanted)
        if not found:
            detail = f"the payment terms {code} do not exist in {company.code}"
            raise Failure(Kind.INVALID, detail, code="unknown_payment_terms")
        return found[0].id

    async def _require_global_dimension(self, company: Company) -> None:
        """The page writes global dimension 1: it must be the one that the firm calls cost centre."""
        ledger = await self._companies.ledger(company)
        if ledger.shortcut_dimension_1_code != company.settings.dimensions.get(COST_CENTRE):
            detail = f"cost centres are not the first global dimension of {company.code}"
            raise Failure(Kind.MISCONFIGURED, detail, code="cost_centre_not_global")


def _has(card: ProjectCardRecord, change: Mapping[str, str]) -> bool:
    now = {"status": card.status, "endingDate": card.ending_date.isoformat()}
    return all(now[name] == value for name, value in change.items())
