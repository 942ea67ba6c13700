"""What every billing connector keeps, whichever vendor serves it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from canonical.billing import (
    BillingSchedule,
    NewBillingAccount,
    NewBillingSchedule,
    ScheduleAmendment,
    ScheduleItem,
)
from canonical.money import Money, Rate
from servicekit.failures import Failure, Kind
from system_apis.billing.port import Billing

DUE = date(2027, 3, 31)


def new_account(**changes: Any) -> NewBillingAccount:
    account = NewBillingAccount(
        customer_id=f"cus_{1:032x}",
        legal_entity_code="DE01",
        currency="EUR",
        name="Alpenstrom AG",
        email="ap@alpenstrom.example",
        country="DE",
    )
    return msgspec.structs.replace(account, **changes)


def milestone(key: str, amount: str, currency: str = "EUR") -> ScheduleItem:
    money = Money(amount=amount, currency=currency)
    return ScheduleItem(key=key, title=f"Milestone {key}", due_rule="on_acceptance", amount=money, due_date=DUE)


def hourly(key: str, rate: str, currency: str = "EUR", amount: Money | None = None) -> ScheduleItem:
    agreed = Rate(amount=rate, currency=currency)
    return ScheduleItem(key=key, title="Engineer", due_rule="as_worked", rate=agreed, amount=amount)


def new_schedule(account: str, *items: ScheduleItem, number: str = "P-DE01-D02", **changes: Any) -> NewBillingSchedule:
    schedule = NewBillingSchedule(
        project_id=f"prj_{2:032x}",
        project_number=number,
        contract_id=f"ctr_{3:032x}",
        billing_account_id=account,
        legal_entity_code="DE01",
        currency="EUR",
        method="milestone",
        total=Money(amount="120000", currency="EUR"),
        items=items or (milestone("M1", "30000"), milestone("M2", "60000.50"), milestone("M3", "29999.5")),
    )
    return msgspec.structs.replace(schedule, **changes)


async def refused(awaitable: Awaitable[object]) -> tuple[Kind, str]:
    with pytest.raises(Failure) as caught:
        await awaitable
    assert not {"Stripe", "stripe", "sk_test"} & set(caught.value.detail.split())
    return caught.value.kind, caught.value.code


async def drafted(billing: Billing, number: str = "P-DE01-D02", **changes: Any) -> BillingSchedule:
    account = await billing.create_account(new_account(), "account-0001")
    return await billing.create_schedule(new_schedule(account.id, number=number, **changes), f"schedule-{number}")


async def test_the_connector_is_a_billing_with_a_settlement_for_every_write(stage: Any) -> None:
    """Each create says how doubt about it is settled."""
    assert isinstance(stage.billing, Billing)
    assert {
        *("create_account", "create_schedule", "amend_schedule"),
        *("create_invoice", "discard_invoice", "create_credit_note"),
    } == set(stage.billing.settlements)


async def test_an_account_is_found_before_it_is_created(stage: Any) -> None:
    """The same customer and currency is one account under any key, at once; another currency is another account."""
    first = await stage.billing.create_account(new_account(), "account-0001")
    assert (new_account().customer_id, "DE01", "EUR", "Alpenstrom AG", "ap@alpenstrom.example") == (
        first.customer_id,
        first.legal_entity_code,
        first.currency,
        first.name,
        first.email,
    )
    assert [("billing-de", first.id, "DE01", "EUR")] == [
        (one.connection, one.id, one.legal_entity_code, one.currency) for one in first.external_ids
    ]
    assert first == await stage.billing.create_account(new_account(), "account-0002")
    assert first == await stage.billing.created_account(new_account(), "account-0001")
    francs = await stage.billing.create_account(new_account(currency="CHF"), "account-0003")
    assert (first.id == francs.id, "CHF") == (False, francs.currency)
    other = await stage.billing.create_account(new_account(customer_id=f"cus_{9:032x}"), "account-0004")
    assert other.id not in {first.id, francs.id}
    assert first == await stage.billing.account(first.id)


async def test_an_account_of_another_legal_entity_is_refused(stage: Any) -> None:
    """A connection bills for one legal entity."""
    wrong = stage.billing.create_account(new_account(legal_entity_code="US01"), "account-0001")
    assert (Kind.INVALID, "other_legal_entity") == await refused(wrong)


async def test_an_address_the_platform_does_not_take_is_invalid(stage: Any) -> None:
    """It is the caller's to mend, and mended under the same key it goes through."""
    wrong = stage.billing.create_account(new_account(email="nobody"), "account-0001")
    assert (Kind.INVALID, "invalid_email") == await refused(wrong)
    assert (await stage.billing.create_account(new_account(), "account-0001")).email == new_account().email


