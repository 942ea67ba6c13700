"""Reads and writes of the ERP system API. Contract: contracts/openapi/system/erp.v1.yaml."""

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
from servicekit.upstream import Upstream

T = TypeVar("T", bound=msgspec.Struct)


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
        return await self._api.call("GET", f"/v1/project-shells/{shell_id}", returns=ProjectShell)

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
        path = f"/v1/project-shells/{shell_id}/amendment"
        return await self._api.call("PUT", path, body=amendment, key=key, returns=ProjectShell)

    async def close_shell(self, shell_id: str, key: str) -> ProjectShell:
        return await self._api.call("PUT", f"/v1/project-shells/{shell_id}/closing", key=key, returns=ProjectShell)

    async def _of(self, connection: str, entity: str, what: str, item: type[T], **more: str) -> tuple[T, ...]:
        params = {"connection": connection, **more}
        path = f"/v1/legal-entities/{entity}/{what}"
        page: Page[T] = await self._api.call("GET", path, params=params, returns=Page[item])  # type: ignore[valid-type]
        return page.items
