"""A write happens once per operation and key, and doubt about it is settled the way the vendor allows."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from servicekit.answers import StoredAnswers
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from system_apis.writes import Settlement, Writes

LEASE_S = 30.0
NATIVE_KEY = Settlement(kind="native_key")
UNIQUE_ID = Settlement(kind="unique_id")
MARKER = Settlement(kind="marker_search", lag_s=60.0)
NONE = Settlement(kind="none")
ALL = (NATIVE_KEY, UNIQUE_ID, MARKER, NONE)


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor makes."""

    number: int
    name: str = "card"


class Vendor:
    """Makes numbered cards, shows them when asked, and fails as it is told to, before or after the effect."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.made: list[Card] = []
        self.calls: list[str] = []
        self.fail_before: list[Failure] = []
        self.fail_after: list[Failure] = []
        self.away: list[Failure] = []
        self.shows = True

    async def write(self, settlement: Settlement, *, key: str = "key-0001", name: str = "card") -> Card:
        return await self._writes.perform(
            "createCard",
            key,
            Card(number=0, name=name),
            settlement=settlement,
            send=self._send,
            found=self._found,
            returns=Card,
        )

    async def _send(self) -> Card:
        self.calls.append("send")
        await asyncio.sleep(0)
        if self.fail_before:
            raise self.fail_before.pop()
        self.made.append(Card(number=len(self.made) + 1))
        if self.fail_after:
            raise self.fail_after.pop()
        return self.made[-1]

    async def _found(self) -> Card | None:
        self.calls.append("look")
        if self.away:
            raise self.away.pop()
        return self.made[0] if self.made and self.shows else None


@pytest.fixture
def vendor(system_database: Database, still_clock: SettableClock) -> Vendor:
    return Vendor(Writes(StoredAnswers(system_database, still_clock, owner="test", lease_s=LEASE_S)))


@pytest.fixture
def wait(still_clock: SettableClock) -> Callable[[float], None]:
    """Lets so many seconds pass."""
    return lambda seconds: still_clock.advance(timedelta(seconds=seconds))


def doubt(kind: Kind = Kind.IN_DOUBT) -> Failure:
    return Failure(kind, "no answer came")


async def refused(vendor: Vendor, settlement: Settlement, **more: str) -> Failure:
    """What the write is refused with."""
    with pytest.raises(Failure) as caught:
        await vendor.write(settlement, **more)
    return caught.value


@pytest.mark.parametrize("settlement", ALL, ids=lambda one: one.kind)
async def test_a_write_is_sent_once_per_key(vendor: Vendor, settlement: Settlement) -> None:
    """A repeat gets the first answer; nobody looks where nothing is in doubt; another key is another write."""
    assert [Card(number=1)] * 2 == [await vendor.write(settlement) for _ in range(2)]
    assert Card(number=2) == await vendor.write(settlement, key="key-0002")
    assert ["send", "send"] == vendor.calls


async def test_of_many_at_once_one_sends(vendor: Vendor) -> None:
    """The others are told that it is being done, and get the answer when they ask again."""
    told = await asyncio.gather(*(vendor.write(MARKER) for _ in range(6)), return_exceptions=True)
    assert ["send"] == vendor.calls
    assert Card(number=1) in told
    assert {Kind.BUSY} >= {failure.kind for failure in told if isinstance(failure, Failure)}
    assert Card(number=1) == await vendor.write(MARKER)


async def test_a_key_stands_for_one_request(vendor: Vendor) -> None:
    """The same key with other data is a mistake of the caller; nothing is sent."""
    await vendor.write(NATIVE_KEY)
    failure = await refused(vendor, NATIVE_KEY, name="another")
    assert (Kind.INVALID, "idempotency_key_reused") == (failure.kind, failure.code)
    assert ["send"] == vendor.calls


@pytest.mark.parametrize("settlement", ALL, ids=lambda one: one.kind)
async def test_a_refusal_frees_the_key(vendor: Vendor, settlement: Settlement) -> None:
    """A clear no had no effect: the same key may be sent again at once, without looking."""
    vendor.fail_before = [Failure(Kind.INVALID, "no such cost centre", "unknown_cost_centre")]
    assert "unknown_cost_centre" == (await refused(vendor, settlement)).code
    assert Card(number=1) == await vendor.write(settlement)
    assert ["send", "send"] == vendor.calls


@pytest.mark.parametrize("kind", [Kind.IN_DOUBT, Kind.TIMED_OUT, Kind.BAD_UPSTREAM])
@pytest.mark.parametrize("settlement", ALL, ids=lambda one: one.kind)
async def test_a_lost_answer_is_doubt_and_the_effect_is_found(
    vendor: Vendor, settlement: Settlement, kind: Kind
) -> None:
    """However the vendor settles doubt, what is found is the answer, and nothing is made twice."""
    vendor.fail_after = [doubt(kind)]
    assert Kind.IN_DOUBT is (await refused(vendor, settlement)).kind
    assert [Card(number=1)] * 2 == [await vendor.write(settlement) for _ in range(2)]
    assert ["send", "look"] == vendor.calls
    assert 1 == len(vendor.made)


@pytest.mark.parametrize("settlement", [NATIVE_KEY, UNIQUE_ID], ids=lambda one: one.kind)
async def test_a_vendor_that_repeats_safely_is_sent_the_write_again(vendor: Vendor, settlement: Settlement) -> None:
    """At once, after looking: the vendor may have forgotten the key, and then only looking prevents a second one."""
    vendor.fail_before = [doubt()]
    await refused(vendor, settlement)
    assert Card(number=1) == await vendor.write(settlement)
    assert ["send", "look", "send"] == vendor.calls


async def test_a_vendor_that_is_searched_is_given_its_lag(vendor: Vendor, wait: Callable[[float], None]) -> None:
    """Not finding the marker counts only after the write's lease and the vendor's lag; then it is sent again."""
    vendor.fail_before = [doubt()]
    await refused(vendor, MARKER)
    early = await refused(vendor, MARKER)
    assert (Kind.IN_DOUBT, 90.0) == (early.kind, early.retry_after_s)
    wait(89.0)
    late = await refused(vendor, MARKER)
    assert (Kind.IN_DOUBT, 1.0) == (late.kind, late.retry_after_s)
    assert ["send", "look", "look"] == vendor.calls
    wait(1.0)
    assert Card(number=1) == await vendor.write(MARKER)
    assert ["send", "look", "look", "look", "send"] == vendor.calls


async def test_a_record_that_shows_late_is_not_made_twice(vendor: Vendor, wait: Callable[[float], None]) -> None:
    """The reason for the lag: the write arrived, and the vendor's search knows of it a minute later."""
    vendor.fail_after, vendor.shows = [doubt()], False
    await refused(vendor, MARKER)
    wait(45.0)
    assert Kind.IN_DOUBT is (await refused(vendor, MARKER)).kind
    vendor.shows = True
    assert Card(number=1) == await vendor.write(MARKER)
    assert 1 == len(vendor.made)


