"""Salesforce's records as canonical ones. Pure; which columns are asked for stands beside what is made of them.

Salesforce's end dates are last days, ours the day after; its numbers are decimals of the record's currency.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from canonical.money import Money, Rate
from canonical.sales import (
    Address,
    Cap,
    Contract,
    ContractLine,
    ContractMilestone,
    Customer,
    ExpensePolicy,
    Opportunity,
    PlannedRole,
    PurchaseOrder,
    Retainer,
    TaxRegistration,
)
from system_apis.crm.salesforce.rows import Columns, Record, Row
from system_apis.crm.salesforce.settings import Settings

T = TypeVar("T")
_CURRENCY = "CurrencyIsoCode"
UNCLASSIFIED = "unclassified"
_STATUSES = {"Draft": "draft", "InApproval": "in_approval", "Activated": "signed"}
_PERIODS = {"month": "P1M", "quarter": "P3M", "year": "P1Y"}
_CENT, _FINEST_RATE = Decimal("0.01"), Decimal("0.00001")


def opportunity_columns(settings: Settings) -> Columns:
    return {
        "currency": _CURRENCY,
        "id": "Id",
        "name": "Name",
        "customer_id": "AccountId",
        "contract_id": "ContractId",
        "is_won": "IsWon",
        "is_closed": "IsClosed",
        "kind": settings.opportunity.kind,
        "amount": "Amount",
        "close_date": "CloseDate",
        "stage": "StageName",
        "stage_changed_at": "LastStageChangeDate",
        "legal_entity_code": settings.opportunity.legal_entity,
        "owner_email": "Owner.Email",
        "created_at": "CreatedDate",
        "updated_at": "SystemModstamp",
    }


def to_opportunity(record: Record, settings: Settings, won_at: datetime | None) -> Opportunity:
    """An empty amount is zero; a deal without a kind is `unclassified`, which is for a person to mend."""
    row = Row(_priced(record, settings), opportunity_columns(settings), settings.words)
    row.require("opportunity", "name", "customer_id", "currency", "close_date", "updated_at")
    won = row.flag("is_won")
    return Opportunity(
        id=row.text("id"),
        name=row.text("name"),
        customer_id=row.text("customer_id"),
        contract_id=row.some_text("contract_id"),
        status="won" if won else "lost" if row.flag("is_closed") else "open",
        kind=row.word("kind") or UNCLASSIFIED,
        value=Money.of(row.number("amount") or 0, row.text("currency")),
        close_date=_known(row.day("close_date")),
        won_at=won_at if won else None,
        legal_entity_code=row.some_text("legal_entity_code"),
        owner_email=row.some_text("owner_email"),
        updated_at=_known(row.moment("updated_at")),
    )


HISTORY_COLUMNS: Columns = {"stage": "StageName", "at": "CreatedDate"}


def won_since(record: Record, history: Iterable[Record], won_stages: frozenset[str]) -> datetime | None:
    """When a won deal became so: the first of the won stages that it has been in without a break.

    The stage history (oldest first) tells it; `LastStageChangeDate` alone would move with every step from one won
    stage to the next. A history that does not reach back to an open stage says too little: then the last change of the
    stage, or the creation of a deal that was born won, counts where it is earlier.
    """
    row = Row(record, {"stage_changed_at": "LastStageChangeDate", "created_at": "CreatedDate"}, {})
    began: datetime | None = None
    reaches_back = False
    for step in (Row(entry, HISTORY_COLUMNS, {}) for entry in history):
        if step.text("stage") not in won_stages:
            began, reaches_back = None, True
        elif began is None:
            began = step.moment("at")
    if began is not None and reaches_back:
        return began
    told = row.moment("stage_changed_at") or row.moment("created_at")
    return min((moment for moment in (began, told) if moment is not None), default=None)


def customer_columns(settings: Settings) -> Columns:
    return {
        "id": "Id",
        "name": "Name",
        "number": "AccountNumber",
        "street": "BillingStreet",
        "city": "BillingCity",
        "postal_code": "BillingPostalCode",
        "country": settings.account.country,
        "billing_email": settings.account.billing_email,
        "tax_id": settings.account.tax_id,
        "tax_country": settings.account.tax_country,
        "updated_at": "SystemModstamp",
    }


def to_customer(record: Record, settings: Settings) -> Customer:
    row = Row(record, customer_columns(settings), settings.words)
    row.require("customer", "name", "country", "updated_at")
    country = row.text("country")
    tax_id = row.some_text("tax_id")
    registrations = () if tax_id is None else (TaxRegistration(country=row.text("tax_country") or country, id=tax_id),)
    return Customer(
        id=row.text("id"),
        name=row.text("name"),
        number=row.some_text("number"),
        address=Address(
            country=country, street=row.text("street"), city=row.text("city"), postal_code=row.text("postal_code")
        ),
        billing_email=row.some_text("billing_email"),
        tax_registrations=registrations,
        updated_at=_known(row.moment("updated_at")),
    )


def contract_columns(settings: Settings) -> Columns:
    own = settings.contract
    return {
        "currency": _CURRENCY,
        "id": "Id",
        "number": "ContractNumber",
        "customer_id": "AccountId",
        "amends_contract_id": own.amends_contract,
        "status_code": "StatusCode",
        "signed_date": "CustomerSignedDate",
        "legal_entity_code": own.legal_entity,
        "cost_centre_code": own.cost_centre,
        "start_date": "StartDate",
        "end_date": "EndDate",
        "total_value": own.total_value,
        "method": own.billing_method,
        "tax_treatment": own.tax_treatment,
        "payment_terms": own.payment_terms,
        "po_number": own.po_number,
        "po_required": own.po_required,
        "cap": own.cap_amount,
        "retainer_kind": own.retainer_kind,
        "retainer_period": own.retainer_period,
        "retainer_amount": own.retainer_amount,
        "retainer_hours": own.retainer_hours,
        "expense_markup": own.expense_markup,
        "planned_margin_percent": own.planned_margin,
        "non_standard_terms": own.non_standard_terms,
        "updated_at": "SystemModstamp",
    }


REQUIRED_OF_CONTRACT = (
    "number",
    "customer_id",
    "legal_entity_code",
    "cost_centre_code",
    "currency",
    "start_date",
    "end_date",
    "total_value",
    "method",
    "tax_treatment",
    "payment_terms",
    "updated_at",
)


def line_columns(settings: Settings) -> Columns:
    return {
        "key": "Id",
        "name": "Name",
        "description": "Description",
        "method": settings.contract.line_billing_method,
        "amount": "TotalPrice",
    }


def milestone_columns(settings: Settings) -> Columns:
    own = settings.milestone
    return {
        "key": own.key,
        "title": own.title,
        "amount": own.amount,
        "due_date": own.due_date,
        "bill_on": own.bill_on,
    }


def role_columns(settings: Settings) -> Columns:
    own = settings.role
    return {
        "key": own.key,
        "role": own.role,
        "skills": own.skills,
        "hours": own.hours,
        "start_date": own.start_date,
        "end_date": own.end_date,
        "bill_rate": own.bill_rate,
    }


def to_contract(
    record: Record, lines: Iterable[Record], milestones: Iterable[Record], roles: Iterable[Record], settings: Settings
) -> Contract:
    """A contract whose deal has no lines is one line over its total value, billed by the contract's method."""
    row = Row(_priced(record, settings), contract_columns(settings), settings.words)
    row.require("contract", *REQUIRED_OF_CONTRACT)
    currency = row.text("currency")
    return Contract(
        id=row.text("id"),
        number=row.text("number"),
        customer_id=row.text("customer_id"),
        amends_contract_id=row.some_text("amends_contract_id"),
        status=_contract_status(row),
        signed_date=row.day("signed_date"),
        legal_entity_code=row.text("legal_entity_code"),
        cost_centre_code=row.text("cost_centre_code"),
        currency=currency,
        start_date=_known(row.day("start_date")),
        end_date=_day_after(row),
        total_value=Money.of(_known(row.number("total_value")), currency),
        lines=_lines(lines, row, settings, currency),
        milestones=tuple(_milestone(milestone, settings, currency) for milestone in milestones),
        roles=tuple(_role(role, settings, currency) for role in roles),
        cap=_cap(row, currency),
        purchase_order=_purchase_order(row),
        retainer=_retainer(row, currency),
        expense_policy=_expense_policy(row),
        tax_treatment=row.word("tax_treatment") or "",
        payment_terms=row.text("payment_terms"),
        planned_margin_percent=row.whole("planned_margin_percent"),
        non_standard_terms=row.flag("non_standard_terms"),
        updated_at=_known(row.moment("updated_at")),
    )


