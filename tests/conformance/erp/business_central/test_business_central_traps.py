"""The traps of Business Central's own page, each met on the sandbox over a real socket."""

import asyncio
from datetime import date
from typing import Any

import pytest

from canonical.ledger import NewCustomerAccount, NewProjectShell, ShellAmendment
from servicekit.clock import SystemClock
from servicekit.failures import Failure, Kind
from servicekit.settings import read
from system_apis.erp import business_central


def settings_of(stage: Any, **changes: Any) -> business_central.Settings:
    return read(business_central.Settings, stage.settings | changes, {})


async def failure_with(settings: business_central.Settings) -> Failure:
    """What a connection with these settings fails with when it is checked."""
    connector = business_central.Connector.connect("erp-main", settings, SystemClock())
    try:
        with pytest.raises(Failure) as caught:
            await connector.check()
    finally:
        await connector.close()
    return caught.value


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"client_secret": "wrong"}, "credentials_refused"),
        ({"client_id": "stranger"}, "credentials_refused"),
        ({"tenant": "nobody"}, "credentials_refused"),
        ({"environment": "test"}, "environment_not_found"),
    ],
)
async def test_wrong_settings_are_misconfigured(stage: Any, change: dict[str, str], code: str) -> None:
    """What only we can mend is MISCONFIGURED under a code, and no secret is in any text of it."""
    failure = await failure_with(settings_of(stage, **change))
    assert (Kind.MISCONFIGURED, code) == (failure.kind, failure.code)
    assert "the-secret" not in repr(failure.args)


async def test_a_company_that_is_not_there_is_misconfigured(stage: Any) -> None:
    """The settings name a company that the environment does not have."""
    companies = {"DE01": stage.settings["companies"]["DE01"] | {"company": "Elsewhere GmbH"}}
    failure = await failure_with(settings_of(stage, companies=companies))
    assert (Kind.MISCONFIGURED, "company_not_found") == (failure.kind, failure.code)


async def test_an_installation_without_the_extension_is_misconfigured(stage: Any) -> None:
    """Shells need the projectCards page; where it is not installed, the code says so."""
    settings = settings_of(stage, project_extension_path="api/nobody/projects/v1.0")
    connector = business_central.Connector.connect("erp-main", settings, SystemClock())
    with pytest.raises(Failure) as caught:
        await connector.project_shells("DE01", None, 50)
    await connector.close()
    assert (Kind.MISCONFIGURED, "page_not_published") == (caught.value.kind, caught.value.code)


async def test_a_company_may_be_named_by_its_id(stage: Any) -> None:
    """Name and id in the settings mean the same company."""
    german = next(entity for entity in await stage.erp.legal_entities() if entity.code == "DE01")
    companies = {"DE01": stage.settings["companies"]["DE01"] | {"company": german.id}}
    settings = settings_of(stage, companies=companies)
    connector = business_central.Connector.connect("erp-main", settings, SystemClock())
    assert (german,) == await connector.legal_entities()
    await connector.close()


async def test_a_second_currency_has_its_own_number(stage: Any) -> None:
    """Customers have one currency: C2008 stays the pounds' account, C2008-EUR is the euros'."""
    pounds = await stage.erp.customer_account_of("GB01", "C2008", "GBP")
    euros = await stage.erp.create_customer_account(account("GB01", "C2008", "EUR"), "key-1234")
    assert ("C2008", "C2008-EUR") == (pounds.number, euros.number)
    assert pounds == await stage.erp.customer_account_of("GB01", "C2008", "GBP")


async def test_a_base_number_with_another_currency_is_taken(stage: Any) -> None:
    """A person made the number in euros: the pounds' account cannot have it, and a person is told."""
    await seed_customer(stage, "C3001", "EUR")
    with pytest.raises(Failure) as caught:
        await stage.erp.create_customer_account(account("GB01", "C3001", "GBP"), "key-1234")
    assert (Kind.CONFLICT, "number_taken") == (caught.value.kind, caught.value.code)
    assert "C3001" == (await stage.erp.customer_account_of("GB01", "C3001", "EUR")).number


async def test_two_accounts_that_fit_are_a_conflict(stage: Any) -> None:
    """C3002 and C3002-EUR both in euros: nobody guesses."""
    await seed_customer(stage, "C3002", "EUR")
    await seed_customer(stage, "C3002-EUR", "EUR")
    with pytest.raises(Failure) as caught:
        await stage.erp.customer_account_of("GB01", "C3002", "EUR")
    assert (Kind.CONFLICT, "several_accounts") == (caught.value.kind, caught.value.code)


