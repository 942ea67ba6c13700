"""The traps of posting into Business Central, each met on the sandbox over a real socket."""

from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest
from erp_postings import NUMBER, REFERENCE, booked, francs, invoice, journal, line, posting

from canonical.money import Money
from servicekit.clock import SystemClock
from servicekit.failures import Failure, Kind
from servicekit.settings import read
from system_apis.erp import business_central
from system_apis.erp.business_central.postings import batch_code

KEY = "run-1:posting"


async def failure_of(work: Awaitable[object]) -> Failure:
    with pytest.raises(Failure) as caught:
        await work
    return caught.value


def with_company(stage: Any, **changes: Any) -> business_central.Connector:
    """Another connection, whose settings say something else about the German company."""
    companies = {"DE01": stage.settings["companies"]["DE01"] | changes}
    settings = read(business_central.Settings, stage.settings | {"companies": companies}, {})
    return business_central.Connector.connect("erp-main", settings, SystemClock())


async def written(stage: Any) -> list[tuple[str, str]]:
    """What was sent to change something: method and the end of the path."""
    lines = (await stage.control.get("/_sandbox/journal")).json()
    return [(one["method"], one["path"].rpartition("/")[2].partition("(")[0]) for one in lines]


async def test_the_number_changes_when_it_is_posted(stage: Any) -> None:
    """A draft's number is given away: only the posted one is told, and the id stays."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    posted = await stage.erp.post_receivable(made.id, posting())
    assert (None, "PS-INV100010") == (made.document_number, posted.document_number)
    found = await stage.control.get("/_sandbox/records/salesInvoices")
    assert [("PS-INV100010", NUMBER)] == [(row["number"], row["externalDocumentNumber"]) for row in found.json()]


async def test_twelve_lines_take_three_writes(stage: Any) -> None:
    """Header, lines and dimensions in one request; number and dates in the second; the action is the third."""
    lines = tuple(line(f"L{place}") for place in range(12))
    made = await stage.erp.create_receivable(await invoice(stage.erp, *lines), KEY)
    await stage.erp.post_receivable(made.id, posting())
    assert [("POST", "salesInvoices"), ("PATCH", "salesInvoices"), ("POST", "Microsoft.NAV.post")] == await written(
        stage
    )


async def test_a_journal_takes_two_writes(stage: Any) -> None:
    """The batch with all its lines, and the action."""
    await stage.erp.create_journal(journal(), KEY)
    assert [("POST", "journals"), ("POST", "Microsoft.NAV.post")] == await written(stage)


async def test_a_batch_has_no_digit_in_its_name(stage: Any) -> None:
    """A name with a digit may be counted up when it is posted, and the guard would be gone."""
    code = batch_code("RR-DE01-2026-11-01")
    assert (True, 10) == (code.isalpha() and code.isupper(), len(code))
    assert code != batch_code("RR-DE01-2026-11-02")
    await stage.erp.create_journal(journal(), KEY)
    batches = (await stage.control.get("/_sandbox/records/journals")).json()
    assert [(code, "revenue Revenue of November")] == [(row["code"], row["displayName"]) for row in batches]


async def test_lines_that_were_dropped_are_noticed(stage: Any) -> None:
    """A batch that somebody emptied before it was posted is made again, not posted as nothing."""
    await stage.fail("drop", method="POST", path=r"NAV\.post")
    await failure_of(stage.erp.create_journal(journal(), KEY))
    held = (await stage.control.get("/_sandbox/records/journalLines")).json()[0]
    await stage.control.patch(f"/_sandbox/records/journalLines/{held['companyId']}/{held['id']}", json={"rows": []})
    assert "posted" == (await stage.erp.create_journal(journal(), KEY)).status


async def test_a_draft_that_a_person_changed_is_not_ours(stage: Any) -> None:
    """Somebody took a line's dimension away: the draft under our reference says something else now."""
    new = await invoice(stage.erp)
    await stage.erp.create_receivable(new, KEY)
    held = (await stage.control.get("/_sandbox/records/salesInvoiceLines")).json()[0]
    rows = [row | {"dimensionSetLines": []} for row in held["rows"]]
    path = f"/_sandbox/records/salesInvoiceLines/{held['companyId']}/{held['id']}"
    await stage.control.patch(path, json={"rows": rows})
    failure = await failure_of(stage.erp.create_receivable(new, "another-key"))
    assert (Kind.CONFLICT, "reference_taken") == (failure.kind, failure.code)


async def test_two_drafts_under_one_number_are_a_conflict(stage: Any) -> None:
    """Nothing in Business Central keeps a person from making a second one: nobody guesses which is ours."""
    new = await invoice(stage.erp)
    await stage.erp.create_receivable(new, KEY)
    row = (await stage.control.get("/_sandbox/records/salesInvoices")).json()[0]
    record = "0000000a-0000-4000-8000-000000000000"
    seeded = [{"id": f"{row['companyId']}/{record}", "body": row | {"id": record, "number": "S-INV100099"}}]
    await stage.control.post("/_sandbox/records/salesInvoices", json=seeded)
    failure = await failure_of(stage.erp.create_receivable(new, "another-key"))
    assert (Kind.CONFLICT, "several_documents") == (failure.kind, failure.code)


