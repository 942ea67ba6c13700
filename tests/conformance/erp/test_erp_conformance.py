"""What every ERP connector keeps, whichever vendor serves it."""

from collections.abc import Awaitable
from datetime import date
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from canonical.ledger import NewCustomerAccount, NewProjectShell, ShellAmendment
from canonical.sales import TaxRegistration
from servicekit.failures import Failure, Kind
from system_apis.erp.port import Erp

START, END = date(2026, 12, 1), date(2027, 6, 1)
PROJECT, OTHER_PROJECT = f"prj_{1:032x}", f"prj_{2:032x}"
KEY = "run-1:shell"


def new_account(**changes: Any) -> NewCustomerAccount:
    account = NewCustomerAccount(
        customer_id=f"cus_{1:032x}",
        customer_number="C2010",
        legal_entity_code="GB01",
        currency="GBP",
        name="Celtic Marine Ltd",
        email="ap@celtic.example",
        country="GB",
        tax_registration_id="GB987000177",
        payment_terms_code="30 DAYS",
    )
    return msgspec.structs.replace(account, **changes)


async def new_shell(erp: Erp, **changes: Any) -> NewProjectShell:
    """For customer C2001 of DE01, unless told otherwise."""
    account = await erp.customer_account_of("DE01", "C2001", "EUR")
    assert account is not None
    shell = NewProjectShell(
        project_id=PROJECT,
        contract_id=f"ctr_{1:032x}",
        number="P-DE01-D01",
        name="Grid data platform",
        legal_entity_code="DE01",
        cost_centre_code="CC-D20",
        currency="EUR",
        customer_account_id=account.id,
        start_date=START,
        end_date=END,
    )
    return msgspec.structs.replace(shell, **changes)


async def failure_of(work: Awaitable[object]) -> Failure:
    with pytest.raises(Failure) as caught:
        await work
    return caught.value


def test_the_connector_is_an_erp(stage: Any) -> None:
    """Every method of the port is there, and each create says how doubt about it is settled."""
    assert isinstance(stage.erp, Erp)
    creates = {"create_customer_account", "create_project_shell", "create_receivable", "create_journal"}
    assert creates == stage.erp.settlements.keys()


async def test_legal_entities_are_told_whole(stage: Any) -> None:
    """Code, currency, zone, registrations and the currencies that may be contracted in."""
    entities = {entity.code: entity for entity in await stage.erp.legal_entities()}
    assert {"DE01", "US01", "GB01"} == entities.keys()
    british = entities["GB01"]
    assert ("Northwind Advisory Ltd", "GB", "GBP") == (british.name, british.country, british.base_currency)
    assert ("Europe/London", ("GBP", "EUR")) == (british.time_zone, british.currencies)
    assert (TaxRegistration(country="GB", id="GB987000220"),) == british.tax_registrations
    assert 3 == len({entity.id for entity in entities.values()})


async def test_reference_data_belongs_to_one_entity(stage: Any) -> None:
    """Cost centres, tax codes with their kind, and payment terms of one entity only."""
    centres = await stage.erp.dimension_values("US01", "cost_centre")
    assert ["CC-U10", "CC-U20", "CC-U90"] == [centre.code for centre in centres]
    assert {("cost_centre", "US01")} == {(centre.dimension, centre.legal_entity_code) for centre in centres}
    kinds = {code.code: code.kind for code in await stage.erp.tax_codes("DE01")}
    assert {"VAT19": "standard", "VAT7": "reduced", "EURC": "reverse_charge", "NOEU": "out_of_scope"} == kinds
    assert "30 DAYS" in {terms.code for terms in await stage.erp.payment_terms("GB01")}


