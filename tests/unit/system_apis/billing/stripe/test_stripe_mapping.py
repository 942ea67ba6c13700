"""How schedules and accounts are told in Stripe's form, and read back: amounts above all."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from canonical.billing import NewBillingSchedule, ScheduleItem
from canonical.money import Money, Rate
from servicekit.failures import Failure
from system_apis.billing.stripe import mapping
from system_apis.billing.stripe.mapping import CustomerRecord, PriceRecord, ProductRecord, RecurringRecord

CUSTOMER = f"cus_{1:032x}"


def price(**changes: Any) -> PriceRecord:
    record = PriceRecord(
        id="price_1",
        active=True,
        created=1_800_000_000,
        currency="eur",
        unit_amount_decimal=Decimal(3_000_000),
        metadata=mapping.metadata(item_key="M1", title="Design", due_rule="on_acceptance", position=0, key="k"),
    )
    return msgspec.structs.replace(record, **changes)


def product(*, active: bool = False, **marks: object) -> ProductRecord:
    known = {
        "kind": "billing_schedule",
        "currency": "EUR",
        "method": "milestone",
        "total": "30000.00",
        "status": "draft",
        "key": "k",
    }
    return ProductRecord(
        id="syncline_P-1", active=active, updated=1_800_000_100, metadata=mapping.metadata(**(known | marks))
    )


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("1250.00", "EUR", 125000),
        ("1250.5", "USD", 125050),
        ("1500", "JPY", 1500),
        ("12.340", "KWD", 12340),
        ("500", "ISK", 50000),
        ("7", "UGX", 700),
        ("10.00", "MGA", 10),
        ("0", "EUR", 0),
    ],
)
def test_an_amount_becomes_the_vendors_own_minor_units(amount: str, currency: str, units: int) -> None:
    """Which are not those of ISO 4217 for krona, shillings and ariary."""
    money = Money(amount=amount, currency=currency)
    assert units == mapping.amount_units(money)
    item = ScheduleItem(key="M1", title="Design", due_rule="on_date", amount=money)
    fields = mapping.from_item(item, "P-1", "prod", "key-0001", 0)
    assert (str(units), currency.lower()) == (fields["unit_amount"], fields["currency"])
    read = price(currency=currency.lower(), unit_amount_decimal=Decimal(units))
    assert mapping.normal(money) == mapping.to_item(read).amount


@pytest.mark.parametrize(("amount", "currency"), [("1.234", "KWD"), ("10.50", "MGA"), ("-1.00", "EUR")])
def test_an_amount_the_vendor_cannot_hold_is_refused(amount: str, currency: str) -> None:
    """It is never rounded."""
    with pytest.raises(Failure) as caught:
        mapping.amount_units(Money(amount=amount, currency=currency))
    assert "not_billable" == caught.value.code


@pytest.mark.parametrize(
    ("amount", "currency", "units", "read_back"),
    [
        ("145.12345", "EUR", "14512.345", "145.12345"),
        ("160", "GBP", "16000", "160.00"),
        ("12000.5", "JPY", "12000.5", "12000.5"),
        ("41.125", "KWD", "41125", "41.125"),
    ],
)
def test_a_rate_keeps_its_fractions(amount: str, currency: str, units: str, read_back: str) -> None:
    """Up to five decimals, exactly."""
    item = ScheduleItem(key="R1", title="Engineer", due_rule="as_worked", rate=Rate(amount=amount, currency=currency))
    fields = mapping.from_item(item, "P-1", "prod", "key-0001", 0)
    assert Decimal(units) == Decimal(fields["unit_amount_decimal"])
    assert "hour" == fields["metadata"]["syncline_unit"]
    read = price(
        currency=currency.lower(), unit_amount_decimal=Decimal(units), metadata=fields["metadata"], recurring=None
    )
    assert (read_back, "hour", None) == _rate_of(mapping.to_item(read))


def _rate_of(item: ScheduleItem) -> tuple[str, str, Money | None]:
    assert item.rate is not None
    return item.rate.amount, item.rate.unit, item.amount


def test_an_item_with_a_rate_and_an_amount_keeps_both() -> None:
    """The price is the rate; the amount is what was planned."""
    item = ScheduleItem(
        key="R1",
        title="Engineer",
        due_rule="as_worked",
        amount=Money(amount="87000.00", currency="EUR"),
        rate=Rate(amount="145.00", currency="EUR", unit="day"),
    )
    fields = mapping.from_item(item, "P-1", "prod", "key-0001", 0)
    assert item == mapping.to_item(price(unit_amount_decimal=Decimal(14500), metadata=fields["metadata"]))


def test_a_period_is_a_recurring_price_by_months() -> None:
    """A price that a person set by the year is read as twelve months."""
    item = ScheduleItem(
        key="S1", title="Support", due_rule="each_period", amount=Money(amount="6000", currency="USD"), period="P3M"
    )
    assert {"interval": "month", "interval_count": 3} == mapping.from_item(item, "P", "p", "key-0001", 0)["recurring"]
    assert "P3M" == mapping.to_item(price(recurring=RecurringRecord(interval="month", interval_count=3))).period
    assert "P24M" == mapping.to_item(price(recurring=RecurringRecord(interval="year", interval_count=2))).period
    with pytest.raises(Failure):
        mapping.period_months(msgspec.structs.replace(item, period="P37M"))


@pytest.mark.parametrize(
    ("active", "written", "status"),
    [
        (False, "draft", "draft"),
        (True, "active", "active"),
        (False, "cancelled", "cancelled"),
        (False, "active", "cancelled"),
        (True, "cancelled", "active"),
    ],
)
def test_the_products_own_switch_decides_the_status(active: bool, written: str, status: str) -> None:
    """One that a person archived bills nothing, whatever is written on it; one that is on does."""
    assert status == mapping.to_schedule(product(active=active, status=written), [], "DE01").status


def test_a_schedule_has_its_own_active_items_in_their_order() -> None:
    """Archived prices, a person's own prices and the items of an unfinished amendment are not among them."""
    marks = [
        mapping.metadata(item_key=key, title=key, due_rule="on_date", position=position, key=by)
        for key, position, by in (("B", 1, "k"), ("A", 0, "k"), ("X", 2, "unfinished"), ("C", 3, "amended"))
    ]
    prices = [price(id=f"price_{n}", metadata=mark) for n, mark in enumerate(marks)]
    prices += [price(id="price_8", active=False), price(id="price_9", metadata={})]
    amended = product(active=True, **{mapping.amendment_mark("amended").removeprefix("syncline_"): f"ctr_{4:032x}"})
    schedule = mapping.to_schedule(amended, prices, "DE01")
    assert ["A", "B", "C"] == [item.key for item in schedule.items]
    assert datetime.fromtimestamp(1_800_000_100, UTC) == schedule.updated_at
    assert (Money(amount="30000.00", currency="EUR"), None, None) == (
        schedule.total,
        schedule.project_id,
        schedule.billing_account_id,
    )