async def test_external_numbers_are_upper_case(stage: Any) -> None:
    """Codes are, however they are written: a number in lower case is found posted all the same."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    posted = await stage.erp.post_receivable(made.id, posting(external_number="inv-de01-0001"))
    assert posted == await stage.erp.post_receivable(made.id, posting(external_number="inv-de01-0001"))
    assert (posted,) == await stage.erp.receivables_of("DE01", "inv-de01-0001")


async def test_what_a_person_cancels_is_reversed(stage: Any) -> None:
    """Cancelled in Business Central itself: nothing is open, the ledger is even, and it is posted no second time."""
    made = await stage.erp.create_receivable(await invoice(stage.erp), KEY)
    await stage.erp.post_receivable(made.id, posting())
    token = (
        await stage.control.post(
            f"/{stage.settings['tenant']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": stage.settings["client_id"],
                "client_secret": stage.settings["client_secret"],
                "scope": "https://api.businesscentral.dynamics.com/.default",
            },
        )
    ).json()["access_token"]
    company, _, record = made.id.partition("/salesInvoices/")
    path = f"/v2.0/production/api/v2.0/companies({company})/salesInvoices({record})/Microsoft.NAV.cancel"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    assert 204 == (await stage.control.post(path, headers=headers)).status_code
    assert 400 == (await stage.control.post(path, headers=headers)).status_code
    reversed_one = await stage.erp.receivable(made.id)
    assert ("reversed", "0.00") == (reversed_one.status, reversed_one.remaining.amount)
    assert reversed_one == await stage.erp.post_receivable(made.id, posting())
    balances = await stage.erp.account_balances("DE01", posting().posting_date)
    assert {"0.00"} == {one.balance.amount for one in balances}


@pytest.mark.parametrize(("account", "code"), [("9999", "account_not_found"), ("1200", "account_not_postable")])
async def test_a_role_on_a_wrong_account_is_misconfigured(stage: Any, account: str, code: str) -> None:
    """The settings name an account that is not there, or one that may not be written to: only we can mend it."""
    erp = with_company(stage, accounts={"unbilled_receivable": [account], "revenue": ["4000"]})
    document = await failure_of(erp.create_receivable(await invoice(erp), KEY))
    entry = await failure_of(erp.create_journal(journal(), KEY))
    await erp.close()
    assert {(Kind.MISCONFIGURED, code)} == {(one.kind, one.code) for one in (document, entry)}


async def test_the_type_of_a_rate_is_what_the_settings_call_it(stage: Any) -> None:
    """Rates have no type in Business Central: which they are for a purpose is said in the settings."""
    erp = with_company(stage, rate_types={"revenue": "average"})
    types = [
        (await erp.exchange_rate("DE01", "GBP", posting().posting_date, what)).rate_type for what in ("revenue", "tax")
    ]
    await erp.close()
    assert ["average", "spot"] == types


async def test_a_rate_by_way_of_another_currency_is_multiplied(stage: Any) -> None:
    """A rate may be kept in dollars: then the dollar's own rate of that day is asked for too."""
    rates = (await stage.control.get("/_sandbox/records/currencyExchangeRates")).json()
    german = next(row for row in rates if row["currencyCode"] == "CHF" and row["relationalExchangeRateAmount"] == 1.071)
    record = "0000000b-0000-4000-8000-000000000000"
    yen = {"id": record, "currencyCode": "JPY", "exchangeRateAmount": 100, "relationalCurrencyCode": "USD"}
    body = german | yen | {"relationalExchangeRateAmount": 0.65}
    await stage.control.post(
        "/_sandbox/records/currencyExchangeRates", json=[{"id": f"{german['companyId']}/{record}", "body": body}]
    )
    found = await stage.erp.exchange_rate("DE01", "JPY", posting().posting_date, "invoice")
    assert "0.0059085" == found.rate


async def test_a_rate_that_is_missing_refuses_the_posting(stage: Any) -> None:
    """A foreign document needs a rate on its posting date."""
    made = await stage.erp.create_receivable(await francs(stage.erp), KEY)
    rates = (await stage.control.get("/_sandbox/records/currencyExchangeRates")).json()
    for row in rates:
        await stage.control.delete(f"/_sandbox/records/currencyExchangeRates/{row['companyId']}/{row['id']}")
    failure = await failure_of(stage.erp.post_receivable(made.id, posting()))
    assert (Kind.INVALID, "exchange_rate_missing") == (failure.kind, failure.code)


async def test_long_descriptions_are_cut_and_what_was_entered_is_kept(stage: Any) -> None:
    """A line has a hundred characters; the entered amount is the end of them."""
    long = booked("contract_asset", "1.00", description="x" * 200, entered=Money(amount="1.10", currency="USD"))
    await stage.erp.create_journal(journal(long, booked("revenue", "-1.00")), KEY)
    entries = (await stage.erp.ledger_entries("DE01", "contract_asset", None, None, 10)).items
    assert ["x" * 89 + " (1.10 USD)"] == [entry.description for entry in entries]


async def test_a_customers_block_for_invoices_lets_credit_notes_pass(stage: Any) -> None:
    """Blocked is not one thing: "Invoice" stops invoices, and a correction is still booked."""
    company = (await stage.control.get("/_sandbox/records/companies")).json()[0]["name"]
    deed = {"company": company, "number": "C2001", "blocked": "Invoice"}
    await stage.control.post("/_sandbox/actions/block_customer", json=deed)
    refused = await failure_of(stage.erp.create_receivable(await invoice(stage.erp), KEY))
    assert (Kind.INVALID, "customer_blocked") == (refused.kind, refused.code)
    note = msgspec.structs.replace(await invoice(stage.erp), kind="credit_note", reference=f"{REFERENCE}-C")
    assert "draft" == (await stage.erp.create_receivable(note, KEY)).status
