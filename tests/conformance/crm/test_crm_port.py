"""What every CRM connector must do, whoever the vendor is. Facts: the demo firm."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, date, datetime
from typing import Any

import pytest
from crm.stage import Stage

from canonical.money import Money, Rate
from canonical.sales import Address, Cap, ExpensePolicy, PurchaseOrder, Retainer, TaxRegistration
from servicekit.failures import Failure, Kind
from system_apis.crm.port import Crm

Collected = Callable[[AsyncIterator[Any], int], Coroutine[Any, Any, list[Any]]]


async def test_a_connector_is_a_crm(stage: Stage) -> None:
    """The connector has every method of the port, and its check passes on a well connection."""
    assert isinstance(stage.crm, Crm)
    await stage.crm.check()


async def test_an_open_deal_is_told_as_it_stands(stage: Stage) -> None:
    """Name, customer, contract, kind, value, entity and owner come over; an open deal has no moment of winning."""
    found = await stage.crm.opportunity(await stage.opportunity_id("D01"))
    assert (found.name, found.status, found.kind, found.won_at) == ("Grid data platform", "open", "new", None)
    assert found.value == Money(amount="174000.00", currency="EUR")
    assert (found.legal_entity_code, found.owner_email) == ("DE01", "sales.de01@northwind-advisory.example")
    customer = await stage.crm.customer(found.customer_id)
    contract = await stage.crm.contract(found.contract_id)
    assert (customer.number, contract.customer_id) == ("C2001", found.customer_id)


async def test_a_deal_is_won_when_the_crm_says_so(stage: Stage) -> None:
    """Status and moment of a win are the CRM's; another look says the same."""
    before = datetime.now(UTC).replace(microsecond=0)
    native_id = await stage.win("D01")
    found = await stage.crm.opportunity(native_id)
    assert found.status == "won"
    assert before <= found.won_at <= datetime.now(UTC)
    assert found.won_at == found.updated_at
    assert await stage.crm.opportunity(native_id) == found


async def test_a_reopened_deal_is_open_and_won_anew_later(stage: Stage) -> None:
    """A win that is taken back is none; the next one has its own moment."""
    native_id = await stage.win("D02")
    first = await stage.crm.opportunity(native_id)
    await stage.pass_time(600)
    await stage.reopen("D02")
    reopened = await stage.crm.opportunity(native_id)
    await stage.pass_time(1200)
    await stage.win("D02")
    again = await stage.crm.opportunity(native_id)
    assert (reopened.status, reopened.won_at) == ("open", None)
    assert (again.status, round((again.won_at - first.won_at).total_seconds() / 60)) == ("won", 20)


async def test_a_deal_without_services_needs_no_contract(stage: Stage) -> None:
    """The resale of licences has no contract."""
    found = await stage.crm.opportunity(await stage.opportunity_id("D09"))
    assert (found.kind, found.contract_id) == ("no_services", None)


async def test_a_customer_has_what_invoices_need(stage: Stage) -> None:
    """Number, address, billing e-mail and tax registration; a customer without a tax id has none."""
    french = await stage.crm.customer((await _opportunity(stage, "D03")).customer_id)
    american = await stage.crm.customer((await _opportunity(stage, "D06")).customer_id)
    assert (french.name, french.number, french.billing_email) == ("Lumiere Energie SA", "C2003", "ap@lumiere.example")
    assert french.address == Address(country="FR", street="12 Rue de la Paix", city="Paris", postal_code="75002")
    assert french.tax_registrations == (TaxRegistration(country="FR", id="FR68900000001"),)
    assert american.tax_registrations == ()


async def test_a_contract_by_milestones_is_whole(stage: Stage) -> None:
    """Dates are half-open, milestones and roles are in order, the lines add up to the total."""
    found = await _contract(stage, "D02")
    assert (found.status, found.signed_date) == ("signed", date(2026, 11, 22))
    assert (found.start_date, found.end_date) == (date(2026, 12, 1), date(2027, 6, 1))
    assert (found.legal_entity_code, found.cost_centre_code, found.payment_terms) == ("DE01", "CC-D10", "30 DAYS")
    assert [(m.key, m.amount.amount, m.bill_on) for m in found.milestones] == [
        ("M1", "30000.00", "acceptance"),
        ("M2", "60000.00", "acceptance"),
        ("M3", "30000.00", "acceptance"),
    ]
    assert [(line.method, line.amount) for line in found.lines] == [("milestone", found.total_value)]
    role = found.roles[0]
    assert (role.key, role.role, role.skills, role.hours) == ("R1", "Consultant", ("change-management",), 400)
    assert role.bill_rate == Rate(amount="150.00", currency="EUR")
    assert (role.start_date, role.end_date) == (found.start_date, found.end_date)
    assert (found.planned_margin_percent, found.non_standard_terms) == (35, False)


