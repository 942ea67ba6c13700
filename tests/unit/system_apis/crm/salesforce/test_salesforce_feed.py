"""The change feed: merged, gapped, repeated and unreadable events; losses of connection, client, session and place."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from system_apis.crm.salesforce.sandbox.identifiers import record_id
from system_apis.listing import Hint

Org = Any  # the class stands in conftest.py, which tests cannot import


@pytest.fixture
async def feed(org: Org) -> AsyncIterator["Feed"]:
    following = Feed(org)
    await following.is_on()
    yield following
    await following.close()


class Feed:
    """A connector's change feed, read into a queue."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._queue: asyncio.Queue[Hint] = asyncio.Queue()
        self._task = asyncio.create_task(self._read(org.connector().changes()))

    async def is_on(self) -> None:
        """Until the sandbox has a subscriber."""
        async with asyncio.timeout(5):
            while not await self._org.act("subscribers"):
                pass

    async def ids(self, count: int) -> list[str]:
        async with asyncio.timeout(8):
            return [(await self._queue.get()).native_id for _ in range(count)]

    @property
    def is_empty(self) -> bool:
        return self._queue.empty()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, hints: AsyncIterator[Hint]) -> None:
        async for hint in hints:
            await self._queue.put(hint)


async def deals(org: Org, count: int) -> list[str]:
    account = org.put("Account", "001", 1, Name="Alpenstrom")
    return [org.put_deal(number, AccountId=account) for number in range(1, count + 1)]


async def test_the_same_change_of_several_records_is_one_event_with_a_hint_each(org: Org, feed: Feed) -> None:
    """Salesforce merges: the event names all its records."""
    ids = await deals(org, 2)
    rows = [{"attributes": {"type": "Opportunity"}, "Id": row_id, "NextStep": "call"} for row_id in ids]
    await org.http.patch("/services/data/v67.0/composite/sobjects", json={"records": rows})
    assert await feed.ids(2) == ids
    events = list(org.context.store.all("ChangeEvent"))
    header = events[0]["payload"]["ChangeEventHeader"]
    assert (len(events), header["recordIds"], header["changeType"]) == (1, ids, "UPDATE")
    assert header["changedFields"] == ["LastModifiedById", "LastModifiedDate", "NextStep"]


async def test_a_gap_event_is_a_hint_and_what_names_no_record_is_none(org: Org, feed: Feed) -> None:
    """An event without data says: read again. A wildcard or an overflow can only be left to the poll."""
    row_id = record_id("006", 1)
    for unreadable in ("006*", "000000000000000AAA"):
        await org.act("gap", entity="Opportunity", record_ids=[unreadable], change_type="GAP_OVERFLOW")
    await org.act("gap", entity="Opportunity", record_ids=[row_id])
    assert await feed.ids(1) == [row_id]
    assert feed.is_empty


async def test_a_repeated_delivery_is_a_hint_again(org: Org, feed: Feed) -> None:
    """At least once: whoever reads the hints takes repeats."""
    row_id = (await deals(org, 1))[0]
    await org.stage(row_id, "Closed Won")
    assert await feed.ids(1) == [row_id]
    assert (await org.act("redeliver", record_id=row_id))["deliveries"] == 1
    assert await feed.ids(1) == [row_id]


@pytest.mark.parametrize("loss", ["client", "session", "connection"])
async def test_nothing_is_lost_while_the_feed_connects_again(org: Org, feed: Feed, loss: str) -> None:
    """After any loss we shake hands again and go on behind the last event that we saw."""
    first, second = await deals(org, 2)
    await org.stage(first, "Closed Won")
    assert await feed.ids(1) == [first]
    if loss == "client":
        await org.act("forget_clients")
    elif loss == "session":
        await org.act("expire_sessions")
        await org.sign_in()
    else:
        await org.fault("drop", path="/cometd/", times=1)
    await org.stage(second, "Closed Won")
    assert await feed.ids(1) == [second]


async def test_a_place_that_is_no_longer_kept_is_given_up(org: Org, feed: Feed) -> None:
    """Events are kept for 72 hours: after a longer absence the feed goes on with new ones, the poll has the rest."""
    first, second, third = await deals(org, 3)
    await org.stage(first, "Closed Won")
    assert await feed.ids(1) == [first]
    await org.fault("outage", path="/cometd/", times=None)
    await org.act("forget_clients")
    await org.stage(second, "Closed Won")
    await org.stage(third, "Closed Won")
    for event in list(org.context.store.all("ChangeEvent"))[:2]:
        org.context.store.delete("ChangeEvent", str(event["replayId"]))
    await org.clear_faults()
    await feed.is_on()
    await org.act("gap", entity="Opportunity", record_ids=[first])
    assert await feed.ids(1) == [first]