def _contract_status(row: Row) -> str:
    """Activated without the customer's signature is agreed on our side only: still in approval."""
    code = row.text("status_code")
    if code == "Activated" and row.day("signed_date") is None:
        return "in_approval"
    return _STATUSES.get(code, "ended")


def _lines(lines: Iterable[Record], contract: Row, settings: Settings, currency: str) -> tuple[ContractLine, ...]:
    method = contract.word("method") or ""
    found = []
    for line in lines:
        row = Row(line, line_columns(settings), settings.words)
        description = row.text("description") or row.text("name")
        amount = Money.of(row.number("amount") or 0, currency)
        own_method = row.word("method") or method
        found.append(ContractLine(key=row.text("key"), description=description, method=own_method, amount=amount))
    if found:
        return tuple(found)
    whole = Money.of(_known(contract.number("total_value")), currency)
    return (ContractLine(key="1", description=contract.text("number"), method=method, amount=whole),)


def _milestone(record: Record, settings: Settings, currency: str) -> ContractMilestone:
    row = Row(record, milestone_columns(settings), settings.words)
    row.require("contract's milestone", "key", "title", "amount", "due_date")
    return ContractMilestone(
        key=row.text("key"),
        title=row.text("title"),
        amount=Money.of(_known(row.number("amount")), currency),
        due_date=_known(row.day("due_date")),
        bill_on=row.word("bill_on") or "acceptance",
    )


