"""How items are shared out: covered, written down, billed within the limits, or left out; never beyond their worth."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worked import item, money

from canonical.rounding import line_amount
from process_apis.invoice_release.facts import Item
from process_apis.invoice_release.sharing import Limits, Share, Shared, Standing, share_out

NOBODY: Mapping[str, Standing] = {}
NO_LIMITS = Limits()
PRICES = ["145", "145.333", "33.33333", "0.01", "0.00001", "99999.99", "0"]
CENTS = st.integers(0, 10**7).map(lambda cents: Decimal(cents).scaleb(-2))
HOURS = st.integers(0, 10**5).map(lambda parts: Decimal(parts).scaleb(-2))


def shared(shared_out: Shared) -> list[tuple[str, str, str, str]]:
    return [
        (share.item.item_id, share.disposition, f"{share.quantity.normalize():f}", share.amount.amount)
        for share in shared_out.shares
    ]


def left(shared_out: Shared) -> list[tuple[str, str, str, str]]:
    return [
        (one.item_id, one.reason, f"{Decimal(one.quantity).normalize():f}", one.amount.amount)
        for one in shared_out.left_out
    ]


def test_without_limits_everything_due_is_billed() -> None:
    """In full, in the order in which it comes."""
    out = share_out((item(), item("tim_2", "0.5")), NOBODY, NO_LIMITS)
    assert [("tim_1", "billed", "8", "1160.00"), ("tim_2", "billed", "0.5", "72.50")] == shared(out)
    assert ([], Decimal("1232.50"), Decimal(0)) == (left(out), out.used("billed"), out.hours())


def test_what_other_claims_hold_is_not_billed_again() -> None:
    """In whole it is passed over, in part the rest is billed (B10)."""
    whole = Standing(claimed_quantity=Decimal(8), claimed_amount=Decimal(1160), claimed_version="v1")
    part = Standing(claimed_quantity=Decimal(3), claimed_amount=Decimal(435), claimed_version="v1")
    assert ([], []) == _both(share_out((item(),), {"tim_1": whole}, NO_LIMITS))
    assert [("tim_1", "billed", "5", "725.00")] == shared(share_out((item(),), {"tim_1": part}, NO_LIMITS))


def test_billed_work_that_changed_since_is_for_people() -> None:
    """It is credited and billed anew, never patched (B9)."""
    before = Standing(claimed_quantity=Decimal(8), claimed_amount=Decimal(1160), claimed_version="v0")
    out = share_out((item(),), {"tim_1": before}, NO_LIMITS)
    assert ([], [("tim_1", "changed_after_invoicing", "8", "1160.00")]) == _both(out)


def test_what_is_not_due_waits() -> None:
    """It is neither billed nor left out: its day has not come."""
    assert ([], []) == _both(share_out((item(due=False),), NOBODY, NO_LIMITS))


def test_hours_of_a_fixed_fee_are_left_out() -> None:
    """The contract's amounts pay for them (B31)."""
    out = share_out((item(part_of_fixed_fee=True),), NOBODY, NO_LIMITS)
    assert ([], [("tim_1", "part_of_fixed_fee", "8", "1160.00")]) == _both(out)


def test_held_work_is_left_out_with_the_reason() -> None:
    """Until a person lets it go; of a part that is billed already, the rest."""
    held = Standing(claimed_quantity=Decimal(3), claimed_amount=Decimal(435), held_because="client asks")
    out = share_out((item(),), {"tim_1": held}, NO_LIMITS)
    assert ([], [("tim_1", "held", "5", "725.00")]) == _both(out)
    assert "client asks" == out.left_out[0].detail


def test_a_write_down_bills_less_for_good() -> None:
    """What is conceded is claimed as such, with the reason; no hours of it are left (B34)."""
    standing = Standing(write_down=Decimal("160.00"), write_down_because="slow start")
    out = share_out((item(),), {"tim_1": standing}, NO_LIMITS)
    assert [("tim_1", "written_down", "0", "160.00"), ("tim_1", "billed", "8", "1000.00")] == shared(out)
    assert "slow start" == out.shares[0].reason