async def test_a_customer_number_has_twenty_characters(stage: Any) -> None:
    """A longer one is INVALID before anything is sent."""
    with pytest.raises(Failure) as caught:
        await stage.erp.create_customer_account(account("GB01", "C" * 17, "EUR"), "key-1234")
    assert (Kind.INVALID, "customer_number_too_long") == (caught.value.kind, caught.value.code)


async def test_a_record_that_changed_meanwhile_is_read_again(stage: Any) -> None:
    """Somebody else's change between our read and our write is kept, and ours is made upon it."""
    shell = await stage.erp.project_shell_of("GB01", "P-GB01-H01")
    await stage.fail("hold_before", method="PATCH")
    amending = asyncio.create_task(stage.erp.amend_project_shell(shell.id, ShellAmendment(end_date=date(2028, 1, 31))))
    held: list[Any] = []
    while not held:
        held = (await stage.control.get("/_sandbox/held")).json()
    await stage.control.patch(f"/_sandbox/records/projects/{shell.id}", json={"displayName": "Renamed"})
    await stage.control.post(f"/_sandbox/held/{held[0]['id']}/release")
    amended = await amending
    assert ("Renamed", date(2028, 1, 31)) == (amended.name, amended.end_date)


async def test_an_account_number_in_lower_case_is_the_same(stage: Any) -> None:
    """Codes are upper case in Business Central, however they are written."""
    assert "C2008" == (await stage.erp.customer_account_of("GB01", "c2008", "GBP")).number


async def test_ids_carry_company_and_currency(stage: Any) -> None:
    """External ids say which legal entity and currency an account is for."""
    found = await stage.erp.customer_account_of("GB01", "C2008", "GBP")
    assert [("erp-main", "customer_account", found.id, "GB01", "GBP")] == [
        (one.connection, one.kind, one.id, one.legal_entity_code, one.currency) for one in found.external_ids
    ]


async def test_a_number_series_that_takes_no_numbers_is_misconfigured(stage: Any) -> None:
    """Our numbers need "Manual Nos."; without it only an administrator can help."""
    british = (await stage.erp.customer_account_of("GB01", "C2008", "GBP")).id.partition("/")[0]
    await stage.control.patch(f"/_sandbox/records/companySetup/{british}", json={"manualNumbers": False})
    with pytest.raises(Failure) as caught:
        await stage.erp.create_customer_account(account("GB01", "C2010", "GBP"), "key-1234")
    assert (Kind.MISCONFIGURED, "manual_numbers_off") == (caught.value.kind, caught.value.code)


async def test_a_long_name_is_cut_and_a_quoted_one_is_kept(stage: Any) -> None:
    """Names have a hundred characters and may hold quotes."""
    customer = await stage.erp.customer_account_of("DE01", "C2001", "EUR")
    new = NewProjectShell(
        project_id=f"prj_{7:032x}",
        contract_id=f"ctr_{7:032x}",
        number="P-DE01-7",
        name="O'Brien & Söhne " + "x" * 120,
        legal_entity_code="DE01",
        cost_centre_code="CC-D10",
        currency="EUR",
        customer_account_id=customer.id,
        start_date=date(2026, 12, 1),
        end_date=date(2027, 1, 1),
    )
    shell = await stage.erp.create_project_shell(new, "key-1234")
    assert new.name[:100] == shell.name


def account(entity: str, number: str, currency: str) -> NewCustomerAccount:
    return NewCustomerAccount(
        customer_id=f"cus_{9:032x}",
        customer_number=number,
        legal_entity_code=entity,
        currency=currency,
        name="Thames Insurance plc",
        country="GB",
    )


async def seed_customer(stage: Any, number: str, currency: str) -> None:
    """As a person made it, beside the API."""
    standing = await stage.erp.customer_account_of("GB01", "C2008", "GBP")
    company = standing.id.partition("/")[0]
    rows = (await stage.control.get("/_sandbox/records/customers")).json()
    row = next(row for row in rows if row["number"] == "C2008")
    record = f"{len(rows):08x}-0000-4000-8000-000000000000"
    body = row | {"id": record, "number": number, "currencyCode": currency}
    seeded = [{"id": f"{company}/{record}", "body": body}]
    assert 201 == (await stage.control.post("/_sandbox/records/customers", json=seeded)).status_code