def test_a_product_of_another_kind_is_no_schedule() -> None:
    """Products that people sell beside projects are left alone."""
    with pytest.raises(Failure) as caught:
        mapping.to_schedule(ProductRecord(id="prod_1", active=True, updated=0), [], "DE01")
    assert "not_found" == caught.value.code


def test_a_projects_products_are_numbered_by_revision() -> None:
    """The id is the number where it can be, a digest where it holds what an id should not."""
    assert "syncline_P-DE01-D02" == mapping.product_id("P-DE01-D02", 1)
    assert "syncline_P-DE01-D02.2" == mapping.product_id("P-DE01-D02", 2)
    assert (41, True) == (len(mapping.product_id("P/DE 01", 1)), mapping.product_id("P/DE 01", 1).isascii())


@pytest.mark.parametrize(
    ("record", "ours"),
    [
        (CustomerRecord(id="c", currency=None, metadata=mapping.metadata(customer_id=CUSTOMER, currency="EUR")), True),
        (CustomerRecord(id="c", currency="eur", metadata=mapping.metadata(customer_id=CUSTOMER, currency="EUR")), True),
        (
            CustomerRecord(id="c", currency="usd", metadata=mapping.metadata(customer_id=CUSTOMER, currency="EUR")),
            False,
        ),
        (
            CustomerRecord(id="c", currency="eur", metadata=mapping.metadata(customer_id=CUSTOMER, currency="CHF")),
            False,
        ),
        (CustomerRecord(id="c", currency="eur"), False),
        (CustomerRecord(id="c", deleted=True), False),
    ],
)
def test_an_account_is_ours_by_mark_and_by_locked_currency(record: CustomerRecord, ours: bool) -> None:
    """A customer whose currency the vendor has fixed to another one cannot be used."""
    assert ours is mapping.is_account_of(record, CUSTOMER, "EUR")


def test_a_customer_without_a_currency_is_no_account() -> None:
    """Nobody can say which of the customer's accounts it would be."""
    with pytest.raises(Failure):
        mapping.to_account(CustomerRecord(id="cus_1", name="ACME"), "stripe-de", "DE01")
    by_hand = mapping.to_account(CustomerRecord(id="cus_1", name="ACME", currency="gbp"), "stripe-gb", "GB01")
    assert (None, "GBP") == (by_hand.customer_id, by_hand.currency)


def _schedule() -> NewBillingSchedule:
    return NewBillingSchedule(
        project_id=f"prj_{2:032x}",
        project_number="P-1",
        contract_id=f"ctr_{3:032x}",
        billing_account_id="cus_1",
        legal_entity_code="DE01",
        currency="EUR",
        method="milestone",
        total=Money(amount="100", currency="EUR"),
        items=(
            ScheduleItem(
                key="M1",
                title="Design",
                due_rule="on_date",
                amount=Money(amount="100", currency="EUR"),
                due_date=date(2027, 1, 31),
            ),
        ),
    )


def test_a_schedule_says_all_of_itself_in_metadata() -> None:
    """Ids are those of the canonical model, apart from the account, which the vendor knows itself."""
    new = _schedule()
    fields = mapping.from_schedule(new, "run-1.schedule", mapping.product_id("P-1", 1))
    assert ("syncline_P-1", "P-1", False) == (fields["id"], fields["name"], fields["active"])
    assert {
        "kind": "billing_schedule",
        "project_number": "P-1",
        "project_id": new.project_id,
        "contract_id": new.contract_id,
        "billing_account": "cus_1",
        "legal_entity": "DE01",
        "currency": "EUR",
        "method": "milestone",
        "total": "100.00",
        "status": "draft",
        "items": "1",
        "key": "run-1.schedule",
    } == {name.removeprefix("syncline_"): value for name, value in fields["metadata"].items()}
    item = mapping.from_item(new.items[0], "P-1", fields["id"], "run-1.schedule", 0)
    assert ("P-1:M1", "Design", "2027-01-31", "on_date", "M1") == (
        item["lookup_key"],
        item["nickname"],
        item["metadata"]["syncline_due_date"],
        item["metadata"]["syncline_due_rule"],
        item["metadata"]["syncline_item_key"],
    )