def test_a_write_down_never_exceeds_the_item() -> None:
    """Nothing is billed then, and nothing owed."""
    standing = Standing(write_down=Decimal(5000), write_down_because="goodwill")
    assert [("tim_1", "written_down", "0", "1160.00")] == shared(share_out((item(),), {"tim_1": standing}, NO_LIMITS))


def test_another_narrative_stands_on_the_invoice() -> None:
    """The item stays the same otherwise."""
    out = share_out((item(),), {"tim_1": Standing(narrative="Design of the model")}, NO_LIMITS)
    assert ["Design of the model"] == [share.item.description for share in out.billed]


def test_prepaid_hours_cover_the_oldest_work_first() -> None:
    """35 of 100 hours at 120: covered, nothing billed (C, second example)."""
    retained = tuple(item(f"tim_{place}", "7", "120", coverable=True) for place in range(5))
    out = share_out(retained, NOBODY, Limits(hours=Decimal(100)))
    assert [(f"tim_{place}", "covered", "7", "840.00") for place in range(5)] == shared(out)
    assert (Decimal(35), Decimal(4200), Decimal(0)) == (out.hours(), out.used("covered"), out.used("billed"))


def test_hours_beyond_the_prepaid_ones_are_billed() -> None:
    """In the middle of an entry: its first hours are covered, the rest is billed (B24)."""
    retained = (item(coverable=True, price="120"), item("tim_2", coverable=True, price="120"))
    out = share_out(retained, NOBODY, Limits(hours=Decimal("10.5")))
    wanted = [
        ("tim_1", "covered", "8", "960.00"),
        ("tim_2", "covered", "2.5", "300.00"),
        ("tim_2", "billed", "5.5", "660.00"),
    ]
    assert wanted == shared(out)


def test_a_covered_part_and_its_rest_are_the_item() -> None:
    """7.75 h at 145.333 are 1126.33: 3.5 h of it are 508.67, and the rest is what is left, rounded once."""
    out = share_out((item(quantity="7.75", price="145.333", coverable=True),), NOBODY, Limits(hours=Decimal("3.5")))
    assert [("tim_1", "covered", "3.5", "508.67"), ("tim_1", "billed", "4.25", "617.66")] == shared(out)


def test_work_that_is_not_the_retainer_s_is_not_covered() -> None:
    """Expenses, and whatever else the contract bills."""
    out = share_out((item("exp_1", "1", "100", kind="expense"),), NOBODY, Limits(hours=Decimal(100)))
    assert [("exp_1", "billed", "1", "100.00")] == shared(out)


def test_prepaid_hours_cover_work_that_has_no_value() -> None:
    """A retainer's hours may be priced at nothing: they are used all the same."""
    out = share_out((item(price="0", coverable=True),), NOBODY, Limits(hours=Decimal(10)))
    assert ([("tim_1", "covered", "8", "0.00")], Decimal(8)) == (shared(out), out.hours())


def test_an_amount_without_hours_is_not_covered() -> None:
    """The hours are on another claim, part of their price came back by a credit: it is billed, not forgotten."""
    standing = Standing(claimed_quantity=Decimal(8), claimed_amount=Decimal(1060), claimed_version="v1")
    out = share_out((item(coverable=True),), {"tim_1": standing}, Limits(hours=Decimal(10)))
    assert [("tim_1", "billed", "0", "100.00")] == shared(out)


def test_no_more_is_covered_than_the_item_is_worth() -> None:
    """Most of its price was conceded before: its hours are covered at what is left of it."""
    standing = Standing(claimed_amount=Decimal(1000), claimed_version="v1")
    out = share_out((item(coverable=True),), {"tim_1": standing}, Limits(hours=Decimal(5)))
    assert [("tim_1", "covered", "5", "160.00")] == shared(out)


def test_a_cap_is_hit_exactly() -> None:
    """The last cent is billed, and nothing is beyond it."""
    out = share_out((item(), item("tim_2")), NOBODY, Limits(cap=Decimal("2320.00")))
    assert ([("tim_1", "billed", "8", "1160.00"), ("tim_2", "billed", "8", "1160.00")], []) == _both(out)


