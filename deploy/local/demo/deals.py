"""The customers of the demo firm and the deals that are won during its day."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from demo.firm import Client, Deal, MilestonePlan, RolePlan, months_later


def clients() -> tuple[Client, ...]:
    """Most are known to the ERP already; two are not, and must be requested there."""
    return (
        _client("C2001", "Alpenstrom AG", "DE", "Leopoldstr. 8", "Munich", "80802", "DE987000100", ("DE01", "EUR")),
        _client(
            "C2002", "Hafen Logistik SE", "DE", "Am Sandtorkai 5", "Hamburg", "20457", "DE987000118", ("DE01", "EUR")
        ),
        _client(
            "C2003", "Lumiere Energie SA", "FR", "12 Rue de la Paix", "Paris", "75002", "FR68900000001", ("DE01", "EUR")
        ),
        _client(
            "C2004",
            "Polder Retail BV",
            "NL",
            "Keizersgracht 40",
            "Amsterdam",
            "1015",
            "NL000000000B00",
            ("DE01", "EUR"),
        ),
        _client("C2005", "Harbor Health Inc.", "US", "200 State St", "Boston", "02109", None, ("US01", "USD")),
        _client("C2006", "Prairie Foods LLC", "US", "77 W Wacker Dr", "Chicago", "60601", None, ("US01", "USD")),
        _client("C2007", "Sierra Robotics Inc.", "US", "500 Howard St", "San Francisco", "94105", None, None),
        _client("C2008", "Thames Insurance plc", "GB", "1 Lime St", "London", "EC3M", "GB987000122", ("GB01", "GBP")),
        _client("C2009", "Pennine Rail Ltd", "GB", "2 Station Rd", "Leeds", "LS1", "GB987000164", ("GB01", "GBP")),
        _client("C2010", "Celtic Marine Ltd", "GB", "9 Quay St", "Cardiff", "CF10", "GB987000177", None),
        _client("C2011", "Rhein Chemie GmbH", "DE", "Rheinufer 3", "Cologne", "50668", "DE987000126", ("DE01", "EUR")),
    )


def history(today: date) -> tuple[Deal, ...]:
    """The contract that one of the day's deals extends; its project was set up long ago and is set up by the seeds."""
    return (
        Deal(
            key="H01",
            name="Rail operations platform",
            client="C2009",
            entity="GB01",
            cost_centre="CC-G20",
            currency="GBP",
            amount=Decimal(96000),
            method="time_and_materials",
            kind="new",
            start_date=months_later(today, 0).replace(year=today.year - 1),
            end_date=months_later(today, 2),
            tax_treatment="standard",
            roles=(_role("R1", "Engineer", "python", 600, 160),),
        ),
    )


def deals(today: date) -> tuple[Deal, ...]:
    """Fourteen wins: ten that work, two that are refused, an extension, and one without services."""
    start, end = months_later(today, 1), months_later(today, 7)
    new = Deal(
        key="",
        name="",
        client="",
        entity="DE01",
        cost_centre="CC-D10",
        currency="EUR",
        amount=Decimal(0),
        method="time_and_materials",
        kind="new",
        start_date=start,
        end_date=end,
        tax_treatment="standard",
        roles=(),
    )
    american = replace(new, entity="US01", cost_centre="CC-U10", currency="USD")
    british = replace(new, entity="GB01", cost_centre="CC-G10", currency="GBP")
    return (
        *_german(new, start, end),
        *_abroad(new, start, end),
        *_refused(new),
        *_american(american),
        *_retained(american),
        *_british(british),
        *_by_result(british, start, end),
    )


def _german(new: Deal, start: date, end: date) -> tuple[Deal, ...]:
    return (
        replace(
            new,
            key="D01",
            name="Grid data platform",
            client="C2001",
            cost_centre="CC-D20",
            amount=Decimal(174000),
            expense_markup=Decimal(10),
            roles=(
                _role("R1", "Engineer", "data-engineering", 600, 145),
                _role("R2", "Consultant", "project-management", 600, 145),
            ),
        ),
        replace(
            new,
            key="D02",
            name="Port scheduling",
            client="C2002",
            method="milestone",
            amount=Decimal(120000),
            milestones=(
                _milestone("M1", "Design accepted", 30000, start),
                _milestone("M2", "Pilot live", 60000, start),
                _milestone("M3", "Roll-out accepted", 30000, end),
            ),
            roles=(_role("R1", "Consultant", "change-management", 400, 150),),
        ),
    )


def _abroad(new: Deal, start: date, end: date) -> tuple[Deal, ...]:
    """A fixed fee with an advance, for a customer in France."""
    return (
        replace(
            new,
            key="D03",
            name="Energy trading close",
            client="C2003",
            method="fixed_fee",
            amount=Decimal(100000),
            tax_treatment="reverse_charge",
            purchase_order="PO-FR-7781",
            milestones=(_milestone("M1", "Advance", 30000, start), _milestone("M2", "Completion", 70000, end)),
            roles=(_role("R1", "Senior Consultant", "erp-finance", 200, 160),),
        ),
    )