async def test_the_fiscal_calendar_has_no_gaps(stage: Any) -> None:
    """Periods follow each other half-open, for last, this and next fiscal year; the British one starts in April."""
    periods = await stage.erp.accounting_periods("GB01")
    assert 36 == len(periods)
    assert all(one.effective.to_date == other.effective.from_date for one, other in pairwise(periods))
    assert (date(2025, 4, 1), date(2028, 4, 1)) == (periods[0].effective.from_date, periods[-1].effective.to_date)
    assert [True] * 12 + [False] * 24 == [period.closed for period in periods]


@pytest.mark.parametrize("read", ["tax_codes", "accounting_periods", "payment_terms"])
async def test_an_unknown_entity_is_missing(stage: Any, read: str) -> None:
    """A legal entity that the connection does not keep is MISSING under its own code."""
    failure = await failure_of(getattr(stage.erp, read)("XX99"))
    assert (Kind.MISSING, "unknown_legal_entity") == (failure.kind, failure.code)


async def test_an_unknown_dimension_is_missing(stage: Any) -> None:
    """A dimension that the entity does not keep is MISSING, not empty."""
    assert Kind.MISSING is (await failure_of(stage.erp.dimension_values("DE01", "region"))).kind


async def test_accounts_are_found_by_number_and_currency(stage: Any) -> None:
    """The number's account in the currency, or none; the same record by its id; an unknown id is MISSING."""
    account = await stage.erp.customer_account_of("DE01", "C2001", "EUR")
    assert ("C2001", "DE01", "EUR") == (account.number, account.legal_entity_code, account.currency)
    assert ("Alpenstrom AG", False, "DE987000100") == (account.name, account.blocked, account.tax_registration_id)
    assert account == await stage.erp.customer_account(account.id)
    assert await stage.erp.customer_account_of("DE01", "C2001", "CHF") is None
    assert await stage.erp.customer_account_of("US01", "C2001", "EUR") is None
    assert await stage.erp.customer_account_of("DE01", "C2'1", "EUR") is None
    missing = await failure_of(stage.erp.customer_account("no-such-id"))
    assert Kind.MISSING is missing.kind


async def test_a_blocked_account_says_so(stage: Any) -> None:
    """A block that a person set is seen at the next read."""
    await stage.block_customer("DE01", "C2001")
    assert (await stage.erp.customer_account_of("DE01", "C2001", "EUR")).blocked


@pytest.mark.parametrize(("number", "currency"), [("C2010", "GBP"), ("C2008", "EUR")])
async def test_an_account_is_created_once(stage: Any, number: str, currency: str) -> None:
    """In the entity's own or another of its currencies; a second try gives the same account."""
    new = new_account(customer_number=number, currency=currency)
    assert await stage.erp.created_customer_account(new, KEY) is None
    account = await stage.erp.create_customer_account(new, KEY)
    assert (currency, "GB01", False) == (account.currency, account.legal_entity_code, account.blocked)
    assert account == await stage.erp.create_customer_account(new, "another-key")
    assert account == await stage.erp.created_customer_account(new, KEY)
    assert account == await stage.erp.customer_account_of("GB01", number, currency)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"currency": "JPY"}, "currency_not_allowed"), ({"payment_terms_code": "99 DAYS"}, "unknown_payment_terms")],
)
async def test_an_account_needs_what_the_entity_has(stage: Any, change: dict[str, Any], code: str) -> None:
    """Currencies and terms that are not set up are INVALID, each under its own code."""
    failure = await failure_of(stage.erp.create_customer_account(new_account(**change), KEY))
    assert (Kind.INVALID, code) == (failure.kind, failure.code)


async def test_a_shell_reads_back_as_it_was_ordered(stage: Any) -> None:
    """Approved, under the entity, cost centre, currency, customer and dates given."""
    new = await new_shell(stage.erp)
    made = await stage.erp.create_project_shell(new, KEY)
    shell = await stage.erp.project_shell(made.id)
    assert made == shell
    assert ("approved", PROJECT, "P-DE01-D01") == (shell.status, shell.project_id, shell.number)
    assert ("DE01", "CC-D20", "EUR") == (shell.legal_entity_code, shell.cost_centre_code, shell.currency)
    assert (new.customer_account_id, START, END) == (shell.customer_account_id, shell.start_date, shell.end_date)
    assert shell == await stage.erp.project_shell_of("DE01", "P-DE01-D01")


