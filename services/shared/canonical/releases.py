"""Releases: from unbilled approved work to a posted receivable, as people see them. Master: Syncline itself."""

from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.ids import BatchId, ContractId, CustomerId, InvoiceId, ProjectId, ReceivableId, ReleaseId
from canonical.invoicing import DocumentState, InvoiceKind, LineText, PaymentState, TaxLine
from canonical.moments import Moment
from canonical.money import AmountText, Currency, Money, PercentText, QuantityText, RateText
from canonical.postings import AccountRole, ExchangeRateText
from canonical.references import Code, LegalEntityCode
from canonical.work import Finding, Mode, Reason, StepRecord

ReleaseState = Annotated[
    str,
    Meta(
        extra_json_schema={
            "x-extensible-enum": [
                "running",
                "waiting_for_approval",
                "in_exception",
                "posted",
                "credited",
                "nothing_to_bill",
                "validated",
                "shadowed",
                "discarded",
            ]
        }
    ),
]
PostingState = Annotated[
    str,
    Meta(extra_json_schema={"x-extensible-enum": ["none", "drafted", "in_doubt", "posted", "failed", "reversed"]}),
]
ItemKind = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["time", "expense", "milestone", "schedule"]})]
ItemId = Annotated[str, Meta(min_length=1, max_length=120)]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a line is made of: a time entry, an expense, a milestone or a date of the schedule, and who approved it."""

    item_id: ItemId
    kind: ItemKind
    version: str
    work_date: date
    quantity: QuantityText
    amount: Money
    description: str
    approved_by: str | None
    approved_at: Moment | None


class DraftLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it will stand on the invoice. It credits the contract's balance account of its role, never revenue."""

    key: str
    description: str
    quantity: QuantityText
    unit_price: RateText
    amount: Money
    account_role: AccountRole
    tax_code: str
    tax_percent: PercentText
    tax: Money
    supply_from: date
    supply_to: date
    project_number: str
    sources: tuple[Source, ...]


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at and is not on the invoice, and why."""

    item_id: ItemId
    kind: ItemKind
    quantity: QuantityText
    amount: Money
    reason: Annotated[
        str,
        Meta(
            extra_json_schema={
                "x-extensible-enum": [
                    "held",
                    "above_cap",
                    "covered",
                    "part_of_fixed_fee",
                    "written_down",
                    "changed_after_invoicing",
                ]
            }
        ),
    ]
    detail: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The whole invoice before anything is written. Supply dates are half-open.

    The net in the entity's own currency, at the rate that is shown, is what the approver's limit is compared with.
    """

    reference: str
    kind: InvoiceKind
    contract_number: str
    customer_name: str
    legal_entity_code: LegalEntityCode
    currency: Currency
    customer_reference: str | None
    tax_treatment: str
    document_date: date
    posting_date: date
    due_date: date
    supply_from: date
    supply_to: date
    note: str | None
    lines: tuple[DraftLine, ...]
    tax: tuple[TaxLine, ...]
    net: Money
    gross: Money
    net_in_entity_currency: Money
    rate: ExchangeRateText | None
    left_out: tuple[LeftOut, ...]


