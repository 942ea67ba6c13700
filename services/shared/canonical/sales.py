"""Customers, opportunities and contracts. Master: CRM."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.ids import ContractId, CustomerId, OpportunityId
from canonical.moments import Moment
from canonical.money import Currency, Money, PercentText, Rate
from canonical.references import Country, ExternalId, LegalEntityCode

OpportunityStatus = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["open", "won", "lost"]})]
OpportunityKind = Annotated[
    str,
    Meta(extra_json_schema={"x-extensible-enum": ["new", "extension", "change_order", "renewal", "no_services"]}),
]
ContractStatus = Annotated[
    str, Meta(extra_json_schema={"x-extensible-enum": ["draft", "in_approval", "signed", "ended"]})
]
BillingMethod = Annotated[
    str,
    Meta(
        extra_json_schema={
            "x-extensible-enum": [
                "time_and_materials",
                "capped_time_and_materials",
                "fixed_fee",
                "milestone",
                "prepaid_retainer",
                "fixed_availability",
            ]
        }
    ),
]
TaxTreatment = Annotated[
    str,
    Meta(extra_json_schema={"x-extensible-enum": ["standard", "reduced", "reverse_charge", "exempt", "out_of_scope"]}),
]


class TaxRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A tax id as the customer gave it; whether it is valid is asked when it matters."""

    country: Country
    id: str


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address; `country` decides the place of supply."""

    country: Country
    street: str = ""
    city: str = ""
    postal_code: str = ""


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as sales knows it. Its accounts in billing and ERP are separate records."""

    id: CustomerId
    external_ids: tuple[ExternalId, ...] = ()
    name: str
    number: str | None
    address: Address
    billing_email: str | None
    tax_registrations: tuple[TaxRegistration, ...] = ()
    updated_at: Moment


class Opportunity(msgspec.Struct, frozen=True, kw_only=True):
    """A sale being pursued. `won_at` is the moment the CRM recorded the win, not the editable close date."""

    id: OpportunityId
    external_ids: tuple[ExternalId, ...] = ()
    name: str
    customer_id: CustomerId
    contract_id: ContractId | None
    status: OpportunityStatus
    kind: OpportunityKind
    value: Money
    close_date: date
    won_at: Moment | None
    legal_entity_code: LegalEntityCode | None
    owner_email: str | None
    updated_at: Moment


class ContractLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is sold and how it is billed. The sum of the lines is the contract's total."""

    key: str
    description: str
    method: BillingMethod
    amount: Money


class ContractMilestone(msgspec.Struct, frozen=True, kw_only=True):
    """A partial payment by result; billed on acceptance unless `bill_on` says completion."""

    key: str
    title: str
    amount: Money
    due_date: date
    bill_on: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["acceptance", "completion"]})] = "acceptance"


class PlannedRole(msgspec.Struct, frozen=True, kw_only=True):
    """Who is needed, for how many hours, in which days, at which agreed rate."""

    key: str
    role: str
    skills: tuple[str, ...]
    hours: int
    start_date: date
    end_date: date
    bill_rate: Rate | None


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """A limit on what may be billed. A hard cap is not exceeded without a change order."""

    amount: Money
    scope: Annotated[
        str, Meta(extra_json_schema={"x-extensible-enum": ["contract", "project", "purchase_order", "period"]})
    ] = "contract"
    hard: bool = True


class PurchaseOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The customer's order. `required` without a `number` holds billing, not the set-up."""

    required: bool
    number: str | None = None
    amount: Money | None = None


class Retainer(msgspec.Struct, frozen=True, kw_only=True):
    """A recurring agreement: prepaid hours drawn down, or availability at a fixed fee per period."""

    kind: Annotated[
        str,
        Meta(
            extra_json_schema={"x-extensible-enum": ["prepaid_draw_down", "fixed_availability", "minimum_commitment"]}
        ),
    ]
    period: Annotated[str, Meta(description="ISO 8601 duration", examples=["P1M"])]
    amount: Money
    included_hours: int | None = None


class ExpensePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How billable expenses reach the client: at cost with a mark-up on the net amount."""

    markup_percent: PercentText


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed. `tax_treatment` is the contract's proposal; the ERP confirms it."""

    id: ContractId
    external_ids: tuple[ExternalId, ...] = ()
    number: str
    customer_id: CustomerId
    amends_contract_id: ContractId | None
    status: ContractStatus
    signed_date: date | None
    legal_entity_code: LegalEntityCode
    cost_centre_code: str
    currency: Currency
    start_date: date
    end_date: date
    total_value: Money
    lines: tuple[ContractLine, ...]
    milestones: tuple[ContractMilestone, ...] = ()
    roles: tuple[PlannedRole, ...] = ()
    cap: Cap | None = None
    purchase_order: PurchaseOrder | None = None
    retainer: Retainer | None = None
    expense_policy: ExpensePolicy | None = None
    tax_treatment: TaxTreatment
    payment_terms: str
    planned_margin_percent: int | None = None
    non_standard_terms: bool = False
    updated_at: Moment