async def test_the_same_shell_twice_is_one(stage: Any) -> None:
    """A repeat for the same project finds the first; another project under the number is a CONFLICT."""
    new = await new_shell(stage.erp)
    made = await stage.erp.create_project_shell(new, KEY)
    assert made == await stage.erp.create_project_shell(new, KEY)
    assert made == await stage.erp.created_project_shell(new, KEY)
    other = msgspec.structs.replace(new, project_id=OTHER_PROJECT)
    assert await stage.erp.created_project_shell(other, KEY) is None
    failure = await failure_of(stage.erp.create_project_shell(other, KEY))
    assert (Kind.CONFLICT, "number_taken") == (failure.kind, failure.code)


async def test_a_cost_centre_must_exist_first(stage: Any) -> None:
    """INVALID until a person opened it; then the very same order works."""
    new = await new_shell(stage.erp, cost_centre_code="CC-D77")
    failure = await failure_of(stage.erp.create_project_shell(new, KEY))
    assert (Kind.INVALID, "unknown_cost_centre") == (failure.kind, failure.code)
    await stage.open_cost_centre("DE01", "CC-D77")
    assert "CC-D77" in {centre.code for centre in await stage.erp.dimension_values("DE01", "cost_centre")}
    assert "CC-D77" == (await stage.erp.create_project_shell(new, KEY)).cost_centre_code


async def test_a_shell_is_refused_for_what_does_not_fit(stage: Any) -> None:
    """Another entity's account, a currency that is not set up, a blocked customer."""
    elsewhere = await stage.erp.customer_account_of("GB01", "C2008", "GBP")
    foreign = await failure_of(
        stage.erp.create_project_shell(await new_shell(stage.erp, customer_account_id=elsewhere.id), KEY)
    )
    assert Kind.INVALID is foreign.kind
    unknown = await failure_of(stage.erp.create_project_shell(await new_shell(stage.erp, currency="JPY"), KEY))
    assert (Kind.INVALID, "currency_not_allowed") == (unknown.kind, unknown.code)
    await stage.block_customer("DE01", "C2001")
    blocked = await failure_of(stage.erp.create_project_shell(await new_shell(stage.erp), KEY))
    assert (Kind.CONFLICT, "customer_blocked") == (blocked.kind, blocked.code)


async def test_a_shell_is_extended_and_closed_once(stage: Any) -> None:
    """The same change twice changes nothing; what is closed is not extended; nothing is deleted."""
    made = await stage.erp.create_project_shell(await new_shell(stage.erp), KEY)
    later = ShellAmendment(end_date=date(2027, 12, 31))
    extended = await stage.erp.amend_project_shell(made.id, later)
    assert (date(2027, 12, 31), "approved") == (extended.end_date, extended.status)
    assert extended == await stage.erp.amend_project_shell(made.id, later)
    closed = await stage.erp.close_project_shell(made.id)
    assert "closed" == closed.status
    assert closed == await stage.erp.close_project_shell(made.id)
    failure = await failure_of(stage.erp.amend_project_shell(made.id, ShellAmendment(end_date=date(2028, 1, 31))))
    assert (Kind.CONFLICT, "shell_closed") == (failure.kind, failure.code)
    assert closed == await stage.erp.project_shell_of("DE01", made.number)


async def test_the_past_is_found_by_number(stage: Any) -> None:
    """A shell that a person set up has no project of ours, and can be extended all the same."""
    shell = await stage.erp.project_shell_of("GB01", "P-GB01-H01")
    assert (None, "CC-G20", "approved") == (shell.project_id, shell.cost_centre_code, shell.status)
    assert END == (await stage.erp.amend_project_shell(shell.id, ShellAmendment(end_date=END))).end_date
    assert await stage.erp.project_shell_of("DE01", "P-GB01-H01") is None


