"""What an onboarding will write, worked out before the first write: pure, so that shadow mode shows exactly this."""

import hashlib

import msgspec

from canonical.billing import NewBillingAccount, ScheduleItem
from canonical.delivery import NewMilestone, NewProject, NewResourceRequest, NewTask
from canonical.ledger import NewCustomerAccount
from canonical.money import Money
from canonical.sales import Contract, ContractLine
from process_apis.project_onboarding.facts import Deal

# What the shortest field for it takes: No. of a Business Central project, Code[20].
_NUMBER_LENGTH = 20


class ShellPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The ERP shell before project and customer account have ids."""

    cost_centre_code: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that will be written, in the order in which it will be."""

    customer_account: NewCustomerAccount
    project: NewProject
    tasks: tuple[NewTask, ...]
    milestones: tuple[NewMilestone, ...]
    requests: tuple[NewResourceRequest, ...]
    billing_account: NewBillingAccount
    method: str
    items: tuple[ScheduleItem, ...]
    total: Money
    shell: ShellPlan


def project_number(contract: Contract) -> str:
    """The number that PSA and ERP agree on: the same contract always has the same, and no other contract has it."""
    number = f"P-{contract.legal_entity_code}-{contract.number}"
    if len(number) <= _NUMBER_LENGTH:
        return number
    digest = hashlib.sha256(number.encode()).hexdigest()[:8].upper()
    return f"{number[: _NUMBER_LENGTH - 9]}-{digest}"


def plan(deal: Deal, contract: Contract) -> Plan:
    """The plan for a contract that passed validation."""
    return Plan(
        customer_account=_customer_account(deal, contract),
        project=_project(deal, contract),
        tasks=_tasks(contract),
        milestones=tuple(
            NewMilestone(title=milestone.title, due_date=milestone.due_date, amount=milestone.amount)
            for milestone in contract.milestones
        ),
        requests=tuple(
            NewResourceRequest(
                role=role.role,
                skills=role.skills,
                hours=role.hours,
                start_date=role.start_date,
                end_date=role.end_date,
                bill_rate=role.bill_rate,
            )
            for role in contract.roles
        ),
        billing_account=_billing_account(deal, contract),
        method=contract.lines[0].method,
        items=schedule_items(contract),
        total=contract.total_value,
        shell=ShellPlan(cost_centre_code=contract.cost_centre_code),
    )


def schedule_items(contract: Contract) -> tuple[ScheduleItem, ...]:
    """One item per milestone, period agreement or priced role, as each line's method bills.

    Milestones and roles are the contract's: those that several lines share are billed once, as the first line says.
    """
    items: dict[str, ScheduleItem] = {}
    for line in contract.lines:
        for item in _items_of(line, contract):
            items.setdefault(item.key, item)
    return tuple(items.values())


def _items_of(line: ContractLine, contract: Contract) -> tuple[ScheduleItem, ...]:
    match line.method:
        case "milestone" | "fixed_fee":
            return tuple(
                ScheduleItem(
                    key=milestone.key,
                    title=milestone.title,
                    due_rule="on_date" if line.method == "fixed_fee" else f"on_{milestone.bill_on}",
                    amount=milestone.amount,
                    due_date=milestone.due_date,
                )
                for milestone in contract.milestones
            )
        case "prepaid_retainer" | "fixed_availability" if contract.retainer is not None:
            return (
                ScheduleItem(
                    key=line.key,
                    title=line.description,
                    due_rule="each_period",
                    amount=contract.retainer.amount,
                    period=contract.retainer.period,
                ),
            )
        case _:
            return tuple(
                ScheduleItem(key=role.key, title=role.role, due_rule="as_worked", rate=role.bill_rate)
                for role in contract.roles
            )


def _tasks(contract: Contract) -> tuple[NewTask, ...]:
    """A billable task per planned role, and one for the coordination that nobody pays for."""
    dates = {"start_date": contract.start_date, "end_date": contract.end_date}
    roles = dict.fromkeys(role.role for role in contract.roles)
    titles = [*roles] or ["Delivery"]
    billable = [NewTask(title=title, billable=True, **dates) for title in titles]
    return (*billable, NewTask(title="Coordination", billable=False, **dates))


def _project(deal: Deal, contract: Contract) -> NewProject:
    return NewProject(
        number=project_number(contract),
        name=deal.opportunity.name,
        opportunity_id=deal.opportunity.id,
        contract_id=contract.id,
        contract_number=contract.number,
        customer_id=deal.customer.id,
        customer_name=deal.customer.name,
        legal_entity_code=contract.legal_entity_code,
        currency=contract.currency,
        start_date=contract.start_date,
        end_date=contract.end_date,
        budget=contract.total_value,
    )


def _customer_account(deal: Deal, contract: Contract) -> NewCustomerAccount:
    country = deal.customer.address.country
    tax_ids = [registration.id for registration in deal.customer.tax_registrations if registration.country == country]
    return NewCustomerAccount(
        customer_id=deal.customer.id,
        customer_number=deal.customer.number or "",
        legal_entity_code=contract.legal_entity_code,
        currency=contract.currency,
        name=deal.customer.name,
        email=deal.customer.billing_email,
        country=country,
        tax_registration_id=tax_ids[0] if tax_ids else None,
        payment_terms_code=contract.payment_terms,
    )


def _billing_account(deal: Deal, contract: Contract) -> NewBillingAccount:
    return NewBillingAccount(
        customer_id=deal.customer.id,
        legal_entity_code=contract.legal_entity_code,
        currency=contract.currency,
        name=deal.customer.name,
        email=deal.customer.billing_email or "",
        country=deal.customer.address.country,
    )