async def test_unknown_ids_are_missing(stage: Any) -> None:
    """Also those that would leave their place in an address."""
    for native_id in ("nothing", "../products", "a/b?c=d"):
        assert (Kind.MISSING, "not_found") == await refused(stage.billing.account(native_id))
        assert (Kind.MISSING, "not_found") == await refused(stage.billing.schedule(native_id))
    assert await stage.billing.schedule_of_project("P-DE01-NONE") is None


def _said(item: ScheduleItem) -> tuple[object, ...]:
    """What an item says, its amounts as numbers: 500 and 500.00 are the same."""
    amount, rate = item.amount and item.amount.value, item.rate and item.rate.value
    return item.key, item.title, item.due_rule, item.due_date, item.period, amount, rate


async def test_a_schedule_reads_back_as_it_was_created(stage: Any) -> None:
    """Ids, method, total and every item, to the minor unit and in their order; as a draft."""
    items = (
        milestone("M1", "30000"),
        hourly("R1", "145.12345", amount=Money(amount="87074.07", currency="EUR")),
        ScheduleItem(
            key="S1",
            title="Support",
            due_rule="each_period",
            amount=Money(amount="500", currency="EUR"),
            period="P3M",
        ),
        hourly("R2", "160"),
    )
    account = await stage.billing.create_account(new_account(), "account-0001")
    new = new_schedule(account.id, *items, total=Money(amount="117574.07", currency="EUR"))
    made = await stage.billing.create_schedule(new, "schedule-0001")
    assert made == await stage.billing.schedule(made.id)
    assert made == await stage.billing.schedule_of_project("P-DE01-D02")
    assert ("draft", new.project_id, new.contract_id, account.id) == (
        made.status,
        made.project_id,
        made.contract_id,
        made.billing_account_id,
    )
    assert (Decimal("117574.07"), "EUR", "milestone", "DE01") == (
        made.total.value,
        made.currency,
        made.method,
        made.legal_entity_code,
    )
    assert list(map(_said, items)) == list(map(_said, made.items))


@pytest.mark.parametrize(
    ("currency", "amount", "rate"), [("JPY", "1500", "12000"), ("KWD", "1234.560", "41.125"), ("ISK", "5000", "9000")]
)
async def test_currencies_without_two_decimals_keep_their_amounts(
    stage: Any, currency: str, amount: str, rate: str
) -> None:
    """Yen have none, dinars three, and krona are kept in hundredths though they have none."""
    total = Money(amount=amount, currency=currency)
    items = (milestone("M1", amount, currency), hourly("R1", rate, currency))
    made = await drafted(stage.billing, currency=currency, total=total, items=items)
    assert (total, total) == (made.total, made.items[0].amount)
    assert made.items[1].rate is not None
    assert Decimal(rate) == made.items[1].rate.value


async def test_what_cannot_be_billed_is_refused_before_anything_is_made(stage: Any) -> None:
    """Mixed currencies, repeated keys, items without a price, a period without an end, dinars to the last fils."""
    account = await stage.billing.create_account(new_account(), "account-0001")
    usd = Money(amount="1.00", currency="USD")
    kwd = Money(amount="1.234", currency="KWD")
    bad: list[tuple[str, dict[str, Any]]] = [
        ("mixed_currencies", {"total": usd}),
        ("mixed_currencies", {"items": (milestone("M1", "1", "USD"),)}),
        ("repeated_item", {"items": (milestone("M1", "1"), milestone("M1", "2"))}),
        ("not_billable", {"items": (ScheduleItem(key="M1", title="M1", due_rule="on_date"),)}),
        ("not_billable", {"items": (msgspec.structs.replace(milestone("M1", "1"), period="P0M"),)}),
        ("not_billable", {"items": (milestone("M1", "1.234", "KWD"),), "currency": "KWD", "total": kwd}),
        ("other_legal_entity", {"legal_entity_code": "US01"}),
    ]
    for code, changes in bad:
        new = new_schedule(account.id, **changes)
        assert (Kind.INVALID, code) == await refused(stage.billing.create_schedule(new, "schedule-0001"))
    assert await stage.billing.schedule_of_project("P-DE01-D02") is None


async def test_nothing_is_billed_from_a_draft_or_a_cancelled_schedule(stage: Any) -> None:
    """The platform itself refuses; activation is what lets it, cancellation what stops it, each twice without harm."""
    made = await drafted(stage.billing)
    assert not await stage.can_bill(made.id, "M1")
    active = await stage.billing.activate_schedule(made.id)
    assert "active" == active.status == (await stage.billing.activate_schedule(made.id)).status
    assert await stage.can_bill(made.id, "M1")
    cancelled = await stage.billing.cancel_schedule(made.id)
    assert "cancelled" == cancelled.status == (await stage.billing.cancel_schedule(made.id)).status
    assert not await stage.can_bill(made.id, "M1")
    assert active.items == cancelled.items
    assert (Kind.CONFLICT, "schedule_cancelled") == await refused(stage.billing.activate_schedule(made.id))


