"""Lost answers, outages and races while something is posted: one document, one set of entries, and the truth told."""

import asyncio
from collections.abc import Awaitable
from datetime import date
from typing import Any

import pytest
from erp_postings import DAY, NUMBER, REFERENCE, invoice, journal, posting

from servicekit.failures import Failure, Kind

KEY = "run-1:posting"


async def failure_of(work: Awaitable[object]) -> Failure:
    with pytest.raises(Failure) as caught:
        await work
    return caught.value


async def entries(stage: Any) -> int:
    return len((await stage.erp.ledger_entries("DE01", None, None, None, 200)).items)


async def held(stage: Any) -> int:
    """The number of the request that a fault holds, once there is one."""
    waiting: list[Any] = []
    while not waiting:
        waiting = (await stage.control.get("/_sandbox/held")).json()
    return int(waiting[0]["id"])


@pytest.mark.parametrize("kind", ["lose_answer", "drop"])
async def test_a_draft_without_an_answer_is_in_doubt_and_settled(stage: Any, kind: str) -> None:
    """Whether it arrived or not, looking tells, and trying again leaves one draft."""
    new = await invoice(stage.erp)
    await stage.fail(kind, method="POST", path="salesInvoices")
    assert Kind.IN_DOUBT is (await failure_of(stage.erp.create_receivable(new, KEY))).kind
    found = await stage.erp.created_receivable(new, KEY)
    assert (kind == "lose_answer") is (found is not None)
    made = await stage.erp.create_receivable(new, KEY)
    assert found in {None, made}
    assert (made,) == await stage.erp.receivables_of("DE01", REFERENCE)


async def test_a_posting_without_an_answer_is_read_back(stage: Any) -> None:
    """The action's answer is lost; the document says that it is posted."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.fail("lose_answer", method="POST", path=r"NAV\.post")
    posted = await stage.erp.post_receivable(made.id, posting())
    assert ("posted", NUMBER, 3) == (posted.status, posted.reference, await entries(stage))


async def test_a_posting_that_never_arrived_is_in_doubt_and_repeated(stage: Any) -> None:
    """The document is still a draft: nobody can say yet, and asking again posts it once."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.fail("drop", method="POST", path=r"NAV\.post")
    assert Kind.IN_DOUBT is (await failure_of(stage.erp.post_receivable(made.id, posting()))).kind
    assert "posted" == (await stage.erp.post_receivable(made.id, posting())).status
    assert 3 == await entries(stage)


async def test_numbering_without_an_answer_heals(stage: Any) -> None:
    """The number was written and the answer lost: it is found in place, and posted."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.fail("lose_answer", method="PATCH")
    assert "posted" == (await stage.erp.post_receivable(made.id, posting())).status


async def test_the_loser_of_a_race_finds_it_posted(stage: Any) -> None:
    """Two post one draft at once: one does, the other is told that it is done; the entries are there once."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.fail("hold_before", method="POST", path=r"NAV\.post")
    slow = asyncio.create_task(stage.erp.post_receivable(made.id, posting()))
    waiting = await held(stage)
    fast = await stage.erp.post_receivable(made.id, posting())
    await stage.control.post(f"/_sandbox/held/{waiting}/release")
    assert fast == await slow
    assert 3 == await entries(stage)


async def test_the_loser_of_a_race_under_another_number_is_told(stage: Any) -> None:
    """The same draft under two numbers: the one that lost learns under which number it is posted."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.fail("hold_before", method="POST", path=r"NAV\.post")
    slow = asyncio.create_task(stage.erp.post_receivable(made.id, posting()))
    waiting = await held(stage)
    await stage.erp.post_receivable(made.id, posting(external_number="INV-DE01-0002"))
    await stage.control.post(f"/_sandbox/held/{waiting}/release")
    failure = await failure_of(slow)
    assert (Kind.CONFLICT, "already_posted") == (failure.kind, failure.code)
    assert 3 == await entries(stage)


async def test_a_throttled_posting_had_no_effect(stage: Any) -> None:
    """THROTTLED says that nothing happened: the draft is still there, and posts later."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.fail("throttle", method="POST", path=r"NAV\.post")
    assert Kind.THROTTLED is (await failure_of(stage.erp.post_receivable(made.id, posting()))).kind
    assert ("draft", 0) == ((await stage.erp.receivable(made.id)).status, await entries(stage))
    assert "posted" == (await stage.erp.post_receivable(made.id, posting())).status