def _refused(new: Deal) -> tuple[Deal, ...]:
    """One whose customer has no valid tax id, and one that is refused until its cost centre exists."""
    return (
        replace(
            new,
            key="D04",
            name="Store rollout",
            client="C2004",
            tax_treatment="reverse_charge",
            amount=Decimal(58000),
            roles=(_role("R1", "Consultant", "change-management", 400, 145),),
        ),
        replace(
            new,
            key="D05",
            name="Plant analytics",
            client="C2011",
            cost_centre="CC-D77",
            amount=Decimal(87000),
            roles=(_role("R1", "Engineer", "python", 600, 145),),
        ),
    )


def _american(new: Deal) -> tuple[Deal, ...]:
    """By the hour, one with a cap and one that asks for a skill nobody has; and one without services."""
    return (
        replace(
            new,
            key="D06",
            name="Patient portal",
            client="C2005",
            cost_centre="CC-U20",
            amount=Decimal(9000),
            method="capped_time_and_materials",
            cap=Decimal(9000),
            roles=(_role("R1", "Engineer", "python", 40, 225),),
        ),
        replace(
            new,
            key="D08",
            name="Robot fleet cloud",
            client="C2007",
            cost_centre="CC-U20",
            amount=Decimal(240000),
            roles=(
                _role("R1", "Senior Engineer", "cloud-architecture", 600, 240),
                _role("R2", "Engineer", "quantum-computing", 400, 240),
            ),
        ),
        replace(
            new, key="D09", name="Licence resale", client="C2005", kind="no_services", amount=Decimal(15000), roles=()
        ),
    )


def _retained(new: Deal) -> tuple[Deal, ...]:
    """Paid by the month: hours in advance, and availability."""
    return (
        replace(
            new,
            key="D07",
            name="Advisory retainer",
            client="C2006",
            method="prepaid_retainer",
            amount=Decimal(72000),
            retainer_kind="prepaid_draw_down",
            retainer_amount=Decimal(12000),
            retainer_hours=100,
            roles=(_role("R1", "Senior Consultant", "erp-finance", 600, 120),),
        ),
        replace(
            new,
            key="D10",
            name="Support desk",
            client="C2006",
            method="fixed_availability",
            amount=Decimal(36000),
            retainer_kind="fixed_availability",
            retainer_amount=Decimal(6000),
            tax_treatment="exempt",
            roles=(_role("R1", "Consultant", "project-management", 240, 150),),
        ),
    )


def _british(new: Deal) -> tuple[Deal, ...]:
    """By the hour, and the extension of a running project."""
    return (
        replace(
            new,
            key="D11",
            name="Claims automation",
            client="C2008",
            cost_centre="CC-G20",
            amount=Decimal(132000),
            roles=(_role("R1", "Engineer", "python", 600, 120), _role("R2", "Manager", "project-management", 500, 120)),
        ),
        replace(
            new,
            key="D12",
            name="Rail operations platform, extension",
            client="C2009",
            kind="extension",
            amends="H01",
            cost_centre="CC-G20",
            amount=Decimal(48000),
            roles=(_role("R1", "Engineer", "python", 300, 160),),
        ),
    )


def _by_result(new: Deal, start: date, end: date) -> tuple[Deal, ...]:
    """Paid by result, one of them in a currency that is not the entity's own."""
    return (
        replace(
            new,
            key="D13",
            name="Fleet finance",
            client="C2010",
            method="milestone",
            amount=Decimal(64000),
            milestones=(_milestone("M1", "Blueprint", 24000, start), _milestone("M2", "Go-live", 40000, end)),
            roles=(_role("R1", "Consultant", "erp-finance", 400, 130),),
        ),
        replace(
            new,
            key="D14",
            name="Euro reporting",
            client="C2008",
            currency="EUR",
            amount=Decimal(45000),
            method="fixed_fee",
            milestones=(_milestone("M1", "Report accepted", 45000, end),),
            roles=(_role("R1", "Senior Consultant", "erp-finance", 300, 150),),
        ),
    )


def _client(
    number: str,
    name: str,
    country: str,
    street: str,
    city: str,
    postal_code: str,
    tax_id: str | None,
    account: tuple[str, str] | None,
) -> Client:
    slug = name.split(" ", maxsplit=1)[0].lower()
    return Client(
        number=number,
        name=name,
        country=country,
        street=street,
        city=city,
        postal_code=postal_code,
        email=f"ap@{slug}.example",
        tax_id=tax_id,
        accounts=() if account is None else (account,),
    )


def _role(key: str, role: str, skill: str, hours: int, rate: int) -> RolePlan:
    return RolePlan(key=key, role=role, skills=(skill,), hours=hours, rate=Decimal(rate))


def _milestone(key: str, title: str, amount: int, due: date) -> MilestonePlan:
    return MilestonePlan(key=key, title=title, amount=Decimal(amount), due_date=due)
