"""What a release knows before it bills anything: what was agreed, what was done, what the ledger says."""

from datetime import date
from decimal import Decimal

import msgspec

from canonical.billing import BillingSchedule
from canonical.delivery import Milestone, Project
from canonical.entries import Expense, RateCard, TimeEntry
from canonical.ledger import AccountingPeriod, CustomerAccount, LegalEntity, TaxCode
from canonical.money import Money
from canonical.sales import Contract, Customer


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """The contract and who pays."""

    contract: Contract
    customer: Customer

    @property
    def methods(self) -> set[str]:
        return {line.method for line in self.contract.lines}


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What was done for the contract and is approved (or only submitted), and what PSA and billing hold about it."""

    project: Project
    entries: tuple[TimeEntry, ...]
    unapproved: tuple[TimeEntry, ...]
    expenses: tuple[Expense, ...]
    milestones: tuple[Milestone, ...]
    rate_cards: tuple[RateCard, ...]
    schedule: BillingSchedule | None


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What the ERP says that bears on the invoice. `rate`: units of the entity's currency for one of the contract's."""

    entity: LegalEntity
    tax_code: TaxCode | None
    periods: tuple[AccountingPeriod, ...]
    account: CustomerAccount | None
    rate: str | None


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, as of one moment. `today` is the legal entity's own day."""

    agreement: Agreement
    work: Work
    books: Books
    cut_off: date
    today: date
    document_date: date | None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may be billed: how much of it, at which price, and who approved it.

    `line` groups what may be added up on one line. `due`: its billing date has come. `part_of_fixed_fee`: its price is
    in an amount that is billed by itself.
    """

    item_id: str
    kind: str
    version: str
    work_date: date
    quantity: Decimal
    unit_price: Decimal
    amount: Money
    description: str
    line: str
    account_role: str
    supply_from: date
    supply_to: date
    approved_by: str | None = None
    approved_at: str | None = None
    due: bool = True
    coverable: bool = False
    part_of_fixed_fee: bool = False