async def test_a_project_has_one_schedule_until_it_is_cancelled(stage: Any) -> None:
    """Another key is refused while there is one; after a cancellation a new one takes its place, whole."""
    first = await drafted(stage.billing)
    new = new_schedule(first.billing_account_id or "")
    assert (Kind.CONFLICT, "schedule_exists") == await refused(stage.billing.create_schedule(new, "schedule-other"))
    await stage.billing.cancel_schedule(first.id)
    second = await stage.billing.create_schedule(new, "schedule-other")
    assert (False, "draft", first.items) == (first.id == second.id, second.status, second.items)
    assert second == await stage.billing.schedule_of_project("P-DE01-D02")
    assert "cancelled" == (await stage.billing.schedule(first.id)).status


async def test_an_amendment_adds_items_once(stage: Any) -> None:
    """Under its key it changes the schedule once; an item that is there already is refused; order is kept."""
    made = await drafted(stage.billing)
    await stage.billing.activate_schedule(made.id)
    amendment = ScheduleAmendment(
        contract_id=f"ctr_{4:032x}", total=Money(amount="150000.00", currency="EUR"), items=(milestone("M4", "30000"),)
    )
    assert await stage.billing.amended_schedule(made.id, "amend-0001") is None
    amended = await stage.billing.amend_schedule(made.id, amendment, "amend-0001")
    assert (Decimal(150000), ["M1", "M2", "M3", "M4"], "active") == (
        amended.total.value,
        [item.key for item in amended.items],
        amended.status,
    )
    later = msgspec.structs.replace(amendment, total=Money(amount="1", currency="EUR"), items=(milestone("M5", "1"),))
    await stage.billing.amend_schedule(made.id, later, "amend-0002")
    again = await stage.billing.amend_schedule(made.id, amendment, "amend-0001")
    assert again == await stage.billing.amended_schedule(made.id, "amend-0001") == await stage.billing.schedule(made.id)
    assert (Decimal(1), 5) == (again.total.value, len(again.items))
    taken = stage.billing.amend_schedule(made.id, amendment, "amend-0003")
    assert (Kind.CONFLICT, "item_key_taken") == await refused(taken)
    await stage.billing.cancel_schedule(made.id)
    late = stage.billing.amend_schedule(made.id, later, "amend-0004")
    assert (Kind.CONFLICT, "schedule_cancelled") == await refused(late)


async def test_a_schedule_longer_than_a_page_is_whole(stage: Any) -> None:
    """A hundred items at once and five more by amendment read back as a hundred and five, in order."""
    items = tuple(milestone(f"M{n:03}", "1") for n in range(105))
    made = await drafted(stage.billing, items=items[:100])
    more = ScheduleAmendment(contract_id=f"ctr_{4:032x}", total=made.total, items=items[100:])
    await stage.billing.amend_schedule(made.id, more, "amend-0001")
    found = await stage.billing.schedule(made.id)
    assert [item.key for item in items] == [item.key for item in found.items]


async def test_schedules_are_listed_page_by_page(stage: Any) -> None:
    """Every schedule once, newest first, with its items."""
    made = [await drafted(stage.billing, number=f"P-DE01-{n}") for n in range(5)]
    found: list[BillingSchedule] = []
    cursor: str | None = None
    while True:
        page = await stage.billing.schedules(cursor, 2)
        found.extend(page.items)
        cursor = page.cursor
        if cursor is None:
            break
    assert made[::-1] == found


async def test_what_goes_wrong_has_its_kind(stage: Any) -> None:
    """An outage is retried and then unavailable, a refused key is our misconfiguration, too many requests wait."""
    await stage.fail("outage", times=1)
    await stage.billing.check()
    expected = [("outage", Kind.UNAVAILABLE), ("throttle", Kind.THROTTLED), ("expire_token", Kind.MISCONFIGURED)]
    for fault, kind in expected:
        await stage.fail(fault, times=None)
        assert kind is (await refused(stage.billing.check()))[0]
        await stage.mend()


async def test_a_write_whose_answer_is_lost_is_in_doubt_and_made_once(stage: Any) -> None:
    """The account is there when it is looked for, and a second try under the key gives the same one."""
    await stage.fail("lose_answer", method="POST")
    assert (Kind.IN_DOUBT, "in_doubt") == await refused(stage.billing.create_account(new_account(), "account-0001"))
    found = await stage.billing.created_account(new_account(), "account-0001")
    assert found == await stage.billing.create_account(new_account(), "account-0001")


