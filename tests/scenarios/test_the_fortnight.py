"""The demo firm's fortnight on the whole system: what it leaves in billing, ERP, PSA and in the event log."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from played_fortnight import PlayedFortnight, played_fortnight

from demo import fortnight
from demo.invoicing import Invoicing
from demo.morning import demo_firm
from demo.syncline import signed_in
from demo.work import WAITING, month_ends
from servicekit.clock import SystemClock


@pytest.fixture(scope="module")
async def whole_fortnight() -> AsyncIterator[PlayedFortnight]:
    """Both are played on a system of their own, which stays up for this module."""
    with tempfile.TemporaryDirectory(prefix="sl-") as folder:
        async with played_fortnight(Path(folder)) as played:
            yield played


async def test_every_check_of_the_fortnight_holds(whole_fortnight: PlayedFortnight) -> None:
    """Read in the vendors' own APIs: every document once, every account in balance, both identities by contract."""
    assert [] == [f"{one.name}: {one.expected} != {one.seen}" for one in whole_fortnight.checks if not one.ok]
    assert 128 == len(whole_fortnight.checks)


async def test_each_fact_of_the_fortnight_is_one_event(whole_fortnight: PlayedFortnight) -> None:
    """However often a hook, a poll or our own command tells of it."""
    assert (
        Counter(
            {
                "time-approved": 95,  # one of them again, with its late price
                "time-approval-withdrawn": 1,
                "expense-approved": 1,
                "milestone-accepted": 1,
                "invoice-approved": 10,
                "invoice-issued": 10,
                "invoice-posted": 10,
                "revenue-posted": 11,
                "exception-raised": 4,  # the missing rate in the rehearsal, and again
                "exception-resolved": 2,
            }
        )
        == whole_fortnight.events
    )


async def test_a_late_invoice_is_posted_in_the_next_period_and_says_why(whole_fortnight: PlayedFortnight) -> None:
    """The month was closed while it waited: it is never reopened, and never moved silently (B28)."""
    first = month_ends(demo_firm(SystemClock().now().date()))
    async with signed_in(whole_fortnight.system.told) as syncline:
        late = await Invoicing(syncline).release_of(WAITING)
    assert (first, first) == (late.document_date, late.posting_date)
    assert late.posting_moved is not None
    assert f"{first} is the next day that does" in late.posting_moved


async def test_a_fortnight_that_was_played_is_judged_and_not_played_again(whole_fortnight: PlayedFortnight) -> None:
    """`make run KEEP=1` goes on with what is there: nothing is entered, billed or paid a second time."""
    again = await fortnight.play(whole_fortnight.system.told, SystemClock())
    assert whole_fortnight.checks == again
