"""Records as Business Central's pages spell them. Source: API v2.0 reference; projectCards: README.md."""

from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

from system_apis.erp.business_central.settings import CompanySettings

T = TypeVar("T")


class Collection(msgspec.Struct, Generic[T], frozen=True):
    """OData's envelope; `next_link` leads to the next page and is followed as it is."""

    value: tuple[T, ...]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """A company of the environment as one legal entity: what is known of it without asking for more."""

    connection: str
    code: str
    id: str
    settings: CompanySettings

    def path(self, rest: str) -> str:
        return f"companies({self.id})/{rest}"


class CompanyRecord(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    name: str
    display_name: str = ""


class InformationRecord(msgspec.Struct, frozen=True, rename="camel"):
    display_name: str
    tax_registration_number: str = ""


class LedgerRecord(msgspec.Struct, frozen=True, rename="camel"):
    """General ledger setup: what of it never changes once entries are posted."""

    local_currency_code: str
    shortcut_dimension_1_code: str = msgspec.field(default="", name="shortcutDimension1Code")


class WindowRecord(msgspec.Struct, frozen=True, rename="camel"):
    """General ledger setup: the days that may be posted to. 0001-01-01 is no bound."""

    allow_posting_from: date = date.min
    allow_posting_to: date = date.min


class CurrencyRecord(msgspec.Struct, frozen=True, rename="camel"):
    code: str


class PeriodRecord(msgspec.Struct, frozen=True, rename="camel"):
    starting_date: date
    name: str
    new_fiscal_year: bool
    closed: bool


class DimensionRecord(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    code: str


class DimensionValueRecord(msgspec.Struct, frozen=True, rename="camel"):
    code: str
    display_name: str


class TaxGroupRecord(msgspec.Struct, frozen=True, rename="camel"):
    code: str
    display_name: str


class PaymentTermsRecord(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    code: str
    display_name: str


class CustomerRecord(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    number: str
    display_name: str
    currency_code: str
    blocked: str = " "
    tax_registration_number: str = ""


class ProjectCardRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A project with the fields that the standard page leaves out. Empty dates are 0001-01-01."""

    id: str
    number: str
    display_name: str
    bill_to_customer_number: str
    status: str
    global_dimension_1_code: str = msgspec.field(name="globalDimension1Code")
    currency_code: str
    starting_date: date
    ending_date: date
    external_reference: str
    last_modified_date_time: datetime
    etag: str = msgspec.field(default="*", name="@odata.etag")


class ExchangeRateRecord(msgspec.Struct, frozen=True, rename="camel"):
    """`exchange_rate_amount` of the currency are worth `relational_exchange_rate_amount` of the other one."""

    currency_code: str
    starting_date: date
    exchange_rate_amount: Decimal
    relational_exchange_rate_amount: Decimal
    relational_currency_code: str = ""


class DimensionSetLineRecord(msgspec.Struct, frozen=True, rename="camel"):
    code: str
    value_code: str


class DocumentLineRecord(msgspec.Struct, frozen=True, rename="camel"):
    line_object_number: str
    tax_code: str
    net_amount: Decimal
    dimension_set_lines: tuple[DimensionSetLineRecord, ...] = ()


class DocumentRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A sales invoice or a credit memo, which have most fields in common. Credit memos do not tell what is open."""

    id: str
    number: str
    external_document_number: str
    posting_date: date
    due_date: date
    customer_id: str
    currency_code: str
    status: str
    total_amount_excluding_tax: Decimal
    total_tax_amount: Decimal
    total_amount_including_tax: Decimal
    last_modified_date_time: datetime
    invoice_date: date | None = None
    credit_memo_date: date | None = None
    remaining_amount: Decimal | None = None
    invoice_number: str = ""
    sales_invoice_lines: tuple[DocumentLineRecord, ...] = ()
    sales_credit_memo_lines: tuple[DocumentLineRecord, ...] = ()
    etag: str = msgspec.field(default="*", name="@odata.etag")


class JournalLineRecord(msgspec.Struct, frozen=True, rename="camel"):
    account_number: str
    posting_date: date
    document_number: str
    amount: Decimal
    dimension_set_lines: tuple[DimensionSetLineRecord, ...] = ()


class JournalRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A batch with its lines; after posting it stays without any."""

    id: str
    code: str
    journal_lines: tuple[JournalLineRecord, ...] = ()


class LedgerEntryRecord(msgspec.Struct, frozen=True, rename="camel"):
    entry_number: int
    posting_date: date
    document_number: str
    account_number: str
    debit_amount: Decimal
    credit_amount: Decimal
    description: str = ""
    document_type: str = " "
    dimension_set_lines: tuple[DimensionSetLineRecord, ...] = ()


class AmountRecord(msgspec.Struct, frozen=True, rename="camel"):
    """What is asked of a ledger entry where only sums matter."""

    account_number: str
    debit_amount: Decimal
    credit_amount: Decimal