async def test_pages_show_every_shell_once(stage: Any) -> None:
    """Following the cursor leads through all shells of the entity, in order, and ends."""
    numbers = [f"P-DE01-{place}" for place in range(1, 6)]
    for place, number in enumerate(numbers):
        new = await new_shell(stage.erp, number=number, project_id=f"prj_{place + 10:032x}")
        await stage.erp.create_project_shell(new, KEY)
    pages: list[list[str]] = []
    cursor = None
    while True:
        listing = await stage.erp.project_shells("DE01", cursor, 2)
        pages.append([shell.number for shell in listing.items])
        cursor = listing.cursor
        if cursor is None:
            break
    assert [numbers[0:2], numbers[2:4], numbers[4:5]] == pages


@pytest.mark.parametrize("kind", ["lose_answer", "drop"])
async def test_a_create_without_an_answer_is_in_doubt_and_settled(stage: Any, kind: str) -> None:
    """Whether it arrived or not, looking tells, and trying again leaves one shell."""
    new = await new_shell(stage.erp)
    await stage.fail(kind, method="POST", path="project")
    assert Kind.IN_DOUBT is (await failure_of(stage.erp.create_project_shell(new, KEY))).kind
    found = await stage.erp.created_project_shell(new, KEY)
    assert (kind == "lose_answer") is (found is not None)
    made = await stage.erp.create_project_shell(new, KEY)
    assert found in {None, made}
    assert 1 == len((await stage.erp.project_shells("DE01", None, 50)).items)


async def test_an_account_without_an_answer_is_settled(stage: Any) -> None:
    """The account that was made under a lost answer is found again."""
    new = new_account()
    await stage.fail("lose_answer", method="POST", path="customer")
    assert Kind.IN_DOUBT is (await failure_of(stage.erp.create_customer_account(new, KEY))).kind
    found = await stage.erp.created_customer_account(new, KEY)
    assert found == await stage.erp.create_customer_account(new, KEY)


async def test_a_change_without_an_answer_heals(stage: Any) -> None:
    """A closing whose answer is lost is closed in the end."""
    made = await stage.erp.create_project_shell(await new_shell(stage.erp), KEY)
    await stage.fail("lose_answer", method="PATCH")
    assert "closed" == (await stage.erp.close_project_shell(made.id)).status


async def test_reads_heal_and_say_when_they_cannot(stage: Any) -> None:
    """One throttled or unauthorised read is repeated; a standing outage is UNAVAILABLE, then all is well again."""
    await stage.fail("throttle", method="GET")
    await stage.fail("expire_token", method="GET")
    assert 3 == len(await stage.erp.legal_entities())
    await stage.fail("outage", method="GET", times=None)
    assert Kind.UNAVAILABLE is (await failure_of(stage.erp.tax_codes("DE01"))).kind
    await stage.mend()
    assert 4 == len(await stage.erp.tax_codes("DE01"))


async def test_a_throttled_create_had_no_effect(stage: Any) -> None:
    """THROTTLED and UNAVAILABLE say that nothing happened: nothing is found."""
    new = await new_shell(stage.erp)
    await stage.fail("throttle", method="POST", path="project")
    assert Kind.THROTTLED is (await failure_of(stage.erp.create_project_shell(new, KEY))).kind
    await stage.fail("outage", method="POST", path="project")
    failure = await failure_of(stage.erp.create_project_shell(new, KEY))
    assert failure.kind in {Kind.UNAVAILABLE, Kind.IN_DOUBT}
    assert await stage.erp.created_project_shell(new, KEY) is None


async def test_the_connection_can_be_checked(stage: Any) -> None:
    """Checking a good connection passes; while the platform is down it says so."""
    await stage.erp.check()
    await stage.fail("outage", times=None)
    assert Kind.UNAVAILABLE is (await failure_of(stage.erp.check())).kind