async def test_doubt_that_nobody_can_settle_needs_a_person(vendor: Vendor, wait: Callable[[float], None]) -> None:
    """However long one waits, nothing is sent again: not finding it proves nothing."""
    vendor.fail_before = [doubt()]
    await refused(vendor, NONE)
    for seconds in (0.0, 3600.0, 86400.0 * 30):
        wait(seconds)
        failure = await refused(vendor, NONE)
        assert (Kind.IN_DOUBT, "needs_person") == (failure.kind, failure.code)
    assert ["send", "look", "look", "look"] == vendor.calls


async def test_looking_that_fails_settles_nothing(vendor: Vendor, wait: Callable[[float], None]) -> None:
    """A vendor that cannot be asked leaves the write in doubt; it is not sent."""
    vendor.fail_after = [doubt()]
    await refused(vendor, MARKER)
    wait(3600.0)
    vendor.away = [Failure(Kind.UNAVAILABLE, "away")]
    assert Kind.UNAVAILABLE is (await refused(vendor, MARKER)).kind
    assert Card(number=1) == await vendor.write(MARKER)
    assert ["send", "look", "look"] == vendor.calls


@pytest.mark.parametrize("settlement", [NATIVE_KEY, MARKER], ids=lambda one: one.kind)
async def test_doubt_after_doubt_is_still_settled_by_looking(
    vendor: Vendor, settlement: Settlement, wait: Callable[[float], None]
) -> None:
    """The second try is lost as well; its effect is found, and there is one record."""
    vendor.fail_before, vendor.fail_after = [doubt()], [doubt()]
    await refused(vendor, settlement)
    wait(LEASE_S + settlement.lag_s)
    assert Kind.IN_DOUBT is (await refused(vendor, settlement)).kind
    assert Card(number=1) == await vendor.write(settlement)
    assert (1, ["send", "look", "send", "look"]) == (len(vendor.made), vendor.calls)


async def test_an_answer_is_kept_for_four_hundred_days(vendor: Vendor, wait: Callable[[float], None]) -> None:
    """A business key is remembered over a fiscal year and its audit; after that it is a new write."""
    await vendor.write(NATIVE_KEY)
    wait(86400.0 * 400 - 1)
    assert Card(number=1) == await vendor.write(NATIVE_KEY)
    wait(1.0)
    assert Card(number=2) == await vendor.write(NATIVE_KEY)


async def test_operations_have_keys_of_their_own(vendor: Vendor) -> None:
    """The same key for another operation is another write."""
    await vendor.write(NATIVE_KEY)

    async def nothing() -> Card | None:
        return None

    other = await vendor._writes.perform(
        "closeCard", "key-0001", None, settlement=NATIVE_KEY, send=vendor._send, found=nothing, returns=Card
    )
    assert Card(number=2) == other
