"""The cross-reference: minted once, linked once, and a native id never leaves the capability that knows it."""

import asyncio
import re
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from canonical.delivery import Resource
from canonical.entries import NewBillingMark
from canonical.money import Money
from canonical.references import ExternalId
from canonical.sales import Opportunity
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from system_apis.directory import Directory, Place

DEAL = Opportunity(
    id="006A",
    name="Grid",
    customer_id="001A",
    contract_id=None,
    status="open",
    kind="new",
    value=Money.of(100, "EUR"),
    close_date=date(2026, 12, 31),
    won_at=None,
    legal_entity_code="DE01",
    owner_email=None,
    updated_at=datetime(2026, 11, 23, 9, tzinfo=UTC),
)
PERSON = Resource(id="77", worker_id="W1", name="Ada", email=None, active=True)
STRANGER = "cus_" + "0" * 32


@pytest.fixture
def crm(system_database: Database, still_clock: SettableClock) -> Directory:
    return Directory(system_database, frozenset({"opportunity", "customer", "contract"}), still_clock)


@pytest.fixture
def psa(system_database: Database, still_clock: SettableClock) -> Directory:
    return Directory(system_database, frozenset({"resource"}), still_clock)


def deal(**changes: object) -> Opportunity:
    return msgspec.structs.replace(DEAL, **changes)


async def test_native_ids_become_canonical_ones(crm: Directory) -> None:
    """Every id field of a kind that the capability owns, each by its own prefix; an absent one stays absent."""
    known = await crm.adopt(DEAL, "crm-main")
    assert re.fullmatch(r"opp_[0-9a-f]{32}", known.id)
    assert re.fullmatch(r"cus_[0-9a-f]{32}", known.customer_id)
    assert None is known.contract_id
    assert DEAL == msgspec.structs.replace(known, id="006A", customer_id="001A", external_ids=())


async def test_the_native_id_is_told_beside_the_canonical_one(crm: Directory) -> None:
    """`external_ids` says where the record lives; what the connector has said there already is kept."""
    known = await crm.adopt(DEAL, "crm-main")
    assert (ExternalId(connection="crm-main", kind="opportunity", id="006A"),) == known.external_ids
    said = (ExternalId(connection="crm-main", kind="opportunity", id="006A", currency="EUR"),)
    assert said == (await crm.adopt(deal(external_ids=said), "crm-main")).external_ids


async def test_an_id_is_minted_once(crm: Directory) -> None:
    """However often and together with whatever else the record is read."""
    first = await crm.adopt(DEAL, "crm-main")
    again, other = await crm.adopt_all((DEAL, deal(id="006B")), "crm-main")
    assert first == again
    assert first.customer_id == other.customer_id
    assert first.id != other.id


async def test_an_id_is_minted_once_however_many_ask_at_the_same_time(crm: Directory) -> None:
    """Whoever comes first wins, and all others get the winner's."""
    orders = [("006A", "006B"), ("006B", "006A")] * 10
    read = await asyncio.gather(
        *(crm.adopt_all(tuple(deal(id=native) for native in order), "crm-main") for order in orders)
    )
    assert 2 == len({known.id for records in read for known in records})
    assert 1 == len({known.customer_id for records in read for known in records})
    assert 1 == len({records[order.index("006A")].id for records, order in zip(read, orders, strict=True)})


async def test_the_same_native_id_elsewhere_is_another_record(crm: Directory) -> None:
    """Ids are the connection's and the kind's own."""
    here, there = await crm.adopt(DEAL, "crm-main"), await crm.adopt(DEAL, "crm-apac")
    twin = await crm.adopt(deal(id="006A", customer_id="006A"), "crm-main")
    assert here.id != there.id
    assert here.id == twin.id
    assert twin.id.removeprefix("opp_") != twin.customer_id.removeprefix("cus_")


async def test_canonical_ids_are_left_as_they_are(crm: Directory) -> None:
    """A record that was adopted is not adopted twice."""
    known = await crm.adopt(DEAL, "crm-main")
    assert known == await crm.adopt(known, "crm-main")


async def test_an_unknown_id_of_a_kind_that_others_own_becomes_absent(psa: Directory) -> None:
    """A worker's native id is never shown, and no id is minted for what HR owns."""
    known = await psa.adopt(PERSON, "psa-main")
    assert None is known.worker_id
    assert known.id.startswith("res_")
    assert None is (await psa.adopt(PERSON, "psa-main")).worker_id


async def test_a_linked_id_of_a_kind_that_others_own_is_known(psa: Directory) -> None:
    """The link command tells which worker it is."""
    worker = "wrk_" + "1" * 32
    await psa.link("worker", worker, "psa-main", "W1")
    assert worker == (await psa.adopt(PERSON, "psa-main")).worker_id


async def test_a_link_is_made_once(crm: Directory) -> None:
    """The same link again is no change; the native record's being another's is a conflict, and changes nothing."""
    await crm.link("customer", STRANGER, "crm-main", "001A")
    await crm.link("customer", STRANGER, "crm-main", "001A")
    with pytest.raises(Failure) as caught:
        await crm.link("customer", "cus_" + "9" * 32, "crm-main", "001A")
    assert (Kind.CONFLICT, "already_linked") == (caught.value.kind, caught.value.code)
    assert STRANGER == (await crm.adopt(DEAL, "crm-main")).customer_id


