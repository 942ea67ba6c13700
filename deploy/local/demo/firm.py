"""Who the demo firm is: its legal entities, people, customers and won deals, in no vendor's words.

Seeds (demo/seeds/) tell the same facts to each platform in that platform's own form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class TaxRule:
    """A tax code as finance set it up: kind is standard, reduced, reverse_charge, exempt or out_of_scope."""

    code: str
    name: str
    kind: str
    percent: Decimal


@dataclass(frozen=True, kw_only=True)
class LedgerAccount:
    """An account of the chart that all entities share; `role` is what the flows call it.

    Journals and lines of documents write to it, unless it is written only through customers, banks and tax.
    """

    number: str
    name: str
    category: str
    direct: bool = True
    role: str | None = None
    needs_cost_centre: bool = False


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What one unit of a currency is worth in euros from a day on."""

    currency: str
    from_date: date
    euros: Decimal


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A legal entity with what its ledger knows."""

    code: str
    name: str
    country: str
    currency: str
    currencies: tuple[str, ...]
    time_zone: str
    city: str
    tax_id: str
    cost_centres: tuple[tuple[str, str], ...]
    tax_rules: tuple[TaxRule, ...]
    fiscal_year_start_month: int


@dataclass(frozen=True, kw_only=True)
class Absence:
    """Time away: `affects` is capacity (a holiday) or eligibility (a leave)."""

    from_date: date
    to_date: date
    affects: str


@dataclass(frozen=True, kw_only=True)
class Colleague:
    """One of the firm's people. `in_psa` and `in_identity` say who has an account there before the day begins."""

    number: str
    first_name: str
    last_name: str
    email: str
    entity: str
    cost_centre: str
    job_profile: str
    grade: str
    kind: str
    hire_date: date
    weekly_hours: int
    skills: tuple[str, ...]
    cost_rate: Decimal
    currency: str
    manager_number: str | None
    absences: tuple[Absence, ...]
    in_psa: bool
    in_identity: bool


@dataclass(frozen=True, kw_only=True)
class Client:
    """A customer. `accounts` are the (entity, currency) pairs for which the ERP already has an account."""

    number: str
    name: str
    country: str
    street: str
    city: str
    postal_code: str
    email: str
    tax_id: str | None
    accounts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class MilestonePlan:
    key: str
    title: str
    amount: Decimal
    due_date: date


@dataclass(frozen=True, kw_only=True)
class RolePlan:
    """A role to staff; `rate` is per hour in the deal's currency."""

    key: str
    role: str
    skills: tuple[str, ...]
    hours: int
    rate: Decimal


@dataclass(frozen=True, kw_only=True)
class Deal:
    """A won opportunity with its contract. `amends` is the key of the contract that an extension belongs to."""

    key: str
    name: str
    client: str
    entity: str
    cost_centre: str
    currency: str
    amount: Decimal
    method: str
    kind: str
    start_date: date
    end_date: date
    tax_treatment: str
    roles: tuple[RolePlan, ...]
    milestones: tuple[MilestonePlan, ...] = ()
    cap: Decimal | None = None
    retainer_kind: str | None = None
    retainer_amount: Decimal | None = None
    retainer_hours: int | None = None
    purchase_order: str | None = None
    expense_markup: Decimal | None = None  # percent on the net amount; None: no expense policy was agreed
    amends: str | None = None
    payment_terms: str = "30 DAYS"
    margin_percent: int = 35


@dataclass(frozen=True, kw_only=True)
class Firm:
    """Everything the seeds tell the platforms. `deals` are won during the day; `history` was won before it began."""

    name: str
    domain: str
    today: date
    entities: tuple[Entity, ...]
    colleagues: tuple[Colleague, ...]
    clients: tuple[Client, ...]
    history: tuple[Deal, ...]
    deals: tuple[Deal, ...]

    def entity(self, code: str) -> Entity:
        return _only(self.entities, code)

    def client(self, number: str) -> Client:
        return next(client for client in self.clients if client.number == number)


def _only(entities: Sequence[Entity], code: str) -> Entity:
    return next(entity for entity in entities if entity.code == code)


def first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def months_later(day: date, months: int) -> date:
    """The first day of the month that many months later."""
    result = day.replace(day=1)
    for _ in range(months):
        result = first_of_next_month(result)
    return result