def test_a_cap_that_is_a_cent_short_leaves_a_hundredth_of_an_hour() -> None:
    """Hours are billed in hundredths: 7.99 h are 1158.55, and 1.45 stay above the cap."""
    out = share_out((item(),), NOBODY, Limits(cap=Decimal("1159.99")))
    assert [("tim_1", "billed", "7.99", "1158.55")] == shared(out)
    assert [("tim_1", "above_cap", "0.01", "1.45")] == left(out)


def test_a_cap_is_hit_in_the_middle_of_an_entry() -> None:
    """What fits is billed, the rest needs a change order, and so does all that follows (B23)."""
    out = share_out((item(), item("tim_2"), item("tim_3", "0.01")), NOBODY, Limits(cap=Decimal(1740)))
    assert [("tim_1", "billed", "8", "1160.00"), ("tim_2", "billed", "4", "580.00")] == shared(out)
    assert [("tim_2", "above_cap", "4", "580.00"), ("tim_3", "above_cap", "0.01", "1.45")] == left(out)


def test_rounding_up_never_passes_the_cap() -> None:
    """0.03 h at 33.5 are 1.005, so 1.01: one cent beyond a cap of 1.00, and 0.02 h are billed."""
    out = share_out((item(quantity="1", price="33.5"),), NOBODY, Limits(cap=Decimal("1.00")))
    assert [("tim_1", "billed", "0.02", "0.67")] == shared(out)


def test_the_narrower_limit_counts() -> None:
    """Purchase order and cap are used up together."""
    limits = Limits(cap=Decimal(5000), purchase_order=Decimal(725))
    out = share_out((item(), item("tim_2")), NOBODY, limits)
    assert [("tim_1", "billed", "5", "725.00")] == shared(out)
    assert [("tim_1", "above_cap", "3", "435.00"), ("tim_2", "above_cap", "8", "1160.00")] == left(out)


@pytest.mark.parametrize("kind", ["expense", "milestone", "schedule"])
def test_an_amount_fits_as_a_whole_or_not_at_all(kind: str) -> None:
    """Half a train ticket is no ticket; a later, smaller one may still fit."""
    out = share_out(
        (item("one", "1", "100", kind=kind), item("two", "1", "40", kind=kind)), NOBODY, Limits(cap=Decimal(99))
    )
    assert ([("two", "billed", "1", "40.00")], [("one", "above_cap", "1", "100.00")]) == _both(out)


def test_covered_and_conceded_work_uses_no_cap() -> None:
    """Only what is billed does."""
    items = (item(coverable=True), item("tim_2"))
    known = {"tim_2": Standing(write_down=Decimal(160), write_down_because="goodwill")}
    out = share_out(items, known, Limits(cap=Decimal(1000), hours=Decimal(8)))
    wanted = [
        ("tim_1", "covered", "8", "1160.00"),
        ("tim_2", "written_down", "0", "160.00"),
        ("tim_2", "billed", "8", "1000.00"),
    ]
    assert (wanted, []) == _both(out)


def test_what_was_conceded_of_an_entry_is_not_cut_by_a_cap() -> None:
    """It is no quantity at a price any more: it fits as a whole or not at all."""
    known = {"tim_1": Standing(write_down=Decimal(160), write_down_because="goodwill")}
    out = share_out((item(),), known, Limits(cap=Decimal(999)))
    assert [("tim_1", "written_down", "0", "160.00")] == shared(out)
    assert [("tim_1", "above_cap", "8", "1000.00")] == left(out)


@pytest.mark.parametrize(
    ("currency", "price", "cap", "billed", "above"),
    [
        ("JPY", "15000", "100000", ("6.66", "99900"), ("1.34", "20100")),
        ("KWD", "45.125", "100.000", ("2.21", "99.726"), ("5.79", "261.274")),
    ],
)
def test_limits_hold_in_any_currency(
    currency: str, price: str, cap: str, billed: tuple[str, str], above: tuple[str, str]
) -> None:
    """Without decimals, or with three."""
    out = share_out((item(price=price, currency=currency),), NOBODY, Limits(cap=Decimal(cap)))
    assert ([("tim_1", "billed", *billed)], [("tim_1", "above_cap", *above)]) == _both(out)