@pytest.mark.parametrize(
    ("key", "field", "expected"),
    [
        ("D03", "purchase_order", PurchaseOrder(required=True, number="PO-FR-7781")),
        ("D01", "expense_policy", ExpensePolicy(markup_percent="10")),
        ("D03", "expense_policy", None),
        ("D03", "tax_treatment", "reverse_charge"),
        ("D06", "cap", Cap(amount=Money(amount="9000.00", currency="USD"))),
        (
            "D07",
            "retainer",
            Retainer(
                kind="prepaid_draw_down",
                period="P1M",
                amount=Money(amount="12000.00", currency="USD"),
                included_hours=100,
            ),
        ),
        (
            "D10",
            "retainer",
            Retainer(kind="fixed_availability", period="P1M", amount=Money(amount="6000.00", currency="USD")),
        ),
        ("D11", "purchase_order", None),
        ("D14", "currency", "EUR"),
    ],
)
async def test_a_contract_says_how_it_is_billed(stage: Stage, key: str, field: str, expected: object) -> None:
    """Order, cap, retainer, tax treatment and currency come over; what was not agreed is absent."""
    assert getattr(await _contract(stage, key), field) == expected


async def test_an_extension_names_the_contract_that_it_amends(stage: Stage) -> None:
    """The amended contract can be read; it was won before the day."""
    extension = await _contract(stage, "D12")
    amended = await stage.crm.contract(extension.amends_contract_id)
    assert (await _opportunity(stage, "D12")).kind == "extension"
    assert (amended.number, amended.id) == ("H01", (await _opportunity(stage, "H01")).contract_id)
    assert (await _opportunity(stage, "H01")).status == "won"


async def test_deals_are_listed_by_their_last_change(stage: Stage) -> None:
    """Every deal comes once, oldest change first, however small the pages; the last page has no cursor."""
    seen = await _walked(stage, None, 4)
    assert len(seen) == 15
    assert len({found.id for found in seen}) == 15
    assert [found.updated_at for found in seen] == sorted(found.updated_at for found in seen)


async def test_a_listing_begins_with_the_moment_asked_for(stage: Stage) -> None:
    """What changed at `changed_since` is included, what changed before it is not."""
    native_id = await stage.win("D05")
    moment = (await stage.crm.opportunity(native_id)).updated_at
    assert [found.id for found in await _walked(stage, moment, 4)] == [native_id]


async def test_an_unknown_id_is_missing(stage: Stage) -> None:
    """Every CRM reports an id that it does not have as MISSING, and never shows the vendor's text."""
    for native_id in ("006SL0000000ZZZAAA", "no-such-id", "x' OR Name != '"):
        for read in (stage.crm.opportunity, stage.crm.customer, stage.crm.contract):
            with pytest.raises(Failure) as caught:
                await read(native_id)
            assert (caught.value.kind, caught.value.detail) == (Kind.MISSING, "the CRM has no such record")


async def test_an_expired_session_is_renewed_once(stage: Stage) -> None:
    """A call whose session has run out is repeated with a new one, and nobody notices."""
    native_id = await stage.opportunity_id("D01")
    await stage.crm.check()
    await stage.fault("expire_token", path="/services/data/", times=1)
    assert (await stage.crm.opportunity(native_id)).name == "Grid data platform"


async def test_a_busy_vendor_is_throttled_and_a_dead_one_unavailable(stage: Stage) -> None:
    """The vendor's own refusals become the two kinds that are worth repeating."""
    native_id = await stage.opportunity_id("D01")
    await stage.fault("throttle", path="/services/data/", times=1)
    with pytest.raises(Failure) as busy:
        await stage.crm.opportunity(native_id)
    await stage.fault("outage", path="/services/data/", times=9)
    with pytest.raises(Failure) as dead:
        await stage.crm.opportunity(native_id)
    assert (busy.value.kind, busy.value.retry_after_s) == (Kind.THROTTLED, 5.0)
    assert dead.value.kind is Kind.UNAVAILABLE


async def test_a_change_is_hinted(stage: Stage, collected: Collected) -> None:
    """The change feed names a deal that was won, and a repeated delivery names it again."""
    hints = stage.crm.changes()
    first = asyncio.create_task(collected(hints, 1))
    await _until_followed(stage)
    native_id = await stage.win("D01")
    assert [(hint.kind, hint.native_id) for hint in await first] == [("opportunity", native_id)]
    again = asyncio.create_task(collected(hints, 1))
    await asyncio.wait_for(_delivered(stage, "D01"), 5)
    assert [hint.native_id for hint in await again] == [native_id]
    await hints.aclose()


async def _opportunity(stage: Stage, key: str) -> Any:
    return await stage.crm.opportunity(await stage.opportunity_id(key))


async def _contract(stage: Stage, key: str) -> Any:
    return await stage.crm.contract((await _opportunity(stage, key)).contract_id)


async def _walked(stage: Stage, changed_since: datetime | None, limit: int) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = await stage.crm.opportunities(changed_since, cursor, limit)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


async def _until_followed(stage: Stage) -> None:
    """Until the feed has a subscriber: an event that has nobody to go to would be lost."""
    async with asyncio.timeout(5):
        while not await stage.is_followed():
            pass


async def _delivered(stage: Stage, key: str) -> None:
    while not await stage.deliver_again(key):
        pass
