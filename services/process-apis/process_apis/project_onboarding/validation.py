"""Validation without effects: the contract check list, against the contract itself and against the ledger.

Every check runs, so that people see all that is missing at once. A closed accounting period is no reason to refuse:
it is a condition of posting, not of onboarding.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from stdnum import get_cc_module
from stdnum.exceptions import ValidationError

from canonical.effective import DateRange
from canonical.money import total
from canonical.sales import Contract
from process_apis.project_onboarding.facts import Deal, Ledger
from servicekit.failures import Failure, FieldError, Kind

_BY_RESULT = frozenset({"milestone", "fixed_fee"})
_BY_THE_HOUR = frozenset({"time_and_materials", "capped_time_and_materials"})
_BY_PERIOD = frozenset({"prepaid_retainer", "fixed_availability"})
# Member states of the European Union, for whose businesses reverse charge needs a valid VAT id.
_EU = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip

Check = Callable[[Deal, Contract, Ledger], Iterator[FieldError]]


def validate(deal: Deal, ledger: Ledger) -> Contract:
    """The contract, when nothing speaks against it. Raises INVALID with every finding; the first one gives the code."""
    if deal.contract is None:
        raise Failure(Kind.INVALID, "the opportunity is won but has no contract", code="contract_missing")
    found = [error for check in CHECKS for error in check(deal, deal.contract, ledger)]
    if found:
        detail = "; ".join(error.message for error in found)
        raise Failure(Kind.INVALID, detail, found[0].code, tuple(found))
    return deal.contract


def _customer(deal: Deal, _: Contract, ledger: Ledger) -> Iterator[FieldError]:
    if deal.customer.number is None or deal.customer.billing_email is None:
        yield _finding("customer_missing_details", "customer", "the customer has no number or no billing e-mail")
    if ledger.account is not None and ledger.account.blocked:
        yield _finding("customer_blocked", "customer", f"account {ledger.account.number} is blocked in the ERP")


def _signature(_: Deal, contract: Contract, __: Ledger) -> Iterator[FieldError]:
    if contract.signed_date is None or contract.status != "signed":
        yield _finding("contract_unsigned", "contract.status", f"contract {contract.number} is not signed")


def _currency(_: Deal, contract: Contract, __: Ledger) -> Iterator[FieldError]:
    others = _currencies(contract) - {contract.currency}
    if others:
        message = f"the contract is in {contract.currency}, and has amounts in {', '.join(sorted(others))}"
        yield _finding("contract_inconsistent", "contract.currency", message)


def _agreement(deal: Deal, contract: Contract, _: Ledger) -> Iterator[FieldError]:
    value = deal.opportunity.value
    if value.currency != contract.currency or value.value != contract.total_value.value:
        said = f"the deal says {value.amount} {value.currency}"
        message = f"{said}, the contract {contract.total_value.amount} {contract.currency}"
        yield _finding("contract_inconsistent", "contract.total_value", message)
    if contract.end_date <= contract.start_date:
        yield _finding("contract_inconsistent", "contract.end_date", "the contract ends before it starts")
    if _currencies(contract) == {contract.currency}:  # what is in several adds up to nothing: _currency's finding
        lines = total([line.amount for line in contract.lines], contract.currency)
        if lines.value != contract.total_value.value:
            message = f"the lines add up to {lines.amount}, the contract says {contract.total_value.amount}"
            yield _finding("contract_inconsistent", "contract.lines", message)
    outside = [role.key for role in contract.roles if not _within(contract, role.start_date, role.end_date)]
    if outside:
        yield _finding(
            "contract_inconsistent", "contract.roles", f"roles {', '.join(outside)} lie outside the contract"
        )


def _method(_: Deal, contract: Contract, __: Ledger) -> Iterator[FieldError]:
    methods = {line.method for line in contract.lines}
    one_currency = _currencies(contract) == {contract.currency}
    if methods & _BY_RESULT and one_currency:
        scheduled = total([milestone.amount for milestone in contract.milestones], contract.currency)
        owed = total([line.amount for line in contract.lines if line.method in _BY_RESULT], contract.currency)
        if scheduled.value != owed.value:
            message = f"the milestones add up to {scheduled.amount}, the contract says {owed.amount}"
            yield _finding("schedule_not_equal_to_contract", "contract.milestones", message)
    if methods & _BY_THE_HOUR:
        unpriced = [role.key for role in contract.roles if role.bill_rate is None]
        if unpriced:
            yield _finding("rate_missing", "contract.roles", f"no rate for {', '.join(unpriced)}")
    if methods & _BY_PERIOD and contract.retainer is None:
        yield _finding("contract_inconsistent", "contract.retainer", "a retainer needs its period and amount")
    periodic = [line.key for line in contract.lines if line.method in _BY_PERIOD]
    if len(periodic) > 1:
        message = f"lines {', '.join(periodic)} would each bill the contract's one retainer"
        yield _finding("contract_inconsistent", "contract.retainer", message)
    if contract.cap is not None and one_currency and contract.cap.amount.value < _planned(contract):
        message = f"the planned work is worth {_planned(contract)}, the cap is {contract.cap.amount.amount}"
        yield _finding("contract_inconsistent", "contract.cap", message)


def _entity(_: Deal, contract: Contract, ledger: Ledger) -> Iterator[FieldError]:
    entity = ledger.entity
    if entity is None:
        message = f"the ERP has no legal entity {contract.legal_entity_code}"
        yield _finding("unknown_legal_entity", "contract.legal_entity_code", message)
    elif contract.currency not in {entity.base_currency, *entity.currencies}:
        message = f"{entity.code} does not contract in {contract.currency}"
        yield _finding("currency_not_allowed", "contract.currency", message)


def _cost_centre(_: Deal, contract: Contract, ledger: Ledger) -> Iterator[FieldError]:
    if ledger.entity and contract.cost_centre_code not in {value.code for value in ledger.cost_centres}:
        message = f"{contract.legal_entity_code} has no cost centre {contract.cost_centre_code}"
        yield _finding("unknown_cost_centre", "contract.cost_centre_code", message)


def _tax(deal: Deal, contract: Contract, ledger: Ledger) -> Iterator[FieldError]:
    """A treatment is resolved when the entity has a code for it, and its own conditions are met."""
    if ledger.entity is None:
        return
    where = "contract.tax_treatment"
    if contract.tax_treatment not in {code.kind for code in ledger.tax_codes}:
        message = f"{contract.legal_entity_code} has no tax code for {contract.tax_treatment}"
        yield _finding("tax_treatment_unresolved", where, message)
    elif contract.tax_treatment == "reverse_charge" and not _has_valid_tax_id(deal, ledger.entity.country):
        message = "reverse charge needs a valid tax id of the customer's country, and there is none"
        yield _finding("tax_treatment_unresolved", where, message)


def _calendar(_: Deal, contract: Contract, ledger: Ledger) -> Iterator[FieldError]:
    if ledger.entity is None or contract.end_date < contract.start_date:  # the latter is _agreement's finding
        return
    first = min((period.effective.from_date for period in ledger.periods), default=None)
    ends = [period.effective.to_date for period in ledger.periods]
    last = None if not ends or None in ends else max(end for end in ends if end is not None)
    project = DateRange(from_date=contract.start_date, to_date=contract.end_date)
    if first is None or not DateRange(from_date=first, to_date=last).covers(project):
        message = f"{contract.legal_entity_code}'s calendar runs from {first} to {last or 'further notice'}"
        yield _finding("calendar_not_covered", "contract.end_date", message)


def _terms(_: Deal, contract: Contract, ledger: Ledger) -> Iterator[FieldError]:
    if ledger.entity and contract.payment_terms not in {terms.code for terms in ledger.payment_terms}:
        message = f"{contract.legal_entity_code} has no payment terms {contract.payment_terms}"
        yield _finding("unknown_payment_terms", "contract.payment_terms", message)


# In the order in which the findings are told; the first one decides who owns the exception.
CHECKS: tuple[Check, ...] = (
    _customer,
    _signature,
    _entity,
    _cost_centre,
    _tax,
    _currency,
    _agreement,
    _method,
    _calendar,
    _terms,
)


def _finding(code: str, field: str, message: str) -> FieldError:
    return FieldError(pointer="/" + field.replace(".", "/"), code=code, message=message)


def _within(contract: Contract, start: date, end: date) -> bool:
    return contract.start_date <= start <= end <= contract.end_date


def _currencies(contract: Contract) -> set[str]:
    """Of every amount and rate that the contract states."""
    parts = [contract.total_value, *(line.amount for line in contract.lines)]
    parts += [milestone.amount for milestone in contract.milestones]
    parts += [] if contract.cap is None else [contract.cap.amount]
    parts += [] if contract.retainer is None else [contract.retainer.amount]
    return {part.currency for part in parts} | {role.bill_rate.currency for role in contract.roles if role.bill_rate}


def _planned(contract: Contract) -> Decimal:
    priced = (role.bill_rate.value * role.hours for role in contract.roles if role.bill_rate is not None)
    return sum(priced, Decimal(0))


def _has_valid_tax_id(deal: Deal, seller_country: str) -> bool:
    """A registration in the customer's own country, another than the seller's, that passes its check digits."""
    country = deal.customer.address.country
    if country == seller_country or country not in _EU | {"GB"}:
        return False
    module = get_cc_module(country.lower(), "vat")
    mine = [registration.id for registration in deal.customer.tax_registrations if registration.country == country]
    return module is not None and any(_passes(module.validate, number) for number in mine)


def _passes(check: Callable[[str], str], number: str) -> bool:
    try:
        check(number)
    except ValidationError:
        return False
    return True