async def test_a_discarding_without_an_answer_heals(stage: Any) -> None:
    """Removing is repeated by itself; what is gone is gone."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.fail("lose_answer", method="DELETE")
    await stage.erp.discard_receivable(made.id)
    assert () == await stage.erp.receivables_of("DE01", REFERENCE)


@pytest.mark.parametrize(
    ("kind", "path", "settled"),
    [
        ("lose_answer", r"journals$", False),
        ("drop", r"journals$", False),
        ("lose_answer", r"NAV\.post", True),
        ("drop", r"NAV\.post", False),
    ],
)
async def test_a_journal_without_an_answer_is_posted_once(stage: Any, kind: str, path: str, settled: bool) -> None:
    """Lost at the making or at the posting, arrived or not: the ledger decides, and a repeat completes it."""
    await stage.fail(kind, method="POST", path=path)
    if settled:
        assert "posted" == (await stage.erp.create_journal(journal(), KEY)).status
    else:
        assert Kind.IN_DOUBT is (await failure_of(stage.erp.create_journal(journal(), KEY))).kind
        assert await stage.erp.created_journal(journal(), KEY) is None
    assert "posted" == (await stage.erp.create_journal(journal(), KEY)).status
    assert 2 == await entries(stage)


async def test_a_journal_that_waits_says_so(stage: Any) -> None:
    """Made and not posted: it is told as prepared until a repeat posts it."""
    await stage.fail("drop", method="POST", path=r"NAV\.post")
    await failure_of(stage.erp.create_journal(journal(), KEY))
    waiting = await stage.erp.journals_of("DE01", journal().reference)
    assert [("prepared", DAY, ())] == [(one.status, one.posting_date, one.entry_numbers) for one in waiting]
    posted = await stage.erp.create_journal(journal(), KEY)
    assert (waiting[0].id, "posted") == (posted.id, posted.status)


async def test_a_journal_that_waits_is_replaced_by_a_corrected_one(stage: Any) -> None:
    """What an earlier try left unposted is no obstacle: the corrected journal is posted, the left one is not."""
    await stage.fail("drop", method="POST", path=r"NAV\.post")
    await failure_of(stage.erp.create_journal(journal(), KEY))
    corrected = journal(posting_date=date(2026, 11, 30))
    made = await stage.erp.create_journal(corrected, "another-key")
    assert ("posted", date(2026, 11, 30), 2) == (made.status, made.posting_date, await entries(stage))


async def test_two_who_post_one_journal_post_it_once(stage: Any) -> None:
    """The batch is emptied by the first: the second finds nothing to post, looks, and sees it done."""
    await stage.fail("hold_before", method="POST", path=r"NAV\.post")
    slow = asyncio.create_task(stage.erp.create_journal(journal(), KEY))
    waiting = await held(stage)
    fast = await stage.erp.create_journal(journal(), "another-key")
    await stage.control.post(f"/_sandbox/held/{waiting}/release")
    assert fast == await slow
    assert 2 == await entries(stage)


@pytest.mark.parametrize(("method", "path"), [("POST", r"salesInvoices$"), ("POST", r"NAV\.post")])
async def test_what_was_written_and_cannot_be_read_is_in_doubt(stage: Any, method: str, path: str) -> None:
    """The write went through and every look fails: never UNAVAILABLE, which would say that nothing happened."""
    new = await invoice(stage.erp)
    made = None if "post" not in path else await stage.erp.create_receivable(new, KEY)
    await stage.fail("hold_after", method=method, path=path)
    work = stage.erp.create_receivable(new, KEY) if made is None else stage.erp.post_receivable(made.id, posting())
    writing = asyncio.create_task(work)
    waiting = await held(stage)
    await stage.fail("outage", method="GET", times=None)
    await stage.control.post(f"/_sandbox/held/{waiting}/release")
    assert Kind.IN_DOUBT is (await failure_of(writing)).kind
    await stage.mend()
    assert 1 == len(await stage.erp.receivables_of("DE01", REFERENCE if made is None else NUMBER))


async def test_a_posted_journal_that_cannot_be_read_is_in_doubt(stage: Any) -> None:
    """Posted, and the ledger does not answer: a repeat finds it."""
    await stage.fail("hold_after", method="POST", path=r"NAV\.post")
    writing = asyncio.create_task(stage.erp.create_journal(journal(), KEY))
    waiting = await held(stage)
    await stage.fail("outage", method="GET", times=None)
    await stage.control.post(f"/_sandbox/held/{waiting}/release")
    assert Kind.IN_DOUBT is (await failure_of(writing)).kind
    await stage.mend()
    assert "posted" == (await stage.erp.create_journal(journal(), KEY)).status
    assert 2 == await entries(stage)
