"""The connector's traps: sessions, pages of equal stamps, hidden fields, the day's calls, two won stages."""

from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from servicekit.failures import Failure, Kind
from servicekit.settings import Secret, SettingsError, read
from system_apis.crm.salesforce import Settings
from system_apis.crm.salesforce.settings import OpportunityFields

Org = Any  # the class stands in conftest.py, which tests cannot import
KEY = RSAKey.generate_key(2048)


@pytest.fixture
def sandbox_config() -> dict[str, Any]:
    public = KEY.as_dict(private=False)
    return {"public_key": {"n": public["n"], "e": public["e"]}, "batch_size": 2, "daily_requests": 100}


def pem() -> Secret:
    return Secret(KEY.as_pem(private=True).decode())


async def failure(awaitable: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        await awaitable
    return caught.value


async def tokens_asked(org: Org) -> int:
    return len(list(org.context.store.all("Session"))) - 1  # one is the test's own


async def test_an_assertion_opens_a_session(org: Org) -> None:
    """JWT bearer: signed by our key, for our user, no secret needed; the audience is the login host."""
    row_id = org.put_deal(1)
    crm = org.connector(grant="jwt_bearer", consumer_secret=None, username="u@firm.example", private_key=pem())
    assert (await crm.opportunity(row_id)).name == "Deal 1"


@pytest.mark.parametrize(
    "changes",
    [
        {"consumer_secret": Secret("guess")},
        {"grant": "jwt_bearer", "username": "stranger@firm.example", "private_key": pem()},
        {
            "grant": "jwt_bearer",
            "username": "u@firm.example",
            "private_key": pem(),
            "audience": "https://elsewhere.example",
        },
        {"grant": "jwt_bearer", "username": "u@firm.example", "private_key": Secret("no key")},
    ],
)
async def test_a_refused_login_is_misconfigured(org: Org, changes: dict[str, Any]) -> None:
    """Whatever is wrong with our credentials is ours to mend, and is told without them."""
    caught = await failure(org.connector(**changes).check())
    assert caught.kind is Kind.MISCONFIGURED
    assert "guess" not in f"{caught.detail} {caught.vendor_detail}"


def test_settings_name_what_a_grant_lacks() -> None:
    """A grant without its credentials is refused at the start, not at the first call."""
    document = {"login_url": "https://firm.my.salesforce.com", "consumer_key": "k", "grant": "jwt_bearer"}
    with pytest.raises(SettingsError, match="jwt_bearer needs username and private_key"):
        read(Settings, document, {})


async def test_one_session_serves_until_it_is_refused(org: Org) -> None:
    """A token is used again and again; refused, it is replaced once and the call repeated."""
    row_id = org.put_deal(1)
    crm = org.connector()
    for _ in range(3):
        await crm.opportunity(row_id)
    assert await tokens_asked(org) == 1
    await org.act("expire_sessions")
    assert (await crm.opportunity(row_id)).name == "Deal 1"
    assert await tokens_asked(org) == 0  # the test's own session has ended too: one session is left


async def test_a_401_that_a_new_session_does_not_cure_ends(org: Org) -> None:
    """A user who may not use the API gets 401 for ever: one new session, one repeat, then MISCONFIGURED."""
    row_id = org.put_deal(1)
    crm = org.connector()
    await org.fault("expire_token", path="/services/data/", times=2)
    assert (await failure(crm.opportunity(row_id))).kind is Kind.MISCONFIGURED
    assert await tokens_asked(org) == 2


async def test_records_of_one_stamp_are_paged_by_id(org: Org) -> None:
    """A bulk change gives many records one stamp: a page that ends within it goes on behind its last id."""
    expected = [org.put_deal(number) for number in range(1, 8)]
    crm = org.connector()
    seen: list[str] = []
    cursor: str | None = None
    for size in (3, 3, 1):
        page = await crm.opportunities(datetime(2026, 11, 1, 8, tzinfo=UTC), cursor, 3)
        assert len(page.items) == size
        seen += [found.id for found in page.items]
        cursor = page.cursor
    assert (seen, cursor) == (expected, None)


async def test_a_moment_within_a_second_includes_that_second(org: Org) -> None:
    """Stamps are whole seconds: what changed at .700 is stamped .000 and must not be left out."""
    org.put_deal(1)
    page = await org.connector().opportunities(datetime(2026, 11, 1, 8, 0, 0, 500_000, tzinfo=UTC), None, 10)
    assert len(page.items) == 1


async def test_a_foreign_cursor_is_malformed(org: Org) -> None:
    """A cursor that is none of ours never reaches a query."""
    caught = await failure(org.connector().opportunities(None, "now' OR Name != '", 10))
    assert (caught.kind, caught.code) == (Kind.MALFORMED, "invalid_cursor")


async def test_a_deal_without_account_is_left_out_until_it_has_one(org: Org) -> None:
    """It does not hold up the others, and asked for by its id it says what is missing."""
    broken = org.put_deal(1, AccountId=None)
    good = org.put_deal(2)
    crm = org.connector()
    assert [found.id for found in (await crm.opportunities(None, None, 10)).items] == [good]
    caught = await failure(crm.opportunity(broken))
    assert (caught.code, caught.errors[0].pointer) == ("record_incomplete", "/customer_id")


async def test_a_win_stands_through_another_won_stage(org: Org) -> None:
    """An organisation may have several won stages with names of its own; only IsWon says what they are."""
    for number, name in enumerate(("Verhandlung", "Gewonnen", "Gebucht"), 1):
        stage = {"MasterLabel": name, "ApiName": name, "IsActive": True, "SortOrder": number, "DefaultProbability": 1.0}
        flags = {"IsWon": number > 1, "IsClosed": number > 1, "ForecastCategoryName": "Closed"}
        org.put("OpportunityStage", "01J", number, **(stage | flags))
    row_id = org.put_deal(1, StageName="Verhandlung", AccountId=org.put("Account", "001", 1, Name="A"))
    org.put("OpportunityHistory", "008", 900, OpportunityId=row_id, StageName="Verhandlung")
    crm = org.connector()
    await org.stage(row_id, "Gewonnen")
    first = await crm.opportunity(row_id)
    await org.pass_time(600)
    await org.stage(row_id, "Gebucht")
    second = await crm.opportunity(row_id)
    assert (first.status, second.status, second.won_at) == ("won", "won", first.won_at)
    assert second.updated_at > first.updated_at


async def test_a_hidden_field_is_misconfigured(org: Org) -> None:
    """A field that is gone, or that our user may not see, fails the check by name in the log, and is never empty."""
    crm = org.connector(opportunity=OpportunityFields(kind="Hidden__c"))
    caught = await failure(crm.check())
    assert caught.kind is Kind.MISCONFIGURED
    assert "Hidden__c" in caught.vendor_detail


async def test_lists_leave_the_last_calls_of_the_day_to_others(org: Org) -> None:
    """Above the set share of the day's calls lists are THROTTLED, single records are still read."""
    row_id = org.put_deal(1)
    crm = org.connector(quota_percent=5)
    for _ in range(5):
        await crm.opportunity(row_id)
    assert (await failure(crm.opportunities(None, None, 10))).kind is Kind.THROTTLED
    assert (await crm.opportunity(row_id)).name == "Deal 1"


async def test_a_text_never_becomes_a_query(org: Org) -> None:
    """What stands in an id is a literal, whatever it holds."""
    org.put_deal(1)
    for given in ("' OR Name != '", "\\' OR Name != \\'", "\\"):
        assert (await failure(org.connector().opportunity(given))).kind is Kind.MISSING