@st.composite
def situations(draw: st.DrawFn) -> tuple[tuple[Item, ...], dict[str, Standing], Limits]:
    """Any items, what is known of them, and limits."""
    count = draw(st.integers(1, 6))
    items, known = [], {}
    for place in range(count):
        quantity, price = draw(HOURS), Decimal(draw(st.sampled_from(PRICES)))
        kind = draw(st.sampled_from(["time", "expense"]))
        amount = line_amount(quantity, price, "EUR")
        flags = {name: draw(st.booleans()) for name in ("due", "coverable")}
        made = item(f"item_{place}", f"{quantity:f}", f"{price:f}", kind=kind, amount=amount, **flags)
        items.append(made)
        if draw(st.booleans()):
            known[made.item_id] = Standing(
                claimed_quantity=min(draw(HOURS), quantity),
                claimed_amount=min(draw(CENTS), amount.value),
                claimed_version=draw(st.sampled_from([None, "v1", "v0"])),
                write_down=draw(st.one_of(st.just(Decimal(0)), CENTS)),
                held_because=draw(st.sampled_from([None, None, "asked"])),
            )
    limits = Limits(
        cap=draw(st.one_of(st.none(), CENTS)),
        purchase_order=draw(st.one_of(st.none(), CENTS)),
        hours=draw(st.one_of(st.just(Decimal(0)), HOURS)),
    )
    return tuple(items), known, limits


@settings(max_examples=50, deadline=None)  # a situation takes a while to make up
@given(situation=situations())
def test_no_item_is_shared_beyond_what_it_is_worth(
    situation: tuple[tuple[Item, ...], dict[str, Standing], Limits],
) -> None:
    """With what other claims hold of it, neither in hours nor in money; no share is less than nothing (B10)."""
    items, known, limits = situation
    out = share_out(items, known, limits)
    for one in items:
        shares = [share for share in out.shares if share.item.item_id == one.item_id]
        standing = known.get(one.item_id, Standing())
        assert all(share.amount.value >= 0 and share.quantity >= 0 for share in shares)
        assert standing.claimed_amount + _worth(shares) <= one.amount.value
        assert standing.claimed_quantity + sum(share.quantity for share in shares) <= one.quantity


@settings(max_examples=50, deadline=None)  # a situation takes a while to make up
@given(situation=situations())
def test_no_limit_is_ever_exceeded(situation: tuple[tuple[Item, ...], dict[str, Standing], Limits]) -> None:
    """Whatever the items: cap, purchase order and prepaid hours (B23, B24)."""
    items, known, limits = situation
    out = share_out(items, known, limits)
    for limit in (limits.cap, limits.purchase_order):
        assert limit is None or out.used("billed") <= limit
    assert out.hours() <= limits.hours


@settings(max_examples=50, deadline=None)  # a situation takes a while to make up
@given(situation=situations())
def test_everything_due_is_somewhere(situation: tuple[tuple[Item, ...], dict[str, Standing], Limits]) -> None:
    """What is left of an item is shared or left out with a reason: no value is lost on the way (B31)."""
    items, known, limits = situation
    out = share_out(items, known, limits)
    for one in items:
        standing = known.get(one.item_id, Standing())
        if one.due and standing.claimed_version in {None, one.version}:
            shares = [share for share in out.shares if share.item.item_id == one.item_id]
            rest = sum((other.amount.value for other in out.left_out if other.item_id == one.item_id), Decimal(0))
            assert one.amount.value - standing.claimed_amount == _worth(shares) + rest


def test_shares_can_be_told_apart() -> None:
    """Only what is billed goes on the invoice."""
    out = share_out((item(coverable=True), item("tim_2")), NOBODY, Limits(hours=Decimal(8)))
    assert ["tim_2"] == [share.item.item_id for share in out.billed]
    assert money("1160.00") == out.billed[0].amount


def _worth(shares: list[Share]) -> Decimal:
    return sum((share.amount.value for share in shares), Decimal(0))


def _both(out: Shared) -> tuple[list[tuple[str, str, str, str]], list[tuple[str, str, str, str]]]:
    return shared(out), left(out)
