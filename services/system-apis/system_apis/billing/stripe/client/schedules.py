"""Billing schedules as products with prices: found by ids of our own, made part by part, switched by one write.

Sources: docs.stripe.com/api/products (own ids), /api/prices (lookup keys), /products-prices/manage-prices (archiving).
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TypeVar

from canonical.billing import BillingSchedule, NewBillingSchedule, ScheduleAmendment, ScheduleItem
from servicekit.failures import Failure, Kind
from system_apis.billing.stripe import mapping
from system_apis.billing.stripe.client.wire import MAX_PAGE, PageRecord, Wire, place
from system_apis.billing.stripe.mapping import PREFIX, PriceRecord, ProductRecord
from system_apis.listing import Listing

REVISIONS_AT_ONCE = 10
# Of 200 ms each that is 20 requests a second: below the 25 that an endpoint takes (docs.stripe.com/rate-limits).
PRICES_AT_ONCE = 4

T = TypeVar("T")


class Schedules:
    """The schedules of one account. A schedule is billed from only while its product is active."""

    def __init__(self, wire: Wire, legal_entity_code: str) -> None:
        self._wire = wire
        self._entity = legal_entity_code

    async def one(self, native_id: str) -> BillingSchedule:
        """Raises MISSING."""
        return await self._whole(await self._product(native_id))

    async def page(self, cursor: str | None, limit: int) -> Listing[BillingSchedule]:
        """Newest first. Products that are no schedules are passed over."""
        found: list[ProductRecord] = []
        more = True
        while more and len(found) < limit:
            after = {} if cursor is None else {"starting_after": cursor}
            size = min(limit - len(found), MAX_PAGE)
            page = await self._wire.get("/v1/products", PageRecord[ProductRecord], limit=size, **after)
            found += [product for product in page.data if mapping.is_schedule(product)]
            more = page.has_more and bool(page.data)
            cursor = page.data[-1].id if page.data else cursor
        items = await _together([self._whole(product) for product in found])
        return Listing(items=tuple(items), cursor=cursor if more else None)

    async def of_project(self, project_number: str) -> BillingSchedule | None:
        """The latest, or none. Never lags: it is read by id."""
        revisions = await self._revisions(project_number)
        return await self._whole(revisions[-1]) if revisions else None

    async def create(self, new: NewBillingSchedule, key: str) -> BillingSchedule:
        """A draft. Each part is found or made: a second try under the key completes what the first began.

        Raises CONFLICT `schedule_exists` when the project has another schedule that is not cancelled.
        """
        mapping.check_schedule(new, self._entity)
        revisions = await self._revisions(new.project_number)
        latest = revisions[-1] if revisions else None
        if latest is not None and latest.key == key:
            if latest.status != "draft":
                return await self._whole(latest)
            product = await self._as_asked(latest, new, key)
        elif latest is None or latest.status == "cancelled":
            product = await self._new_product(new, key, len(revisions) + 1)
        else:
            raise _exists(new.project_number)
        await self._converge(product, new, key)
        return await self._whole(product)

    async def created(self, new: NewBillingSchedule, key: str) -> BillingSchedule | None:
        """What an earlier try under the key made, if it is complete."""
        revisions = await self._revisions(new.project_number)
        if not revisions or revisions[-1].key != key:
            return None
        schedule = await self._whole(revisions[-1])
        return schedule if len(schedule.items) >= mapping.expected_items(revisions[-1]) else None

    async def amend(self, native_id: str, amendment: ScheduleAmendment, key: str) -> BillingSchedule:
        """With more items and a new total, which show all at once. Repeating it under the key changes nothing more.

        Raises CONFLICT `schedule_cancelled`, and `item_key_taken` for an item that an earlier operation put there.
        """
        product = await self._product(native_id)
        mark = mapping.amendment_mark(key)
        if mark in product.metadata:
            return await self._whole(product)
        _refuse_cancelled(product)
        currency = product.metadata[f"{PREFIX}currency"]
        mapping.check_items(amendment.items, currency)
        if amendment.total.currency != currency:
            raise Failure(Kind.INVALID, f"the schedule is in {currency}", code="mixed_currencies")
        held = mapping.in_order(await self._prices(product.id))
        ours = [price for price in held if price.key == key]
        earlier = {price.item_key for price in held} - {price.item_key for price in ours}
        if taken := sorted(item.key for item in amendment.items if item.key in earlier):
            raise Failure(Kind.CONFLICT, f"the schedule has an item {taken[0]} already", code="item_key_taken")
        await self._place(product, amendment.items, ours, key, first_position=len(earlier))
        await self._archive_others(ours, amendment.items)
        standing = [price for price in held if mapping.belongs(price, product)]
        total, items = mapping.normal(amendment.total).amount, len(standing) + len(amendment.items)
        changes = mapping.metadata(total=total, items=items)
        changes[mark] = amendment.contract_id
        return await self._whole(await self._change(product, {"metadata": changes}))

    async def amended(self, native_id: str, key: str) -> BillingSchedule | None:
        """The schedule, if an earlier try under the key has amended it completely."""
        product = await self._product(native_id)
        return await self._whole(product) if mapping.amendment_mark(key) in product.metadata else None

    async def activate(self, native_id: str) -> BillingSchedule:
        """Raises CONFLICT `schedule_cancelled`, `schedule_incomplete`."""
        product = await self._product(native_id)
        _refuse_cancelled(product)
        whole = await self._whole(product)
        if len(whole.items) < mapping.expected_items(product):
            raise Failure(Kind.CONFLICT, "items of the schedule are still missing", code="schedule_incomplete")
        if product.status == "active":
            return whole
        return await self._whole(await self._switch(product, active=True, status="active"))

    async def cancel(self, native_id: str) -> BillingSchedule:
        """Its prices stay as they are: nothing is sold of a product that is switched off."""
        product = await self._product(native_id)
        if product.status != "cancelled":
            product = await self._switch(product, active=False, status="cancelled")
        return await self._whole(product)

    # Parts

    async def _whole(self, product: ProductRecord) -> BillingSchedule:
        return mapping.to_schedule(product, await self._prices(product.id), self._entity)

    async def _product(self, native_id: str) -> ProductRecord:
        product = await self._wire.get(place("products", native_id), ProductRecord)
        if not mapping.is_schedule(product):
            raise Failure(Kind.MISSING, "the billing platform has no such billing schedule")
        return product

    async def _prices(self, product_id: str) -> list[PriceRecord]:
        return [price async for price in self._wire.all("/v1/prices", PriceRecord, product=product_id, active=True)]

    async def _revisions(self, project_number: str) -> list[ProductRecord]:
        """The project's schedules, the latest last: a new one is made only when the one before is cancelled."""
        found: list[ProductRecord] = []
        while len(found) % REVISIONS_AT_ONCE == 0:
            ids = [mapping.product_id(project_number, len(found) + n + 1) for n in range(REVISIONS_AT_ONCE)]
            page = await self._wire.get("/v1/products", PageRecord[ProductRecord], ids=ids, limit=MAX_PAGE)
            by_id = {product.id: product for product in page.data}
            found += [by_id[one] for one in ids if one in by_id]
            if not by_id:
                break
        return found

    async def _new_product(self, new: NewBillingSchedule, key: str, revision: int) -> ProductRecord:
        fields = mapping.from_schedule(new, key, mapping.product_id(new.project_number, revision))
        try:
            return await self._wire.create("/v1/products", fields, ProductRecord, key=key, part="product")
        except Failure as failure:
            if failure.kind is not Kind.CONFLICT:
                raise
            product = await self._product(fields["id"])  # someone made it at the same moment
            if product.key != key:
                raise _exists(new.project_number) from failure
            return product

    async def _as_asked(self, product: ProductRecord, new: NewBillingSchedule, key: str) -> ProductRecord:
        """The draft of an earlier try, with what a corrected request says now."""
        wanted = mapping.from_schedule(new, key, product.id)["metadata"]
        if wanted.items() <= product.metadata.items():
            return product
        return await self._change(product, {"metadata": wanted})

    async def _converge(self, product: ProductRecord, new: NewBillingSchedule, key: str) -> None:
        """The draft's items become those that are asked for."""
        held = mapping.in_order(await self._prices(product.id))
        first = product.id == mapping.product_id(new.project_number, 1)
        await self._place(product, new.items, held, key, transfer=not first)
        await self._archive_others(held, new.items)

    async def _place(
        self,
        product: ProductRecord,
        items: Sequence[ScheduleItem],
        held: Sequence[PriceRecord],
        key: str,
        *,
        first_position: int = 0,
        transfer: bool = False,
    ) -> None:
        """A price for each item. One that is there and says the same stays; one that differs is replaced."""
        by_key = {price.item_key: price for price in held}
        number = product.metadata[f"{PREFIX}project_number"]
        making = []
        for position, item in enumerate(items, first_position):
            former = by_key.get(item.key)
            if former is not None and mapping.to_item(former) == mapping.normal_item(item):
                continue
            fields = mapping.from_item(item, number, product.id, key, position)
            if transfer or former is not None:  # an earlier price has the lookup key
                fields["transfer_lookup_key"] = True
            making.append(self._replace(former, fields, key))
        await _together(making)

    async def _replace(self, former: PriceRecord | None, fields: mapping.Fields, key: str) -> None:
        part = "price" if former is None else f"price.{former.id}"
        await self._wire.create("/v1/prices", fields, PriceRecord, key=key, part=part)
        if former is not None:
            await self._archive(former)

    async def _archive_others(self, held: Sequence[PriceRecord], items: Sequence[ScheduleItem]) -> None:
        """What an earlier try made and a corrected request does not ask for any more."""
        wanted = {item.key for item in items}
        await _together([self._archive(price) for price in held if price.item_key not in wanted])

    async def _archive(self, price: PriceRecord) -> None:
        await self._wire.change(place("prices", price.id), {"active": False}, PriceRecord)

    async def _switch(self, product: ProductRecord, *, active: bool, status: str) -> ProductRecord:
        return await self._change(product, {"active": active, "metadata": mapping.metadata(status=status)})

    async def _change(self, product: ProductRecord, fields: mapping.Fields) -> ProductRecord:
        return await self._wire.change(place("products", product.id), fields, ProductRecord)


def _refuse_cancelled(product: ProductRecord) -> None:
    if product.status == "cancelled":
        raise Failure(Kind.CONFLICT, "the schedule is cancelled", code="schedule_cancelled")


def _exists(project_number: str) -> Failure:
    return Failure(Kind.CONFLICT, f"the project {project_number} has a schedule already", code="schedule_exists")


async def _together(work: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """All of it, a few at a time and each to its end. Of several failures the doubtful one counts."""
    places = asyncio.Semaphore(PRICES_AT_ONCE)

    async def done(one: Coroutine[None, None, T]) -> T | Failure:
        async with places:
            try:
                return await one
            except Failure as failure:
                return failure

    ended = await asyncio.gather(*(done(one) for one in work))
    failures = [one for one in ended if isinstance(one, Failure)]
    if failures:
        raise min(failures, key=lambda failure: failure.kind is not Kind.IN_DOUBT)
    return [one for one in ended if not isinstance(one, Failure)]
