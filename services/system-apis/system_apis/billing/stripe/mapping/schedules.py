"""Products with prices and billing schedules. Sources: docs.stripe.com/api/products, /prices.

Stripe has no schedule of milestones. A project's schedule is a product, switched on by `active`; each of its items is
a price of that product: one-off for amounts, recurring for amounts by period, per hour for work at a rate.
"""

import hashlib
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from canonical.billing import BillingSchedule, NewBillingSchedule, ScheduleItem
from canonical.money import Money, Rate
from servicekit.failures import Failure, Kind
from system_apis.billing.stripe.mapping.amounts import (
    amount_units,
    normal,
    not_billable,
    rate_text,
    rate_units,
    vendor_digits,
    wrong,
)
from system_apis.billing.stripe.mapping.marks import PREFIX, Metadata, metadata

Fields = dict[str, Any]

SCHEDULE = "billing_schedule"
_PLAIN = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_LONGEST_PERIOD = 36  # months; three years is the vendor's longest interval


class ProductRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A product as Stripe tells it. `updated` is in seconds since 1970."""

    id: str
    active: bool
    updated: int
    metadata: Metadata = {}

    @property
    def key(self) -> str | None:
        """The operation that made it."""
        return self.metadata.get(PREFIX + "key")

    @property
    def status(self) -> str:
        """The product's own switch decides: one that a person archived bills nothing, whatever we wrote on it."""
        if self.active:
            return "active"
        return "draft" if self.metadata.get(PREFIX + "status") == "draft" else "cancelled"


class RecurringRecord(msgspec.Struct, frozen=True, kw_only=True):
    interval: str
    interval_count: int = 1


class PriceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A price as Stripe tells it; amounts are in minor units, with fractions of them."""

    id: str
    active: bool
    created: int
    currency: str
    unit_amount_decimal: Decimal | None
    lookup_key: str | None = None
    nickname: str | None = None
    recurring: RecurringRecord | None = None
    metadata: Metadata = {}

    @property
    def item_key(self) -> str | None:
        return self.metadata.get(PREFIX + "item_key")

    @property
    def key(self) -> str | None:
        """The operation that made it."""
        return self.metadata.get(PREFIX + "key")


def product_id(project_number: str, revision: int) -> str:
    """Our own id of a project's schedule: Stripe refuses a second one. A new revision follows a cancelled one."""
    name = project_number
    if not _PLAIN.fullmatch(project_number):
        name = hashlib.sha256(project_number.encode()).hexdigest()[:32]
    return PREFIX + name + (f".{revision}" if revision > 1 else "")


def from_schedule(new: NewBillingSchedule, key: str, own_id: str) -> Fields:
    """The form of a product that is switched off."""
    return {
        "id": own_id,
        "name": new.project_number,
        "active": False,
        "metadata": metadata(
            kind=SCHEDULE,
            project_number=new.project_number,
            project_id=new.project_id,
            contract_id=new.contract_id,
            billing_account=new.billing_account_id,
            legal_entity=new.legal_entity_code,
            currency=new.currency,
            method=new.method,
            total=normal(new.total).amount,
            status="draft",
            items=len(new.items),
            key=key,
        ),
    }


def is_schedule(record: ProductRecord) -> bool:
    return record.metadata.get(PREFIX + "kind") == SCHEDULE


def expected_items(record: ProductRecord) -> int:
    """How many items the schedule has when it is complete."""
    return int(record.metadata.get(PREFIX + "items", "0"))


def amendment_mark(key: str) -> str:
    """The name of the metadata that says that the amendment under the key is complete."""
    return f"{PREFIX}amended_{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def belongs(price: PriceRecord, product: ProductRecord) -> bool:
    """Whether the price is an item of the schedule as it stands; those of an unfinished amendment are not yet."""
    return price.key in {None, product.key} or amendment_mark(price.key or "") in product.metadata


def to_schedule(record: ProductRecord, prices: list[PriceRecord], legal_entity_code: str) -> BillingSchedule:
    """Raises MISSING for a product that is not a schedule of ours."""
    if not is_schedule(record):
        raise Failure(Kind.MISSING, "the billing platform has no such billing schedule")
    mark = record.metadata
    currency = mark[PREFIX + "currency"]
    items = [price for price in in_order(prices) if belongs(price, record)]
    return BillingSchedule(
        id=record.id,
        project_id=mark.get(PREFIX + "project_id"),
        contract_id=mark.get(PREFIX + "contract_id"),
        billing_account_id=mark.get(PREFIX + "billing_account"),
        legal_entity_code=legal_entity_code,
        currency=currency,
        method=mark[PREFIX + "method"],
        total=Money.of(mark[PREFIX + "total"], currency),
        status=record.status,
        items=tuple(to_item(price) for price in items),
        updated_at=datetime.fromtimestamp(max([record.updated, *(price.created for price in items)]), UTC),
    )