ENTITIES = (
    Entity(
        code="DE01",
        name="Northwind Advisory GmbH",
        country="DE",
        currency="EUR",
        currencies=("EUR", "CHF"),
        time_zone="Europe/Berlin",
        city="Berlin",
        tax_id="DE987000134",
        cost_centres=(
            ("CC-D10", "Consulting Germany"),
            ("CC-D20", "Engineering Germany"),
            ("CC-D90", "Administration"),
        ),
        tax_rules=(
            TaxRule(code="VAT19", name="German VAT 19 %", kind="standard", percent=Decimal(19)),
            TaxRule(code="VAT7", name="German VAT 7 %", kind="reduced", percent=Decimal(7)),
            TaxRule(code="EURC", name="EU reverse charge", kind="reverse_charge", percent=Decimal(0)),
            TaxRule(code="NOEU", name="Services outside the EU", kind="out_of_scope", percent=Decimal(0)),
        ),
        fiscal_year_start_month=1,
    ),
    Entity(
        code="US01",
        name="Northwind Advisory Inc.",
        country="US",
        currency="USD",
        currencies=("USD",),
        time_zone="America/New_York",
        city="New York",
        tax_id="91-1144442",
        cost_centres=(("CC-U10", "Consulting US"), ("CC-U20", "Engineering US"), ("CC-U90", "Administration")),
        tax_rules=(
            TaxRule(code="TAXABLE", name="Taxable services", kind="standard", percent=Decimal(0)),
            TaxRule(code="NONTAX", name="Services, not taxable", kind="exempt", percent=Decimal(0)),
        ),
        fiscal_year_start_month=1,
    ),
    Entity(
        code="GB01",
        name="Northwind Advisory Ltd",
        country="GB",
        currency="GBP",
        currencies=("GBP", "EUR"),
        time_zone="Europe/London",
        city="London",
        tax_id="GB987000220",
        cost_centres=(("CC-G10", "Consulting UK"), ("CC-G20", "Engineering UK"), ("CC-G90", "Administration")),
        tax_rules=(
            TaxRule(code="VAT20", name="UK VAT 20 %", kind="standard", percent=Decimal(20)),
            TaxRule(code="EXPORT", name="Services outside the UK", kind="out_of_scope", percent=Decimal(0)),
            TaxRule(code="RC", name="Reverse charge", kind="reverse_charge", percent=Decimal(0)),
        ),
        fiscal_year_start_month=4,
    ),
)

CHART = (
    LedgerAccount(number="1200", name="Trade receivables", category="Assets", direct=False, role="receivable"),
    LedgerAccount(number="1210", name="Trade receivables, foreign", category="Assets", direct=False, role="receivable"),
    LedgerAccount(number="1250", name="Unbilled receivables", category="Assets", role="unbilled_receivable"),
    LedgerAccount(number="1260", name="Contract assets", category="Assets", role="contract_asset"),
    LedgerAccount(number="1800", name="Bank", category="Assets", direct=False),
    LedgerAccount(number="2300", name="Tax payable", category="Liabilities", direct=False, role="tax_payable"),
    LedgerAccount(number="2700", name="Contract liabilities", category="Liabilities", role="contract_liability"),
    LedgerAccount(number="4000", name="Services revenue", category="Income", role="revenue", needs_cost_centre=True),
    LedgerAccount(number="4900", name="Exchange gains", category="Income"),
    LedgerAccount(number="6900", name="Exchange losses", category="Expense"),
)
_EUROS = {"EUR": ("1",), "GBP": ("1.1520", "1.1485", "1.1610"), "USD": ("0.9180", "0.9245", "0.9090")}
_EUROS |= {"CHF": ("1.0620", "1.0585", "1.0710")}


def rates(today: date) -> tuple[Rate, ...]:
    """Month by month from January of last year to this month; made up, and the same on every run."""
    months = [date(year, month, 1) for year in (today.year - 1, today.year) for month in range(1, 13)]
    return tuple(
        Rate(currency=currency, from_date=day, euros=Decimal(values[day.month % len(values)]))
        for currency, values in _EUROS.items()
        for day in months
        if day <= today
    )