class NewRelease(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for what is unbilled of a contract, up to but not including `cut_off`. Asking again gives the same run.

    `document_date` is the day of the invoice; absent: the entity's own today.
    """

    contract_id: ContractId
    cut_off: date
    document_date: date | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a release would bill now. Nothing is written. Findings stand in its way; without a draft all of them do."""

    contract_id: ContractId
    cut_off: date
    draft: Draft | None
    findings: tuple[Finding, ...]
    as_of: Moment


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One invoice on its way, or one correction of it. Document, posting and payment are three states."""

    id: ReleaseId
    run_id: str
    reference: str
    kind: Annotated[
        str,
        Meta(extra_json_schema={"x-extensible-enum": ["standard", "advance", "rebill", "supplementary", "credit"]}),
    ]
    revision: int
    state: ReleaseState
    document_state: DocumentState
    posting_state: PostingState
    payment_state: PaymentState
    mode: Mode | None
    contract_id: ContractId
    contract_number: str
    project_id: ProjectId | None
    customer_id: CustomerId | None
    customer_name: str | None
    legal_entity_code: LegalEntityCode
    currency: Currency
    cut_off: date
    net: Money | None
    gross: Money | None
    invoice_id: InvoiceId | None
    invoice_number: str | None
    credit_note_id: str | None
    receivable_id: ReceivableId | None
    document_number: Annotated[str | None, Meta(description="the ERP's own number of the posted document")]
    document_date: date | None
    posting_date: date | None
    due_date: date | None
    posting_moved: Annotated[
        str | None, Meta(description="why the posting date is not the one that was drafted, if so")
    ]
    corrects_release_id: ReleaseId | None
    batch_id: BatchId | None
    approved_by: tuple[str, ...]
    requested_by: str
    started_at: Moment
    approved_at: Moment | None
    issued_at: Moment | None
    posted_at: Moment | None
    ended_at: Moment | None
    updated_at: Moment
    waiting_s: Annotated[float, Meta(description="seconds spent waiting for people so far")]
    trace_id: str | None
    draft: Draft | None = None
    steps: tuple[StepRecord, ...] = ()


class HoldRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keep items off this invoice and later ones until they are let go."""

    item_ids: Annotated[tuple[ItemId, ...], Meta(min_length=1, max_length=200)]
    reason: Reason


class WriteDownRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bill less of an item than it is worth: a price concession of *amount*, net, for good."""

    item_id: ItemId
    amount: Annotated[Money, Meta(description="what is not billed, in the contract's currency")]
    reason: Reason

    def __post_init__(self) -> None:
        if self.amount.value <= Decimal(0):
            raise ValueError("a write-down is more than nothing")


class NarrativeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say on the invoice what was done in other words."""

    item_id: ItemId
    narrative: LineText
    reason: Reason


class CreditedLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken back of a line, net."""

    line_key: Code
    amount: Money


class NewCredit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Correct an issued invoice: in whole, or the lines that are named. `rebill`: bill what was credited anew."""

    reason: Reason
    lines: Annotated[tuple[CreditedLine, ...], Meta(max_length=200)] = ()
    rebill: bool = False


class AgedValue(msgspec.Struct, frozen=True, kw_only=True):
    """Unbilled value by how long ago the work was approved: up to 7, 30, 60 days, and older."""

    age: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["7", "30", "60", "older"]})]
    amount: Money


class UnbilledContract(msgspec.Struct, frozen=True, kw_only=True):
    """The approved value of a contract that no invoice holds yet, as of the last look at its items.

    `due` may be billed now, `not_due` waits for its billing date, `held` for a person, `above_cap` for a change order.
    """

    contract_id: ContractId
    contract_number: str
    customer_name: str
    legal_entity_code: LegalEntityCode
    due: Money
    not_due: Money
    held: Money
    above_cap: Money
    ages: tuple[AgedValue, ...]


class ApprovedValue(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of approved value (B31): `approved` = the sum of all that follows; `difference` is nothing."""

    contract_id: ContractId
    contract_number: str
    currency: Currency
    approved: AmountText
    invoiced: AmountText
    credited: AmountText
    unbilled_due: AmountText
    unbilled_not_due: AmountText
    held: AmountText
    covered: AmountText
    part_of_fixed_fee: AmountText
    above_cap: AmountText
    written_down: AmountText
    rounding: AmountText
    difference: AmountText


class ReleaseCount(msgspec.Struct, frozen=True, kw_only=True):
    """Invoices by their three states, and their net value by currency."""

    state: ReleaseState
    document_state: DocumentState
    posting_state: PostingState
    payment_state: PaymentState
    count: int
    net: tuple[Money, ...]


class WaitingApproval(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for whom, and since when."""

    release_id: ReleaseId
    approval_id: str
    required_role: str
    value: Money
    requested_at: Moment
    due_at: Moment
    reminded_at: Moment | None


class ReleaseStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What the invoicing screen shows at once."""

    releases: tuple[ReleaseCount, ...]
    unbilled: tuple[UnbilledContract, ...]
    waiting: tuple[WaitingApproval, ...]
    posting_failures: tuple[Release, ...]
    as_of: Moment


class VoidedNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number that an invoice was given and that was taken back before it was posted: a gap, explained."""

    legal_entity_code: LegalEntityCode
    number: str
    release_id: ReleaseId
    reason: str
    by_actor: str
    voided_at: Moment


class LineageEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger that an invoice made."""

    entry_number: str
    posting_date: date
    account_number: str
    account_role: AccountRole | None
    amount: Money


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """From the time entry and its approver to the line in the ledger: every id, amount, rate, date, and the trace."""

    release: Release
    entries: tuple[LineageEntry, ...]
    rate: Annotated[str | None, Meta(description="of the contract's currency in the entity's, at posting")]
    rate_date: date | None
    credits: tuple[ReleaseId, ...]
    as_of: Moment
