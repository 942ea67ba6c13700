"""Sources are hints: one change is one event by whatever road it was learnt, and what is older is left aside."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from canonical.envelope import Event
from canonical.events import OpportunityWon
from canonical.money import Money
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.eventlog import EventLog
from servicekit.failures import Failure, Kind
from system_apis.observing import Fields, Observer, Transition

BEGAN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DEAL = "opp_" + "1" * 32


class Watch:
    """Watches one deal: it is won whenever its status becomes won, lost deals say nothing."""

    def __init__(self, database: Database, clock: SettableClock) -> None:
        self.log = EventLog(database, clock)
        self._observer = Observer(database, self.log, "/system/crm/test", clock)
        self.formers: list[Fields | None] = []

    async def see(self, status: str, minute: int, *, deal: str = DEAL, connection: str = "crm-main") -> int:
        """Read the deal as it was at that minute."""

        def transitions(former: Fields | None) -> list[Transition]:
            self.formers.append(former)
            won = status == "won" and (former is None or former["status"] != "won")
            return [Transition(event="opportunity-won", data=_won(deal), legal_entity_code="DE01")] if won else []

        return await self._observer.observe(
            connection=connection,
            canonical_id=deal,
            version=BEGAN + timedelta(minutes=minute),
            fields={"status": status},
            transitions=transitions,
        )

    async def events(self) -> list[Event]:
        return [recorded.event for recorded in await self.log.read(0, 100)]


@pytest.fixture
def watch(system_database: Database, still_clock: SettableClock) -> Watch:
    return Watch(system_database, still_clock)


def _won(deal: str) -> OpportunityWon:
    return OpportunityWon(
        opportunity_id=deal,
        customer_id="cus_" + "1" * 32,
        contract_id=None,
        kind="new",
        value=Money.of(100, "EUR"),
        won_at=BEGAN,
    )


async def test_a_transition_becomes_an_event(watch: Watch, still_clock: SettableClock) -> None:
    """With our id for the record, our source, the entity, and what happened."""
    assert 0 == await watch.see("open", 0)
    assert 1 == await watch.see("won", 1)
    (event,) = await watch.events()
    assert ("syncline.opportunity-won.v1", "/system/crm/test", DEAL, "DE01", still_clock.now()) == (
        *(event.type, event.source, event.subject),
        *(event.legalentity, event.time),
    )
    assert _won(DEAL) == msgspec.json.decode(event.data, type=OpportunityWon)
    assert 32 == len(event.id)


async def test_a_record_is_first_seen_without_a_former(watch: Watch) -> None:
    """Whoever decides on transitions can tell a new record from a changed one."""
    await watch.see("open", 0)
    await watch.see("won", 1)
    await watch.see("lost", 2)
    assert [None, {"status": "open"}, {"status": "won"}] == watch.formers


async def test_the_same_change_by_three_roads_is_one_event(watch: Watch) -> None:
    """Webhook, feed and poll tell of one win: the first makes the event, the others find nothing new."""
    assert [1, 0, 0] == [await watch.see("won", 1) for _ in range(3)]
    assert 1 == len(await watch.events())


async def test_the_same_change_by_three_roads_at_once_is_one_event(watch: Watch) -> None:
    """Also when they come at the same moment, for a record that nobody has seen before."""
    seen = await asyncio.gather(*(watch.see("won", 1) for _ in range(8)))
    assert [0] * 7 + [1] == sorted(seen)
    assert 1 == len(await watch.events())


async def test_an_older_reading_is_left_aside(watch: Watch) -> None:
    """A hint that was held up on its way does not undo what is known; nobody is asked about it."""
    await watch.see("open", 0)
    await watch.see("won", 5)
    assert 0 == await watch.see("open", 3)
    assert 0 == await watch.see("won", 5)
    assert 2 == len(watch.formers)
    assert 1 == len(await watch.events())


async def test_a_reading_without_news_still_makes_older_ones_old(watch: Watch) -> None:
    """Won at 1, reopened at 2, won again at 3: whoever read 1 and 3 leaves the reading of 2 aside when it comes."""
    await watch.see("won", 1)
    await watch.see("won", 3)
    assert 0 == await watch.see("open", 2)
    assert 0 == await watch.see("won", 4)
    assert 1 == len(await watch.events())


async def test_a_second_win_is_a_second_event(watch: Watch) -> None:
    """Reopened and won again: another fact, with another id."""
    seen = [await watch.see(status, minute) for minute, status in enumerate(("won", "open", "won"))]
    assert [1, 0, 1] == seen
    first, second = await watch.events()
    assert first.id != second.id
    assert (first.type, first.subject) == (second.type, second.subject)


async def test_the_id_of_an_event_is_made_of_what_it_tells(watch: Watch, still_clock: SettableClock) -> None:
    """Of connection, type, record and the number of the transition: not of its road, its time or its data."""
    still_clock.advance(timedelta(hours=7))
    await watch.see("won", 1)
    (event,) = await watch.events()
    # sha256 of "crm-main\nsyncline.opportunity-won.v1\nopp_1111...1\n1", its first 32 digits
    assert "2c30d900a926a65678110a95df8696f2" == event.id


async def test_records_and_connections_have_events_of_their_own(watch: Watch) -> None:
    """The same native change in another connection, or of another deal, is another fact."""
    other = "opp_" + "2" * 32
    seen = [await watch.see("won", 1), await watch.see("won", 1, deal=other)]
    seen.append(await watch.see("won", 1, connection="crm-apac"))
    assert [1, 1, 1] == seen
    assert 3 == len({event.id for event in await watch.events()})


async def test_several_transitions_of_one_reading_are_numbered(
    system_database: Database, still_clock: SettableClock
) -> None:
    """Two things that became true at once are two events, and the next one goes on counting."""
    log = EventLog(system_database, still_clock)
    observer = Observer(system_database, log, "/system/crm/test", still_clock)

    async def see(minute: int, times: int) -> int:
        transition = Transition(event="opportunity-won", data=_won(DEAL))
        return await observer.observe(
            connection="crm-main",
            canonical_id=DEAL,
            version=BEGAN + timedelta(minutes=minute),
            fields={"minute": str(minute)},
            transitions=lambda _: [transition] * times,
        )

    assert [2, 0, 1] == [await see(1, 2), await see(2, 0), await see(3, 1)]
    events = [recorded.event for recorded in await log.read(0, 100)]
    assert (3, ["1", "2", "3"]) == (len({event.id for event in events}), [event.sequence for event in events])


async def test_a_reading_that_breaks_leaves_no_trace(system_database: Database, still_clock: SettableClock) -> None:
    """What was seen and what was announced are written together: the next reading finds the change again."""
    watch = Watch(system_database, still_clock)
    observer = Observer(system_database, watch.log, "/system/crm/test", still_clock)

    def breaks(_: Fields | None) -> list[Transition]:
        raise Failure(Kind.UNAVAILABLE, "the customer could not be read")

    with pytest.raises(Failure):
        await observer.observe(
            connection="crm-main",
            canonical_id=DEAL,
            version=BEGAN,
            fields={"status": "won"},
            transitions=breaks,
        )
    assert [] == await watch.events()
    assert 1 == await watch.see("won", 0)
