"""What Syncline asks of an ERP. In and out: the canonical model with the vendor's own ids in its id fields.

A write carries a `key`; `created_x` tells what an earlier try under that key made, or none.
"""

from collections.abc import Mapping
from datetime import date
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

    async def exchange_rate(
        self, legal_entity: str, from_currency: str, on_date: date, purpose: str
    ) -> ExchangeRate | None:
        """The rate into the entity's own currency that holds on the day, of the type that serves the purpose."""
        ...

    async def receivable(self, native_id: str) -> Receivable: ...

    async def receivables_of(self, legal_entity: str, reference: str) -> tuple[Receivable, ...]:
        """What has the reference, or the number that billing gave it: drafts and posted ones."""
        ...

    async def create_receivable(self, new: NewReceivable, key: str) -> Receivable:
        """A draft, with the totals that the ERP reckons; the one that stands under the reference, if there is one.

        Raises INVALID `unknown_tax_code`, `customer_blocked`, `unknown_account_role` and others.
        """
        ...

    async def created_receivable(self, new: NewReceivable, key: str) -> Receivable | None: ...

    async def post_receivable(self, native_id: str, posting: ReceivablePosting) -> Receivable:
        """Posted under that number and those dates; posted already under them is no error.

        Raises INVALID `period_closed`, `customer_blocked`, `missing_dimension` and others, and nothing is posted;
        CONFLICT `already_posted` for a document that is posted under another number; IN_DOUBT until that is known.
        """
        ...

    async def discard_receivable(self, native_id: str) -> None:
        """Removed, if it is there; raises CONFLICT `already_posted`."""
        ...

    async def journal(self, native_id: str) -> Journal: ...

    async def journals_of(self, legal_entity: str, reference: str) -> tuple[Journal, ...]:
        """What the ledger has under the reference, or what waits to be posted."""
        ...

    async def create_journal(self, new: NewJournal, key: str) -> Journal:
        """Made and posted, or handed over to be posted later (`submitted`). All lines or none.

        Raises INVALID `period_closed`, `unknown_account_role`, `missing_dimension` and others; CONFLICT
        `reference_taken` when the ledger has other entries under the reference.
        """
        ...

    async def created_journal(self, new: NewJournal, key: str) -> Journal | None: ...

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
        """In the order in which they were posted; of a project a page may be short, even empty.

        `posted_before` is the first day that is too late. Raises MISSING `unknown_account_role`, INVALID
        `project_dimension_not_set` where nobody said which dimension holds the project.
        """
        ...

    async def account_balances(self, legal_entity: str, as_of: date) -> tuple[AccountBalance, ...]:
        """At the end of the day, one for each role that the connection knows."""
        ...

    async def check(self) -> None:
        """Raise what is wrong with the connection, if anything."""
        ...

    async def close(self) -> None: ...
