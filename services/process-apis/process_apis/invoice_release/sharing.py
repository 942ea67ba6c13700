"""How the items of a release are shared out: billed, covered by a retainer, written down, or left out. Pure.

What the database knows of each item (how much of it is on other claims, whether it is held) comes in, what is to be
claimed goes out; the transaction around it is in claims.py.
"""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal

import msgspec

from canonical.money import Money
from canonical.releases import LeftOut
from canonical.rounding import line_amount
from process_apis.invoice_release.facts import Item

_HUNDREDTH = Decimal("0.01")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an item: what other claims hold of it, under which version, and what people said about it."""

    claimed_quantity: Decimal = Decimal(0)
    claimed_amount: Decimal = Decimal(0)
    claimed_version: str | None = None
    held_because: str | None = None
    write_down: Decimal = Decimal(0)
    write_down_because: str | None = None
    narrative: str | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is left to bill under the contract's limits; None: there is none. `hours` are those that were prepaid."""

    cap: Decimal | None = None
    purchase_order: Decimal | None = None
    hours: Decimal = Decimal(0)


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an item and what becomes of it: billed, covered or written_down."""

    item: Item
    disposition: str
    quantity: Decimal
    amount: Money
    reason: str | None = None


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """The whole release: what is claimed, and what is not."""

    shares: tuple[Share, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def billed(self) -> tuple[Share, ...]:
        return tuple(share for share in self.shares if share.disposition == "billed")

    def used(self, disposition: str) -> Decimal:
        """The amount that a disposition takes of the contract's limits."""
        amounts = (share.amount.value for share in self.shares if share.disposition == disposition)
        return sum(amounts, Decimal(0))

    def hours(self) -> Decimal:
        """The prepaid hours that are drawn down."""
        covered = (share.quantity for share in self.shares if share.disposition == "covered")
        return sum(covered, Decimal(0))


def share_out(items: tuple[Item, ...], known: Mapping[str, Standing], limits: Limits) -> Shared:
    """Oldest first, so that limits are used in the order of the work. No item is shared beyond what it is worth."""
    sharing = _Sharing(limits)
    for item in items:
        sharing.take(item, known.get(item.item_id, Standing()))
    return Shared(shares=tuple(sharing.shares), left_out=tuple(sharing.left_out))


class _Sharing:
    """The limits as they are used up."""

    def __init__(self, limits: Limits) -> None:
        self.shares: list[Share] = []
        self.left_out: list[LeftOut] = []
        self._hours = limits.hours
        self._money = [limit for limit in (limits.cap, limits.purchase_order) if limit is not None]

    def take(self, item: Item, standing: Standing) -> None:
        left = _left_of(item, standing)
        if standing.claimed_version not in {None, item.version}:
            self._leave_out(item, item.quantity, item.amount, "changed_after_invoicing", "credit it and bill it anew")
        elif left is None or not item.due:
            return
        elif item.part_of_fixed_fee:
            self._leave_out(item, *left, "part_of_fixed_fee", "the contract's amounts pay for it")
        elif standing.held_because is not None:
            self._leave_out(item, *left, "held", standing.held_because)
        else:
            self._bill(item, standing, *left)

    def _bill(self, item: Item, standing: Standing, quantity: Decimal, amount: Money) -> None:
        """What is prepaid covers hours first; then people's write-down; then what the limits leave is billed."""
        if item.coverable and min(self._hours, quantity) > 0:
            quantity, amount = self._cover(item, quantity, amount)
        down = Money.of(min(standing.write_down, amount.value), amount.currency)
        if down.value > 0:
            share = Share(item=item, disposition="written_down", quantity=Decimal(0), amount=down)
            self.shares.append(msgspec.structs.replace(share, reason=standing.write_down_because))
            amount = amount - down
        if amount.value > 0:
            self._within_limits(_renamed(item, standing.narrative), quantity, amount, whole=down.value == 0)

    def _cover(self, item: Item, quantity: Decimal, amount: Money) -> tuple[Decimal, Money]:
        covered = min(quantity, self._hours)
        worth = line_amount(covered, item.unit_price, amount.currency)
        if covered == quantity or worth.value > amount.value:
            worth = amount
        self._hours -= covered
        self.shares.append(Share(item=item, disposition="covered", quantity=covered, amount=worth))
        return quantity - covered, amount - worth

    def _within_limits(self, item: Item, quantity: Decimal, amount: Money, *, whole: bool) -> None:
        """Beyond a hard cap nothing is billable without a change order; what fits of an hour's work is billed."""
        room = min(self._money, default=None)
        billed_quantity, billed = quantity, amount
        if room is not None and amount.value > room:
            billed_quantity, billed = _what_fits(item, quantity, amount, room, whole=whole)
            rest = amount - billed
            self._leave_out(item, quantity - billed_quantity, rest, "above_cap", "a change order makes it billable")
        if billed.value > 0:
            self._money = [limit - billed.value for limit in self._money]
            self.shares.append(Share(item=item, disposition="billed", quantity=billed_quantity, amount=billed))

    def _leave_out(self, item: Item, quantity: Decimal, amount: Money, reason: str, detail: str) -> None:
        left = LeftOut(
            item_id=item.item_id,
            kind=item.kind,
            quantity=f"{quantity:f}",
            amount=amount,
            reason=reason,
            detail=detail,
        )
        self.left_out.append(left)


def _left_of(item: Item, standing: Standing) -> tuple[Decimal, Money] | None:
    """What no other claim holds of the item, or none."""
    amount = item.amount.value - standing.claimed_amount
    quantity = max(item.quantity - standing.claimed_quantity, Decimal(0))
    uses_hours = item.coverable and item.amount.value == 0 and quantity > 0  # of no value, and yet prepaid hours
    if amount <= 0 and not uses_hours:
        return None
    return quantity, Money.of(max(amount, Decimal(0)), item.amount.currency)


def _what_fits(item: Item, quantity: Decimal, amount: Money, room: Decimal, *, whole: bool) -> tuple[Decimal, Money]:
    """Whole hundredths of an hour whose price fits; anything else fits as a whole or not at all."""
    if item.kind != "time" or not whole or item.unit_price == 0:
        return Decimal(0), Money.of(0, amount.currency)
    fitting = min((room / item.unit_price).quantize(_HUNDREDTH, ROUND_DOWN), quantity)
    worth = line_amount(fitting, item.unit_price, amount.currency)
    while worth.value > room:  # rounding up may exceed the room by a cent
        fitting -= _HUNDREDTH
        worth = line_amount(fitting, item.unit_price, amount.currency)
    return fitting, worth


def _renamed(item: Item, narrative: str | None) -> Item:
    return item if narrative is None else msgspec.structs.replace(item, description=narrative)
