"""What every identity provider must do for Syncline, whoever made it: each test runs on each vendor's sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canonical.people import IdentityAccount
from servicekit.failures import Failure, Kind
from system_apis.identity.port import Identity


async def everyone(identity: Identity, limit: int, since: datetime | None = None) -> list[IdentityAccount]:
    """Page after page to the end."""
    found: list[IdentityAccount] = []
    cursor: str | None = None
    while True:
        page = await identity.accounts(since, cursor, limit)
        found.extend(page.items)
        cursor = page.cursor
        if cursor is None:
            return found


async def test_the_connector_is_an_identity_port(stage: Any) -> None:
    """It offers every method of the port, and says that it works."""
    assert isinstance(stage.identity, Identity)
    await stage.identity.check()


async def test_an_account_is_read_whole(stage: Any) -> None:
    """Number, login, name, the address of the work, state and moment of change."""
    assert IdentityAccount(
        id="u1",
        worker_id="u1",
        worker_number="W1",
        login="ada.brandt@login.example",
        name="Ada Brandt",
        email="ada.brandt@x.example",
        active=True,
        updated_at=datetime(2026, 1, 1, 8, tzinfo=UTC),
    ) == await stage.identity.account("u1")


async def test_a_deactivated_account_is_still_read(stage: Any) -> None:
    """By id, by number and in the list; it only is not active any more."""
    assert not (await stage.identity.account("u3")).active
    assert ["u3"] == [account.id for account, _ in await stage.identity.accounts_of("W3", None)]
    assert "u3" in [account.id for account in await everyone(stage.identity, 50)]


@pytest.mark.parametrize("native_id", ["nobody", "../Groups", "u1?x=1", "u1%2F", " "])
async def test_an_unknown_id_is_missing(stage: Any, native_id: str) -> None:
    """Whatever the id looks like, it leads to one account or to none."""
    with pytest.raises(Failure) as failed:
        await stage.identity.account(native_id)
    assert Kind.MISSING is failed.value.kind


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_hold_every_account_once(stage: Any, limit: int) -> None:
    """Oldest first, also where the server gives less than was asked for."""
    assert [f"u{n}" for n in range(1, 8)] == [account.id for account in await everyone(stage.identity, limit)]


async def test_only_what_changed_since_a_moment_is_listed(stage: Any) -> None:
    """The moment itself is included; a deactivation is a change."""
    since = datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert ["u5", "u6", "u7"] == [one.id for one in await everyone(stage.identity, 2, since)]
    await stage.deactivate("u1")
    assert ["u1", "u5", "u6", "u7"] == [one.id for one in await everyone(stage.identity, 2, since)]
    assert [] == await everyone(stage.identity, 2, datetime.now(UTC) + timedelta(days=1))


async def test_an_account_is_found_by_worker_number(stage: Any) -> None:
    """Wherever the vendor keeps the number; exactly it; several are all told."""
    assert [("u1", "worker_number")] == [(one.id, by) for one, by in await stage.identity.accounts_of("W1", None)]
    several = await stage.identity.accounts_of("W5", "ben.vogel@x.example")
    assert [("u4", "worker_number"), ("u5", "worker_number")] == [(one.id, by) for one, by in several]
    assert () == await stage.identity.accounts_of("w1", None)
    assert () == await stage.identity.accounts_of("W", None)


@pytest.mark.parametrize("address", ["ben.vogel@x.example", "BEN@home.example", "Ben.Vogel@login.example"])
async def test_an_account_is_found_by_address_where_nobody_has_the_number(stage: Any, address: str) -> None:
    """Any of its addresses, or what the person signs in with; case says nothing."""
    assert [("u2", "email")] == [(one.id, by) for one, by in await stage.identity.accounts_of("W2", address)]


async def test_an_address_of_somebody_else_is_told_as_such(stage: Any) -> None:
    """An account that carries another number is another worker's; two with one address are both told."""
    other = await stage.identity.accounts_of("W9", "ada.brandt@x.example")
    assert [("u1", "other_worker")] == [(one.id, by) for one, by in other]
    both = await stage.identity.accounts_of("W9", "d.lenz@x.example")
    assert ["u6", "u7"] == [one.id for one, _ in both]


@pytest.mark.parametrize("text", ['W1" or active eq "true', "W1\\", '"', "W1) or (x", "Ö ß 日本", "a b"])
async def test_what_is_searched_for_is_data(stage: Any, text: str) -> None:
    """Quotes, backslashes and words of the query language find nobody and break nothing."""
    assert () == await stage.identity.accounts_of(text, text)


async def test_an_outage_heals_by_itself(stage: Any) -> None:
    """Reads are repeated: a short outage or lost answer is not seen; a long one is UNAVAILABLE."""
    await stage.fail("outage", times=1)
    assert "u1" == (await stage.identity.account("u1")).id
    await stage.fail("drop", times=1)
    assert "u1" == (await stage.identity.account("u1")).id
    await stage.fail("outage", times=3)
    with pytest.raises(Failure) as failed:
        await stage.identity.account("u1")
    assert Kind.UNAVAILABLE is failed.value.kind


async def test_being_throttled_is_waited_for(stage: Any) -> None:
    """A refusal is waited for as long as the vendor asks, and then the read goes on."""
    await stage.fail("throttle", times=1)
    assert "u1" == (await stage.identity.account("u1")).id


async def test_a_refused_token_is_our_misconfiguration(stage: Any) -> None:
    """Nobody else can mend it; the vendor's words and the token stay inside."""
    with pytest.raises(Failure) as failed:
        await stage.connect(stage.wrong_token).check()
    assert Kind.MISCONFIGURED is failed.value.kind
    assert "stale" not in str(failed.value)


async def test_nothing_is_ever_written(stage: Any) -> None:
    """Reading, listing and searching leave no trace in the vendor's journal of writes."""
    await everyone(stage.identity, 2)
    await stage.identity.accounts_of("W9", "nobody@x.example")
    assert [] == await stage.written()