async def test_of_two_who_link_at_the_same_time_one_is_refused(crm: Directory) -> None:
    """There is one winner, and the loser is told."""
    ids = [f"cus_{number:032d}" for number in range(6)]
    told = await asyncio.gather(*(crm.link("customer", one, "crm-main", "001A") for one in ids), return_exceptions=True)
    assert 1 == told.count(None)
    assert {"already_linked"} == {failure.code for failure in told if isinstance(failure, Failure)}
    assert ids[told.index(None)] == (await crm.adopt(DEAL, "crm-main")).customer_id


async def test_one_of_ours_may_live_in_several_places(crm: Directory, still_clock: SettableClock) -> None:
    """A customer has an account per company and currency; the oldest place is its place."""
    await crm.link("customer", STRANGER, "crm-main", "D1", legal_entity_code="DE01", currency="EUR")
    still_clock.advance(timedelta(seconds=1))
    await crm.link("customer", STRANGER, "crm-apac", "A1", legal_entity_code="AT01")
    wanted = (
        ExternalId(connection="crm-main", kind="customer", id="D1", legal_entity_code="DE01", currency="EUR"),
        ExternalId(connection="crm-apac", kind="customer", id="A1", legal_entity_code="AT01"),
    )
    assert wanted == await crm.places("customer", STRANGER)
    assert Place(connection="crm-main", native_id="D1") == await crm.place("customer", STRANGER)


async def test_an_unknown_id_has_no_place(crm: Directory) -> None:
    """MISSING, in the caller's words; an id of another kind is unknown too."""
    known = await crm.adopt(DEAL, "crm-main")
    for kind, canonical_id in (("customer", STRANGER), ("customer", known.id)):
        with pytest.raises(Failure, match="there is no customer") as caught:
            await crm.place(kind, canonical_id)
        assert Kind.MISSING is caught.value.kind
    assert () == await crm.places("customer", STRANGER)


async def test_canonical_ids_go_back_to_native_ones(crm: Directory) -> None:
    """What the vendor is sent holds the vendor's own ids."""
    known = await crm.adopt(DEAL, "crm-main")
    native = await crm.to_native(known, "crm-main")
    assert ("006A", "001A", None) == (native.id, native.customer_id, native.contract_id)


async def test_ids_of_kinds_that_others_own_go_out_as_they_are(psa: Directory) -> None:
    """The capability keeps them as references; it has no native id for them."""
    worker = "wrk_" + "1" * 32
    known = await psa.adopt(msgspec.structs.replace(PERSON, worker_id=worker), "psa-main")
    assert ("77", worker) == ((native := await psa.to_native(known, "psa-main")).id, native.worker_id)


async def test_a_stranger_is_refused(crm: Directory) -> None:
    """INVALID `unknown_reference`, naming the field: an id nobody knows, or one that lives in another connection."""
    known = await crm.adopt(DEAL, "crm-main")
    for wrong, connection in (
        (msgspec.structs.replace(known, customer_id=STRANGER), "crm-main"),
        (msgspec.structs.replace(known, id=known.id, customer_id=known.customer_id), "crm-apac"),
    ):
        with pytest.raises(Failure, match=f"is not known to {connection}") as caught:
            await crm.to_native(wrong, connection)
        assert (Kind.INVALID, "unknown_reference") == (caught.value.kind, caught.value.code)


async def test_nothing_to_adopt_is_nothing(crm: Directory) -> None:
    """An empty page asks the database nothing and is empty."""
    assert () == await crm.adopt_all((), "crm-main")


async def test_lists_of_ids_are_translated_at_once(system_database: Database, still_clock: SettableClock) -> None:
    """Each id of a list becomes the native one, in the same order; one stranger among them refuses the whole."""
    directory = Directory(system_database, frozenset({"time_entry", "expense", "milestone"}), still_clock)
    for native_id in ("11", "12"):
        await directory.link("time_entry", f"ten_{native_id:0>32}", "psa-main", native_id)
    await directory.link("time_entry", f"ten_{13:032}", "psa-other", "13")
    ours, elsewhere = (f"ten_{12:032}", f"ten_{11:032}"), f"ten_{13:032}"
    mark = NewBillingMark(invoice_number="DE-1", invoice_date=date(2026, 12, 31), time_entry_ids=ours)
    native = await directory.to_native(mark, "psa-main")
    assert (("12", "11"), (), ()) == (native.time_entry_ids, native.expense_ids, native.milestone_ids)
    stranger = msgspec.structs.replace(mark, time_entry_ids=(*ours, elsewhere))
    with pytest.raises(Failure) as caught:
        await directory.to_native(stranger, "psa-main")
    assert (Kind.INVALID, "unknown_reference") == (caught.value.kind, caught.value.code)


async def test_looking_an_id_up_mints_none(psa: Directory) -> None:
    """A record that nobody has met has no id yet."""
    assert None is await psa.known("resource", "77", "psa-main")
    met = await psa.adopt(PERSON, "psa-main")
    assert met.id == await psa.known("resource", "77", "psa-main")
