"""What Syncline asks of an ERP. In and out: the canonical model with the vendor's own ids in its id fields.

A write carries a `key`; `created_x` tells what an earlier try under that key made, or none.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

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
from system_apis.listing import Listing
from system_apis.writes import Settlement


@runtime_checkable
class Erp(Protocol):
    """Raises MISSING, INVALID, CONFLICT for what the ERP refuses; UNAVAILABLE, THROTTLED, IN_DOUBT for what may heal.

    An unknown `legal_entity` (the firm's code, such as DE01) is MISSING with the code `unknown_legal_entity`.
    """

    settlements: Mapping[str, Settlement]  # by the name of the write

    async def legal_entities(self) -> tuple[LegalEntity, ...]: ...
    async def dimension_values(self, legal_entity: str, dimension: str) -> tuple[DimensionValue, ...]: ...
    async def tax_codes(self, legal_entity: str) -> tuple[TaxCode, ...]: ...
    async def accounting_periods(self, legal_entity: str) -> tuple[AccountingPeriod, ...]: ...
    async def payment_terms(self, legal_entity: str) -> tuple[PaymentTerms, ...]: ...
    async def customer_account(self, native_id: str) -> CustomerAccount: ...

    async def customer_account_of(
        self, legal_entity: str, customer_number: str, currency: str
    ) -> CustomerAccount | None:
        """A customer number's account in a currency; raises CONFLICT `several_accounts` when more than one fits."""
        ...

    async def create_customer_account(self, new: NewCustomerAccount, key: str) -> CustomerAccount: ...
    async def created_customer_account(self, new: NewCustomerAccount, key: str) -> CustomerAccount | None: ...
    async def project_shell(self, native_id: str) -> ProjectShell: ...
    async def project_shells(self, legal_entity: str, cursor: str | None, limit: int) -> Listing[ProjectShell]: ...

    async def project_shell_of(self, legal_entity: str, number: str) -> ProjectShell | None:
        """The shell under a number, whoever set it up."""
        ...

    async def create_project_shell(self, new: NewProjectShell, key: str) -> ProjectShell:
        """Under the entity, cost centre and currency given, status approved."""
        ...

    async def created_project_shell(self, new: NewProjectShell, key: str) -> ProjectShell | None: ...
    async def amend_project_shell(self, native_id: str, amendment: ShellAmendment) -> ProjectShell: ...

    async def close_project_shell(self, native_id: str) -> ProjectShell:
        """Close if present and not closed yet; closing twice is no error. A shell is never deleted."""
        ...

    async def check(self) -> None:
        """Raise what is wrong with the connection, if anything."""
        ...

    async def close(self) -> None: ...
