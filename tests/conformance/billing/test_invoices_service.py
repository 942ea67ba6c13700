"""Invoices of the billing system API from the outside: keys, states, documents and the event, on every vendor."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from asked_invoices import line, new_account, new_credit_note, new_invoice
from running_billing import HERE, Running, reported

KEY = "run-1.invoice"


def body(asked: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(msgspec.json.encode(asked))
    return found


async def drafted(here: Running, number: int = 1, **changes: Any) -> dict[str, Any]:
    asked = body(new_invoice(await here.account(), reference=f"INV-DE01-000{number}", **changes))
    return await here.made("/v1/invoices", asked, f"{KEY}.{number}", **HERE)


async def put(here: Running, invoice: dict[str, Any], noun: str) -> tuple[int, dict[str, Any]]:
    answer = await here.api.put(f"/v1/invoices/{invoice['id']}/{noun}")
    return answer.status_code, answer.json()


async def test_an_invoice_goes_from_draft_to_issued_to_credited(here: Running) -> None:
    """Ids are ours; each state is put, twice to the same end; what it is read as is what it was answered as."""
    draft = await drafted(here)
    assert ("draft", None, "2768.33", ["inv", "bac"]) == (
        draft["document_state"],
        draft["number"],
        draft["gross"]["amount"],
        [draft[name].partition("_")[0] for name in ("id", "billing_account_id")],
    )
    assert draft == await drafted(here)
    status, issued = await put(here, draft, "issuance")
    assert (200, "issued", "DE01-0001") == (status, issued["document_state"], issued["number"])
    assert (200, issued) == await put(here, draft, "issuance")
    read = await here.api.get(f"/v1/invoices/{draft['id']}")
    assert (200, issued) == (read.status_code, read.json())
    again = await here.api.get(f"/v1/invoices/{draft['id']}", headers={"If-None-Match": read.headers["etag"]})
    assert (304, b"") == (again.status_code, again.content)
    path = f"/v1/invoices/{draft['id']}/credit-notes"
    note = await here.made(path, body(new_credit_note()), "run-1.credit")
    assert note == await here.made(path, body(new_credit_note()), "run-1.credit")
    assert (draft["id"], "DE01-0001-CN-01", "crn") == (note["invoice_id"], note["number"], note["id"].partition("_")[0])
    assert {"items": [note], "next": None} == (await here.api.get(path)).json()
    assert "238.00" == (await here.api.get(f"/v1/invoices/{draft['id']}")).json()["credited"]["amount"]
    assert (409, "invoice_credited") == _refusal(await put(here, draft, "voiding"))
    assert (409, "invoice_issued") == _refusal(await put(here, draft, "discarding"))


def _refusal(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    return answer[0], answer[1]["code"]


async def test_a_discarded_draft_stays_discarded(here: Running) -> None:
    """Put twice it is answered twice the same, long after the platform has forgotten it; reading it is a 404."""
    draft = await drafted(here)
    status, gone = await put(here, draft, "discarding")
    assert (200, {**draft, "document_state": "discarded"}) == (status, gone)
    await here.stage.desk.pass_time(31 * 86_400)
    assert (200, gone) == await put(here, draft, "discarding")
    assert 404 == (await here.api.get(f"/v1/invoices/{draft['id']}")).status_code
    found = await here.api.get("/v1/invoices", params={**HERE, "reference": draft["reference"]})
    assert {"items": [], "next": None} == found.json()


async def test_a_void_invoice_stays_void(here: Running) -> None:
    """Its number is kept, and the next invoice has the next one."""
    first, second = await drafted(here, 1), await drafted(here, 2)
    await put(here, first, "issuance")
    status, void = await put(here, first, "voiding")
    assert (200, "void", "DE01-0001") == (status, void["document_state"], void["number"])
    assert (200, void) == await put(here, first, "voiding")
    assert "DE01-0002" == (await put(here, second, "issuance"))[1]["number"]
    assert (409, "invoice_void") == _refusal(await put(here, first, "issuance"))


async def test_invoices_are_paged_and_found_by_reference(here: Running) -> None:
    """Pages have a signed cursor; a reference finds the one, or none, as soon as it is made."""
    made = [await drafted(here, number) for number in (1, 2, 3)]
    first = (await here.api.get("/v1/invoices", params={**HERE, "limit": 2})).json()
    second = (await here.api.get("/v1/invoices", params={**HERE, "limit": 2, "cursor": first["next"]})).json()
    assert (made[::-1], None) == ([*first["items"], *second["items"]], second["next"])
    for reference, expected in (("INV-DE01-0002", [made[1]]), ("INV-DE01-0009", [])):
        found = await here.api.get("/v1/invoices", params={**HERE, "reference": reference})
        assert expected == found.json()["items"]
    forged = await here.api.get("/v1/invoices", params={**HERE, "cursor": "in_1"})
    assert (400, "invalid_cursor") == (forged.status_code, forged.json()["code"])


async def test_a_refusal_names_its_place_and_frees_the_key(here: Running) -> None:
    """What does not add up is 422; corrected, it goes through under the same key; another body later is refused."""
    account = await here.account()
    right = body(new_invoice(account))
    wrong = {**right, "gross": {"amount": "2768.34", "currency": "EUR"}}
    headers = {"Idempotency-Key": KEY}
    answer = await here.api.post("/v1/invoices", json=wrong, params=HERE, headers=headers)
    assert (422, "totals_differ", "/gross") == (
        answer.status_code,
        answer.json()["code"],
        answer.json()["errors"][0]["pointer"],
    )
    francs = body(new_invoice(account, line("L1", "1", "100", "CHF")))
    answer = await here.api.post("/v1/invoices", json=francs, params=HERE, headers=headers)
    assert (422, "other_currency") == (answer.status_code, answer.json()["code"])
    await here.made("/v1/invoices", right, KEY, **HERE)
    answer = await here.api.post("/v1/invoices", json=wrong, params=HERE, headers=headers)
    assert (422, "idempotency_key_reused") == (answer.status_code, answer.json()["code"])
    answer = await here.api.post("/v1/invoices", json=right, params=HERE, headers={"Idempotency-Key": "run-2.invoice"})
    assert (409, "invoice_exists") == (answer.status_code, answer.json()["code"])


async def test_strangers_are_refused(here: Running) -> None:
    """An account of nobody's is 422, an unknown invoice 404 at every door, a token without the scope 403."""
    answer = await here.api.post(
        "/v1/invoices", json=body(new_invoice(f"bac_{9:032x}")), params=HERE, headers={"Idempotency-Key": KEY}
    )
    assert (422, "unknown_reference") == (answer.status_code, answer.json()["code"])
    nobody = {"id": f"inv_{9:032x}"}
    for noun in ("issuance", "discarding", "voiding"):
        assert (404, "not_found") == _refusal(await put(here, nobody, noun))
    assert 404 == (await here.api.get(f"/v1/invoices/{nobody['id']}/credit-notes")).status_code
    poor = {"Authorization": "Bearer billing.invoices.read"}
    draft = await drafted(here)
    for path in ("issuance", "discarding", "voiding"):
        assert 403 == (await here.api.put(f"/v1/invoices/{draft['id']}/{path}", headers=poor)).status_code
    assert 403 == (await here.api.get(f"/v1/invoices/{draft['id']}/credit-notes", headers=poor)).status_code
    assert 200 == (await here.api.get(f"/v1/invoices/{draft['id']}", headers=poor)).status_code