def _role(record: Record, settings: Settings, currency: str) -> PlannedRole:
    row = Row(record, role_columns(settings), settings.words)
    row.require("contract's planned role", "key", "role", "hours", "start_date", "end_date")
    rate = row.number("bill_rate")
    return PlannedRole(
        key=row.text("key"),
        role=row.text("role"),
        skills=row.words("skills"),
        hours=_known(row.whole("hours")),
        start_date=_known(row.day("start_date")),
        end_date=_day_after(row),
        bill_rate=None if rate is None else Rate(amount=_rate_text(rate), currency=currency),
    )


def _cap(row: Row, currency: str) -> Cap | None:
    amount = row.number("cap")
    return None if amount is None else Cap(amount=Money.of(amount, currency))


def _purchase_order(row: Row) -> PurchaseOrder | None:
    number, required = row.some_text("po_number"), row.flag("po_required")
    return PurchaseOrder(required=required, number=number) if number is not None or required else None


def _expense_policy(row: Row) -> ExpensePolicy | None:
    """Nothing was agreed where the mark-up is empty; zero is at cost."""
    percent = row.number("expense_markup")
    return None if percent is None else ExpensePolicy(markup_percent=f"{percent.normalize():f}")


def _retainer(row: Row, currency: str) -> Retainer | None:
    kind = row.word("retainer_kind")
    if kind is None:
        return None
    row.require("contract", "retainer_period", "retainer_amount")
    period = row.word("retainer_period") or ""
    amount = Money.of(_known(row.number("retainer_amount")), currency)
    hours = row.whole("retainer_hours")
    return Retainer(kind=kind, period=_PERIODS.get(period, period.upper()), amount=amount, included_hours=hours)


def asked(columns: Columns, settings: Settings) -> list[str]:
    """The columns to ask for: `CurrencyIsoCode` exists only where several currencies are switched on."""
    return list(dict.fromkeys(path for path in columns.values() if path != _CURRENCY or not settings.currency))


def _priced(record: Record, settings: Settings) -> Record:
    return {**record, _CURRENCY: settings.currency} if settings.currency else record


def _day_after(row: Row) -> date:
    return _known(row.day("end_date")) + timedelta(days=1)


def _rate_text(rate: Decimal) -> str:
    """At least cents, at most five decimals."""
    fine = rate.quantize(_FINEST_RATE)
    return f"{fine.quantize(_CENT) if fine == fine.quantize(_CENT) else fine.normalize():f}"


def _known(value: T | None) -> T:
    """A value that `require` has seen."""
    assert value is not None
    return value