def in_order(prices: list[PriceRecord]) -> list[PriceRecord]:
    """Those that are items of a schedule, as they were placed; archived ones and a person's own prices are none."""
    items = [price for price in prices if price.active and price.item_key is not None]
    return sorted(items, key=lambda price: (int(price.metadata.get(PREFIX + "position", "0")), price.created, price.id))


def check_schedule(new: NewBillingSchedule, legal_entity_code: str) -> None:
    """Everything that Stripe could refuse is refused before anything is sent. Raises INVALID."""
    if new.legal_entity_code != legal_entity_code:
        raise wrong("/legal_entity_code", f"this connection bills for {legal_entity_code}", "other_legal_entity")
    if new.total.currency != new.currency:
        raise wrong("/total/currency", "the total has another currency than the schedule", "mixed_currencies")
    check_items(new.items, new.currency)


def check_items(items: tuple[ScheduleItem, ...], currency: str) -> None:
    """Raises INVALID for items that repeat a key, have another currency, or cannot be billed."""
    seen: set[str] = set()
    for place, item in enumerate(items):
        if item.key in seen:
            raise wrong(f"/items/{place}/key", f"the item {item.key} is there twice", "repeated_item")
        seen.add(item.key)
        if {part.currency for part in (item.amount, item.rate) if part is not None} - {currency}:
            message = f"the item {item.key} has another currency than the schedule"
            raise wrong(f"/items/{place}", message, "mixed_currencies")
        from_item(item, "", "", "", place)


def lookup_key(project_number: str, item_key: str) -> str:
    """Unique in the account, so that a schedule never has an item twice."""
    return f"{project_number}:{item_key}"


def from_item(item: ScheduleItem, project_number: str, product: str, key: str, position: int) -> Fields:
    """The form of a price. Raises INVALID for what Stripe cannot hold."""
    amount, rate, months = item.amount, item.rate, period_months(item)
    if rate is not None:
        price, currency = {"unit_amount_decimal": f"{rate_units(rate):f}"}, rate.currency
    elif amount is not None:
        price, currency = {"unit_amount": str(amount_units(amount))}, amount.currency
    else:
        raise not_billable(f"the item {item.key} has neither an amount nor a rate")
    fields: Fields = {
        "product": product,
        "currency": currency.lower(),
        **price,
        "nickname": item.title,
        "lookup_key": lookup_key(project_number, item.key),
        "metadata": metadata(
            item_key=item.key,
            title=item.title,
            due_rule=item.due_rule,
            due_date=item.due_date,
            unit=rate.unit if rate is not None else None,
            amount=normal(amount).amount if rate is not None and amount is not None else None,
            position=position,
            key=key,
        ),
    }
    if months is not None:
        fields["recurring"] = {"interval": "month", "interval_count": months}
    return fields


def to_item(price: PriceRecord) -> ScheduleItem:
    """The amounts are Stripe's own; metadata says only what Stripe has no field for."""
    mark, currency = price.metadata, price.currency.upper()
    value = (price.unit_amount_decimal or Decimal(0)).scaleb(-vendor_digits(currency))
    unit, beside, due = mark.get(PREFIX + "unit"), mark.get(PREFIX + "amount"), mark.get(PREFIX + "due_date")
    amount = Money.of(value, currency) if unit is None else Money.of(beside, currency) if beside else None
    return ScheduleItem(
        key=mark.get(PREFIX + "item_key", price.id),
        title=mark.get(PREFIX + "title") or price.nickname or price.id,
        due_rule=mark.get(PREFIX + "due_rule", "on_date"),
        amount=amount,
        rate=None if unit is None else Rate(amount=rate_text(value, currency), currency=currency, unit=unit),
        due_date=date.fromisoformat(due) if due else None,
        period=_period(price.recurring),
    )


def normal_item(item: ScheduleItem) -> ScheduleItem:
    """The item as it is read back: the same values in their usual text."""
    rate, months = item.rate, period_months(item)
    return msgspec.structs.replace(
        item,
        amount=None if item.amount is None else normal(item.amount),
        rate=None if rate is None else msgspec.structs.replace(rate, amount=rate_text(rate.value, rate.currency)),
        period=None if months is None else f"P{months}M",
    )


def period_months(item: ScheduleItem) -> int | None:
    if item.period is None:
        return None
    months = int(item.period.removeprefix("P").removesuffix("M"))
    if not 1 <= months <= _LONGEST_PERIOD:
        raise not_billable(f"the period of the item {item.key} is not between 1 and {_LONGEST_PERIOD} months")
    return months


def _period(recurring: RecurringRecord | None) -> str | None:
    if recurring is None:
        return None
    months = {"month": 1, "year": 12}.get(recurring.interval)
    return None if months is None else f"P{months * recurring.interval_count}M"