@pytest.mark.parametrize("path", ["invoices$", "add_lines$"])
async def test_a_lost_answer_is_settled_by_looking(here: Running, path: str) -> None:
    """The command is in doubt; the next one under its key gives the one draft, whole."""
    asked = body(new_invoice(await here.account()))
    await here.stage.fail("lose_answer", method="POST", path=path)
    headers = {"Idempotency-Key": KEY}
    lost = await here.api.post("/v1/invoices", json=asked, params=HERE, headers=headers)
    assert (504, "in_doubt") == (lost.status_code, lost.json()["code"])
    made = await here.made("/v1/invoices", asked, KEY, **HERE)
    assert ([made], 2) == ((await here.api.get("/v1/invoices", params=HERE)).json()["items"], len(made["lines"]))


async def test_a_credit_note_in_doubt_is_settled_by_looking(here: Running) -> None:
    """It is there once, and is the answer to the second try."""
    draft = await drafted(here)
    await put(here, draft, "issuance")
    path, headers = f"/v1/invoices/{draft['id']}/credit-notes", {"Idempotency-Key": "run-1.credit"}
    await here.stage.fail("lose_answer", method="POST", path="credit_notes$")
    lost = await here.api.post(path, json=body(new_credit_note()), headers=headers)
    assert (504, "in_doubt") == (lost.status_code, lost.json()["code"])
    note = await here.made(path, body(new_credit_note()), "run-1.credit")
    assert [note] == (await here.api.get(path)).json()["items"]


