"""Receivables, journals and what the ledger says. Master: ERP, the financial authority.

Debit is positive. Amounts of a receivable are in the document's currency, those of ledger entries in the entity's own.
"""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.ids import CustomerAccountId, JournalId, ReceivableId
from canonical.invoicing import LineText, Reference
from canonical.moments import Moment
from canonical.money import Currency, Money, QuantityText, RateText
from canonical.references import Code, ExternalId, LegalEntityCode

AccountRole = Annotated[
    str,
    Meta(
        extra_json_schema={
            "x-extensible-enum": [
                "receivable",
                "unbilled_receivable",
                "contract_asset",
                "contract_liability",
                "revenue",
                "tax_payable",
            ]
        }
    ),
]
Subledger = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["general_ledger", "receivables", "projects"]})]
ReceivableKind = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["invoice", "credit_note"]})]
ReceivableStatus = Annotated[
    str, Meta(extra_json_schema={"x-extensible-enum": ["draft", "posted", "paid", "reversed", "discarded"]})
]
JournalStatus = Annotated[
    str, Meta(extra_json_schema={"x-extensible-enum": ["prepared", "submitted", "posted", "failed"]})
]

# Exchange rates are finer than prices: an ERP keeps as many places as it likes.
ExchangeRateText = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,12})?$(?!\n)", examples=["1.0872"])]


class ExchangeRate(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` units of `to_currency` for one of `from_currency`. `rate_date` is the day from which the ERP applies it.

    Which type serves which purpose is the connection's setting: an ERP without types has `spot` alone.
    """

    legal_entity_code: LegalEntityCode
    from_currency: Currency
    to_currency: Currency
    rate: ExchangeRateText
    rate_type: Annotated[
        str, Meta(extra_json_schema={"x-extensible-enum": ["spot", "average", "closing", "tax_authority", "contract"]})
    ]
    rate_date: date


class NewReceivableLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line credits the account of its role: the contract's balance, never revenue."""

    key: Code
    description: LineText
    quantity: QuantityText
    unit_price: RateText
    amount: Money
    account_role: AccountRole
    tax_code: Code
    cost_centre_code: Code | None = None


class NewReceivable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft to be made, before the legal act, to prove that the invoice can be posted."""

    kind: ReceivableKind
    reference: Reference
    customer_account_id: CustomerAccountId
    legal_entity_code: LegalEntityCode
    currency: Currency
    document_date: date
    posting_date: date
    due_date: date
    customer_reference: Code | None = None
    corrects_document_number: Code | None = None  # of a credit note: the ERP's number of what it corrects
    lines: Annotated[tuple[NewReceivableLine, ...], Meta(min_length=1, max_length=200)]


class ReceivablePosting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a draft is posted under: the number that billing gave the document, and its dates."""

    external_number: Annotated[str, Meta(min_length=1, max_length=35)]
    document_date: date
    posting_date: date
    due_date: date


class Receivable(msgspec.Struct, frozen=True, kw_only=True):
    """`reference` is ours until the document has a number, and that number afterwards; `document_number` the ERP's own.

    Totals are the ERP's, reckoned by its own rules.
    """

    id: ReceivableId
    external_ids: tuple[ExternalId, ...] = ()
    kind: ReceivableKind
    reference: str
    document_number: str | None
    customer_account_id: CustomerAccountId | None
    legal_entity_code: LegalEntityCode
    currency: Currency
    status: ReceivableStatus
    document_date: date
    posting_date: date
    due_date: date | None
    net: Money
    tax: Money
    gross: Money
    remaining: Money
    updated_at: Moment


class NewJournalLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`amount` in the entity's own currency, debit positive; `entered` in the contract's, where that is another one."""

    account_role: AccountRole
    amount: Money
    entered: Money | None = None
    description: LineText
    cost_centre_code: Code | None = None


class NewJournal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines that add up to nothing, posted together or not at all. `reference` is the document number in the ledger."""

    reference: Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9-]{3,18}[A-Z0-9]$(?!\n)")]
    kind: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["revenue", "cost", "accrual", "reversal"]})]
    legal_entity_code: LegalEntityCode
    document_date: date
    posting_date: date
    description: LineText
    lines: Annotated[tuple[NewJournalLine, ...], Meta(min_length=2, max_length=200)]


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """`submitted` is accepted and not yet posted: an ERP may take hours. `entry_numbers` are the ledger's own."""

    id: JournalId
    external_ids: tuple[ExternalId, ...] = ()
    reference: str
    legal_entity_code: LegalEntityCode
    posting_date: date
    status: JournalStatus
    entry_numbers: tuple[str, ...]


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the general ledger. `account_role` is absent for an account that the connection gives none.

    `project_number` is what the ledger's project dimension says, where the connection names that dimension.
    """

    entry_number: str
    legal_entity_code: LegalEntityCode
    posting_date: date
    document_number: str
    account_number: str
    account_role: AccountRole | None
    amount: Money
    description: str
    project_number: str | None = None


class AccountBalance(msgspec.Struct, frozen=True, kw_only=True):
    """What the accounts of a role hold at the end of a day, in the entity's own currency; debit positive."""

    legal_entity_code: LegalEntityCode
    account_role: AccountRole
    account_numbers: tuple[str, ...]
    balance: Money
    as_of_date: date
