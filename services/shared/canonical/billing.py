"""Billing accounts and schedules. Master: billing."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.ids import BillingAccountId, BillingScheduleId, ContractId, CustomerId, ProjectId
from canonical.moments import Moment
from canonical.money import Currency, Money, Rate
from canonical.references import Code, Country, ExternalId, LegalEntityCode, ShortText
from canonical.sales import BillingMethod

DueRule = Annotated[
    str,
    Meta(
        extra_json_schema={
            "x-extensible-enum": ["on_acceptance", "on_completion", "on_date", "each_period", "as_worked"]
        }
    ),
]


class NewBillingAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The customer's account with one legal entity in one currency: found if it exists, created otherwise."""

    customer_id: CustomerId
    legal_entity_code: LegalEntityCode
    currency: Currency
    name: ShortText
    email: ShortText
    country: Country


class BillingAccount(msgspec.Struct, frozen=True, kw_only=True):
    id: BillingAccountId
    external_ids: tuple[ExternalId, ...] = ()
    customer_id: str | None
    legal_entity_code: LegalEntityCode
    currency: Currency
    name: str
    email: str | None


class ScheduleItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that will be billed: an amount by result or period, or work at a rate."""

    key: Code
    title: ShortText
    due_rule: DueRule
    amount: Money | None = None
    rate: Rate | None = None
    due_date: date | None = None
    period: (
        Annotated[str, Meta(pattern=r"^P[0-9]{1,2}M$(?!\n)", description="ISO 8601 duration, for each_period")] | None
    ) = None


class NewBillingSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schedule to be created as a draft: nothing is billed from it until it is activated."""

    project_id: ProjectId
    project_number: Code
    contract_id: ContractId
    billing_account_id: BillingAccountId
    legal_entity_code: LegalEntityCode
    currency: Currency
    method: BillingMethod
    total: Money
    items: Annotated[tuple[ScheduleItem, ...], Meta(min_length=1, max_length=100)]


class BillingSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """What a project is billed by. The sum of the items with amounts equals the contract for fixed work."""

    id: BillingScheduleId
    external_ids: tuple[ExternalId, ...] = ()
    project_id: str | None
    contract_id: str | None
    billing_account_id: BillingAccountId | None
    legal_entity_code: LegalEntityCode
    currency: Currency
    method: BillingMethod
    total: Money
    status: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["draft", "active", "cancelled"]})]
    items: tuple[ScheduleItem, ...]
    updated_at: Moment


class ScheduleAmendment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An extension or change order: items that are added to an active schedule, and the new total."""

    contract_id: ContractId
    total: Money
    items: Annotated[tuple[ScheduleItem, ...], Meta(min_length=1, max_length=100)]