async def test_the_answer_to_our_own_command_is_the_event(here: Running) -> None:
    """Once, however often it is issued; with number, reference, dates and amounts."""
    draft = await drafted(here)
    assert [] == await here.issued()
    for _ in range(2):
        issued = (await put(here, draft, "issuance"))[1]
    expected = {
        "invoice_id": draft["id"],
        "number": "DE01-0001",
        "reference": "INV-DE01-0001",
        "legal_entity_code": "DE01",
        **{name: issued[name] for name in ("document_date", "net", "tax", "gross", "issued_at")},
    }
    assert [(draft["id"], expected)] == await here.issued()
    await put(here, draft, "voiding")
    assert 1 == len(await here.issued())


async def test_by_webhook_and_by_command_it_is_one_event(here: Running) -> None:
    """An invoice that somebody made by hand has its event as well, without a reference of ours."""
    arrived: asyncio.Queue[int] = asyncio.Queue()
    async with here.stage.served(reported(here.service, arrived)) as url:
        await here.stage.register_hook(f"{url}/v1/hooks/billing-de")
        draft = await drafted(here)
        await put(here, draft, "issuance")
        account = (await here.stage.billing.invoice_of(draft["reference"])).billing_account_id
        await here.stage.desk.bill_by_hand(account)
        while len(await here.issued()) < 2:
            assert 204 == await asyncio.wait_for(arrived.get(), 5)
        await here.stage.desk.pay((await here.stage.billing.invoice_of(draft["reference"])).id)
        paid = f"select fields->>'payment_state' from observed where canonical_id = '{draft['id']}'"
        while [("paid",)] != await here.rows(paid):
            assert 204 == await asyncio.wait_for(arrived.get(), 5)
    (ours, first), (_, second) = await here.issued()
    assert (draft["id"], "INV-DE01-0001", "DE01-0001") == (ours, first["reference"], first["number"])
    assert (None, "DE01-0002", "123.45") == (second["reference"], second["number"], second["gross"]["amount"])


async def test_what_was_issued_before_it_was_watched_is_history(here: Running) -> None:
    """Seen for the first time because it is paid, an old invoice raises no event."""
    await here.stage.desk.pass_time(-86_400)
    draft = await here.stage.billing.create_invoice(
        new_invoice((await here.stage.billing.create_account(new_account(), "account-EUR")).id), "invoice-0001"
    )
    await here.stage.billing.issue_invoice(draft.id)
    arrived: asyncio.Queue[int] = asyncio.Queue()
    async with here.stage.served(reported(here.service, arrived)) as url:
        await here.stage.register_hook(f"{url}/v1/hooks/billing-de")
        await here.stage.desk.pass_time(0)
        await here.stage.desk.pay(draft.id)
        query = "select count(*) from observed where fields->>'payment_state' = 'paid'"
        while [(1,)] != await here.rows(query):
            assert 204 == await asyncio.wait_for(arrived.get(), 5)
    assert [] == await here.issued()
