"""Reads and writes of the ERP system API. Contract: contracts/openapi/system/erp.v1.yaml."""

from datetime import date
from typing import TypeVar

import msgspec

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
from canonical.paging import Page
from canonical.postings import (
    AccountBalance,
    ExchangeRate,
    Journal,
    LedgerEntry,
    NewJournal,
    NewReceivable,
    Receivable,
    ReceivablePosting,
)
from servicekit.upstream import Upstream, in_path

T = TypeVar("T", bound=msgspec.Struct)

PAGE = 200


class Erp:
    """Writes carry the key under which they happen once."""

    def __init__(self, api: Upstream) -> None:
        self._api = api

    async def legal_entities(self, connection: str) -> tuple[LegalEntity, ...]:
        params = {"connection": connection}
        return (await self._api.call("GET", "/v1/legal-entities", params=params, returns=Page[LegalEntity])).items

    async def cost_centres(self, connection: str, entity: str) -> tuple[DimensionValue, ...]:
        return await self._of(connection, entity, "dimension-values", DimensionValue, dimension="cost_centre")

    async def tax_codes(self, connection: str, entity: str) -> tuple[TaxCode, ...]:
        return await self._of(connection, entity, "tax-codes", TaxCode)

    async def accounting_periods(self, connection: str, entity: str) -> tuple[AccountingPeriod, ...]:
        return await self._of(connection, entity, "accounting-periods", AccountingPeriod)

    async def payment_terms(self, connection: str, entity: str) -> tuple[PaymentTerms, ...]:
        return await self._of(connection, entity, "payment-terms", PaymentTerms)

    async def customer_account_of(
        self, connection: str, entity: str, customer_number: str, currency: str
    ) -> CustomerAccount | None:
        params = {
            "connection": connection,
            "legal_entity_code": entity,
            "customer_number": customer_number,
            "currency": currency,
        }
        page = await self._api.call("GET", "/v1/customer-accounts", params=params, returns=Page[CustomerAccount])
        return page.items[0] if page.items else None

    async def ensure_customer_account(self, connection: str, new: NewCustomerAccount, key: str) -> CustomerAccount:
        """The customer's account: found, or requested."""
        params = {"connection": connection}
        return await self._api.call(
            "POST", "/v1/customer-accounts", params=params, body=new, key=key, returns=CustomerAccount
        )

    async def shell(self, shell_id: str) -> ProjectShell:
        return await self._api.call("GET", f"/v1/project-shells/{in_path(shell_id)}", returns=ProjectShell)

    async def shell_of_project(self, connection: str, entity: str, number: str) -> ProjectShell | None:
        params = {"connection": connection, "legal_entity_code": entity, "number": number}
        page = await self._api.call("GET", "/v1/project-shells", params=params, returns=Page[ProjectShell])
        return page.items[0] if page.items else None

    async def create_shell(self, connection: str, new: NewProjectShell, key: str) -> ProjectShell:
        params = {"connection": connection}
        return await self._api.call(
            "POST", "/v1/project-shells", params=params, body=new, key=key, returns=ProjectShell
        )

    async def amend_shell(self, shell_id: str, amendment: ShellAmendment, key: str) -> ProjectShell:
        path = f"/v1/project-shells/{in_path(shell_id)}/amendment"
        return await self._api.call("PUT", path, body=amendment, key=key, returns=ProjectShell)

    async def close_shell(self, shell_id: str, key: str) -> ProjectShell:
        return await self._api.call(
            "PUT", f"/v1/project-shells/{in_path(shell_id)}/closing", key=key, returns=ProjectShell
        )

    async def exchange_rate(
        self, connection: str, entity: str, from_currency: str, on_date: date, purpose: str
    ) -> ExchangeRate | None:
        """The rate into the entity's own currency that holds on a day for a purpose, or none."""
        more = {"from_currency": from_currency, "on_date": on_date.isoformat(), "purpose": purpose}
        found = await self._of(connection, entity, "exchange-rates", ExchangeRate, **more)
        return found[0] if found else None

    async def draft_receivable(self, connection: str, new: NewReceivable, key: str) -> Receivable:
        """A draft in the ledger, with the ERP's own totals."""
        params = {"connection": connection}
        return await self._api.call("POST", "/v1/receivables", params=params, body=new, key=key, returns=Receivable)

    async def receivable(self, receivable_id: str) -> Receivable:
        return await self._api.call("GET", f"/v1/receivables/{in_path(receivable_id)}", returns=Receivable)

    async def post_receivable(self, receivable_id: str, posting: ReceivablePosting, key: str) -> Receivable:
        path = f"/v1/receivables/{in_path(receivable_id)}/posting"
        return await self._api.call("PUT", path, body=posting, key=key, returns=Receivable)

    async def discard_receivable(self, receivable_id: str, key: str) -> Receivable:
        """A draft that will never be posted; twice is no error."""
        return await self._api.call(
            "PUT", f"/v1/receivables/{in_path(receivable_id)}/discarding", key=key, returns=Receivable
        )

    async def post_journal(self, connection: str, new: NewJournal, key: str) -> Journal:
        params = {"connection": connection}
        return await self._api.call("POST", "/v1/journals", params=params, body=new, key=key, returns=Journal)

    async def journal(self, journal_id: str) -> Journal:
        return await self._api.call("GET", f"/v1/journals/{in_path(journal_id)}", returns=Journal)

    async def ledger_entries(
        self, connection: str, entity: str, document_number: str | None = None, **query: str
    ) -> tuple[LedgerEntry, ...]:
        """The lines of a document, or those that fit *query* (account_role, project_number, posted_before)."""
        found: list[LedgerEntry] = []
        cursor: str | None = None
        while True:
            params = {**query, "connection": connection, "document_number": document_number, "limit": PAGE}
            path = f"/v1/legal-entities/{in_path(entity)}/ledger-entries"
            page = await self._api.call("GET", path, params={**params, "cursor": cursor}, returns=Page[LedgerEntry])
            found.extend(page.items)
            cursor = page.next
            if cursor is None:
                return tuple(found)

    async def account_balances(self, connection: str, entity: str, as_of: date) -> tuple[AccountBalance, ...]:
        return await self._of(connection, entity, "account-balances", AccountBalance, as_of_date=as_of.isoformat())

    async def _of(self, connection: str, entity: str, what: str, item: type[T], **more: str) -> tuple[T, ...]:
        params = {"connection": connection, **more}
        path = f"/v1/legal-entities/{in_path(entity)}/{what}"
        page: Page[T] = await self._api.call("GET", path, params=params, returns=Page[item])  # type: ignore[valid-type]
        return page.items
