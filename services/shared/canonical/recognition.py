"""Recognised revenue, contract balances, and the page on which everything ties out. Masters: Syncline and the ERP."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.ids import ContractId, RecognitionId
from canonical.moments import Moment
from canonical.money import AmountText, Currency, Money, PercentText
from canonical.postings import AccountRole
from canonical.references import LegalEntityCode
from canonical.sales import BillingMethod
from canonical.work import Mode, StepRecord

RecognitionState = Annotated[
    str,
    Meta(
        extra_json_schema={
            "x-extensible-enum": [
                "running",
                "in_exception",
                "recognised",
                "nothing_to_post",
                "validated",
                "shadowed",
                "discarded",
            ]
        }
    ),
]
Measure = Annotated[
    str,
    Meta(
        extra_json_schema={
            "x-extensible-enum": [
                "work_done",
                "effort",
                "cost_to_cost",
                "acceptance",
                "hours_used",
                "time_passed",
                "psa_records",
                "erp_entries",
            ]
        }
    ),
]


class NewRecognition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for the revenue of a contract up to but not including `period_end`. A repeat posts nothing."""

    contract_id: ContractId
    period_end: date


class NewRecognitionRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for the revenue of every contract of a legal entity that has a project."""

    legal_entity_code: LegalEntityCode
    period_end: date


class RecognitionRun(msgspec.Struct, frozen=True, kw_only=True):
    """The recognitions that were asked for."""

    recognition_ids: tuple[RecognitionId, ...]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """How far an obligation is delivered, and from what that was reckoned: hours, cost, days or amounts by name.

    Of `psa_records` and `erp_entries` another system is the master: `control` is Syncline's own measure then, and
    `control_difference` what the other's figure is above it.
    """

    measure: Measure
    percent_complete: PercentText | None
    facts: dict[str, str]
    cumulative: Money


class Recognition(msgspec.Struct, frozen=True, kw_only=True):
    """What a contract has earned by the end of a period, minus what the ledger has already: that is posted."""

    id: RecognitionId
    run_id: str
    reference: str
    state: RecognitionState
    mode: Mode | None
    contract_id: ContractId
    contract_number: str
    legal_entity_code: LegalEntityCode
    currency: Currency
    method: BillingMethod
    measure: Measure
    period_end: date
    posting_date: date | None
    measured: Measured | None
    cumulative_required: Money | None
    cumulative_posted: Money | None
    revenue: Money | None
    document_number: str | None
    requested_by: str
    started_at: Moment
    ended_at: Moment | None
    updated_at: Moment
    trace_id: str | None
    steps: tuple[StepRecord, ...] = ()


class ContractBalance(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of a contract (B1): revenue - net invoices = asset + unbilled receivable - liability.

    In the contract's currency. `difference` is nothing.
    """

    contract_id: ContractId
    contract_number: str
    legal_entity_code: LegalEntityCode
    currency: Currency
    cumulative_revenue: AmountText
    cumulative_net_invoices: AmountText
    contract_asset: AmountText
    unbilled_receivable: AmountText
    contract_liability: AmountText
    difference: AmountText


class TieOutLine(msgspec.Struct, frozen=True, kw_only=True):
    """What Syncline's own postings say an account holds, what the ERP says, and the difference."""

    account_role: AccountRole
    syncline: Money
    ledger: Money
    difference: Money
    explained: str | None


class TieOut(msgspec.Struct, frozen=True, kw_only=True):
    """One legal entity at the end of a period, in its own currency: approved, billed, posted, recognised, collected.

    Each of the control accounts against the ERP's, as of what the ERP says. `approved` is in each contract's currency.
    """

    legal_entity_code: LegalEntityCode
    period_end: date
    base_currency: Currency
    approved: tuple[Money, ...]
    billed: Money
    posted: Money
    recognised: Money
    collected: Money
    accounts: tuple[TieOutLine, ...]
    contracts: tuple[ContractBalance, ...]
    ties_out: bool
    as_of: Moment