@pytest.mark.parametrize("fault", ["lose_answer", "outage", "drop"])
@pytest.mark.parametrize("skip", [0, 1, 2, 3])
async def test_a_schedule_is_completed_by_the_next_try(stage: Any, fault: str, skip: int) -> None:
    """Whichever of its parts failed: no part is made twice, none is missing; an incomplete one is not passed off."""
    account = await stage.billing.create_account(new_account(), "account-0001")
    new = new_schedule(account.id)
    await stage.fail(fault, method="POST", skip=skip)
    assert (Kind.IN_DOUBT, "in_doubt") == await refused(stage.billing.create_schedule(new, "schedule-0001"))
    unfinished = await stage.billing.schedule_of_project("P-DE01-D02")
    if unfinished is not None and len(unfinished.items) < 3:
        assert await stage.billing.created_schedule(new, "schedule-0001") is None
        too_early = stage.billing.activate_schedule(unfinished.id)
        assert (Kind.CONFLICT, "schedule_incomplete") == await refused(too_early)
    made = await stage.billing.create_schedule(new, "schedule-0001")
    assert ["M1", "M2", "M3"] == [item.key for item in made.items]
    assert made == await stage.billing.created_schedule(new, "schedule-0001")
    assert [made] == list((await stage.billing.schedules(None, 50)).items)


async def test_a_corrected_request_under_the_same_key_replaces_what_was_drafted(stage: Any) -> None:
    """A person edits the input of a step that was refused half-way; the key stays."""
    account = await stage.billing.create_account(new_account(), "account-0001")
    await stage.fail("drop", method="POST", skip=3)
    assert Kind.IN_DOUBT is (await refused(stage.billing.create_schedule(new_schedule(account.id), "schedule-0001")))[0]
    items = (milestone("M1", "45000"), milestone("M9", "75000"))
    made = await stage.billing.create_schedule(new_schedule(account.id, *items, method="fixed_fee"), "schedule-0001")
    assert ("fixed_fee", [("M1", "45000.00"), ("M9", "75000.00")]) == (
        made.method,
        [(item.key, item.amount.amount) for item in made.items if item.amount],
    )


@pytest.mark.parametrize("skip", [0, 1, 2])
async def test_an_amendment_is_completed_by_the_next_try(stage: Any, skip: int) -> None:
    """Its items and its total arrive once, whichever request was lost."""
    made = await drafted(stage.billing)
    total = Money(amount="150000.00", currency="EUR")
    items = (milestone("M4", "20000"), milestone("M5", "10000"))
    amendment = ScheduleAmendment(contract_id=f"ctr_{4:032x}", total=total, items=items)
    await stage.fail("outage", method="POST", skip=skip, times=4)
    assert (await refused(stage.billing.amend_schedule(made.id, amendment, "amend-0001")))[0].retryable
    assert await stage.billing.amended_schedule(made.id, "amend-0001") is None
    await stage.mend()
    assert made == await stage.billing.schedule(made.id)
    amended = await stage.billing.amend_schedule(made.id, amendment, "amend-0001")
    assert (total, ["M1", "M2", "M3", "M4", "M5"]) == (amended.total, [item.key for item in amended.items])


async def test_two_creators_of_one_schedule_make_one(stage: Any) -> None:
    """Under one key both get it; under two keys one is told that it exists."""
    account = await stage.billing.create_account(new_account(), "account-0001")
    new = new_schedule(account.id)
    both = await asyncio.gather(
        stage.billing.create_schedule(new, "schedule-0001"),
        stage.billing.create_schedule(new, "schedule-0002"),
        return_exceptions=True,
    )
    made = [one for one in both if isinstance(one, BillingSchedule)]
    failed = [one for one in both if isinstance(one, Failure)]
    assert (1, [(Kind.CONFLICT, "schedule_exists")]) == (len(made), [(one.kind, one.code) for one in failed])
    assert 3 == len((await stage.billing.schedule(made[0].id)).items)


async def test_a_delivery_without_a_good_signature_is_unauthenticated(stage: Any) -> None:
    """Nothing of its body is believed."""
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    call: Callable[[dict[str, str]], object] = lambda headers: stage.billing.hints(headers, b"{}", now)  # noqa: E731
    for headers in ({}, {"Stripe-Signature": "t=1,v1=00"}, {"Stripe-Signature": "v1=00"}):
        with pytest.raises(Failure) as caught:
            call(headers)
        assert Kind.UNAUTHENTICATED is caught.value.kind
