"""The billing system API from the outside: canonical ids, keys, pages and deliveries, on PostgreSQL and a sandbox."""

import asyncio
from typing import Any

from running_billing import ACCOUNT, CUSTOMER, HERE, Running, reported

ITEM = {
    "key": "M1",
    "title": "Design accepted",
    "due_rule": "on_acceptance",
    "amount": {"amount": "30000.00", "currency": "EUR"},
    "due_date": "2027-03-31",
}


async def schedule_of(here: Running, number: str = "P-DE01-D02") -> dict[str, Any]:
    body = new_schedule(await here.account(), number)
    return await here.made("/v1/billing-schedules", body, f"run-1.schedule.{number}", **HERE)


def new_schedule(account: str, number: str = "P-DE01-D02", **changes: Any) -> dict[str, Any]:
    return {
        "project_id": f"prj_{2:032x}",
        "project_number": number,
        "contract_id": f"ctr_{3:032x}",
        "billing_account_id": account,
        "legal_entity_code": "DE01",
        "currency": "EUR",
        "method": "milestone",
        "total": {"amount": "30000.00", "currency": "EUR"},
        "items": [ITEM],
        **changes,
    }


async def test_an_account_is_one_under_any_key(here: Running) -> None:
    """Found by the link that the first command left, though the platform's own search does not see it yet."""
    account = await here.made("/v1/billing-accounts", ACCOUNT, "run-1.account", **HERE)
    assert account == await here.made("/v1/billing-accounts", ACCOUNT, "run-1.account", **HERE)
    moved = {**ACCOUNT, "email": "invoices@alpenstrom.example"}
    assert account == await here.made("/v1/billing-accounts", moved, "run-2.account", **HERE)
    assert (True, CUSTOMER, "DE01", "EUR") == (
        account["id"].startswith("bac_"),
        account["customer_id"],
        account["legal_entity_code"],
        account["currency"],
    )
    linked = "select connection, legal_entity_code, currency from cross_reference where kind = 'customer'"
    assert [("billing-de", "DE01", "EUR")] == await here.rows(linked)
    francs = await here.made("/v1/billing-accounts", {**ACCOUNT, "currency": "CHF"}, "run-3.account", **HERE)
    assert account["id"] != francs["id"]
    read = await here.api.get(f"/v1/billing-accounts/{account['id']}")
    assert (200, account) == (read.status_code, read.json())
    again = await here.api.get(f"/v1/billing-accounts/{account['id']}", headers={"If-None-Match": read.headers["etag"]})
    assert (304, b"") == (again.status_code, again.content)


async def test_a_schedule_goes_from_draft_to_active_to_cancelled(here: Running) -> None:
    """Each state is put, twice to the same end; ids are ours, and those of others are told as they were given."""
    schedule = await schedule_of(here)
    assert ("draft", f"prj_{2:032x}", f"ctr_{3:032x}", [ITEM["key"]]) == (
        schedule["status"],
        schedule["project_id"],
        schedule["contract_id"],
        [item["key"] for item in schedule["items"]],
    )
    assert ["sch", "bac"] == [schedule[name].partition("_")[0] for name in ("id", "billing_account_id")]
    path = f"/v1/billing-schedules/{schedule['id']}"
    for noun, status in (("activation", "active"), ("cancellation", "cancelled")):
        for _ in range(2):
            answer = await here.api.put(f"{path}/{noun}")
            assert (200, status) == (answer.status_code, answer.json()["status"])
    late = await here.api.put(f"{path}/activation")
    assert (409, "schedule_cancelled") == (late.status_code, late.json()["code"])
    read = await here.api.get(path)
    assert ("cancelled", True) == (read.json()["status"], read.headers["etag"].startswith('"'))


async def test_a_key_is_good_for_one_request(here: Running) -> None:
    """Another body under the same key is refused; no key at all is refused, too."""
    schedule = await schedule_of(here)
    other = new_schedule(schedule["billing_account_id"], method="fixed_fee")
    headers = {"Idempotency-Key": "run-1.schedule.P-DE01-D02"}
    answer = await here.api.post("/v1/billing-schedules", json=other, params=HERE, headers=headers)
    assert (422, "idempotency_key_reused") == (answer.status_code, answer.json()["code"])
    answer = await here.api.post("/v1/billing-schedules", json=other, params=HERE)
    assert (400, "header:Idempotency-Key") == (answer.status_code, answer.json()["errors"][0]["pointer"])
    headers = {"Idempotency-Key": "run-2.schedule"}
    answer = await here.api.post("/v1/billing-schedules", json=other, params=HERE, headers=headers)
    assert (409, "schedule_exists") == (answer.status_code, answer.json()["code"])


async def test_an_amendment_is_made_once(here: Running) -> None:
    """The same key gives the schedule as it was amended; its item is there once."""
    schedule = await schedule_of(here)
    path = f"/v1/billing-schedules/{schedule['id']}/amendments"
    body = {
        "contract_id": f"ctr_{4:032x}",
        "total": {"amount": "45000.00", "currency": "EUR"},
        "items": [{**ITEM, "key": "M2", "amount": {"amount": "15000.00", "currency": "EUR"}}],
    }
    amended = await here.made(path, body, "run-9.amend")
    assert amended == await here.made(path, body, "run-9.amend")
    assert ("45000.00", ["M1", "M2"]) == (amended["total"]["amount"], [item["key"] for item in amended["items"]])


async def test_schedules_are_paged_and_found_by_project(here: Running) -> None:
    """Pages have a signed cursor; a project number finds the one schedule, or none."""
    made = [await schedule_of(here, f"P-DE01-{n}") for n in range(3)]
    first = (await here.api.get("/v1/billing-schedules", params={**HERE, "limit": 2})).json()
    after = {**HERE, "limit": 2, "cursor": first["next"]}
    second = (await here.api.get("/v1/billing-schedules", params=after)).json()
    assert (made[::-1], None) == ([*first["items"], *second["items"]], second["next"])
    forged = await here.api.get("/v1/billing-schedules", params={**HERE, "cursor": "prod_1"})
    assert (400, "invalid_cursor") == (forged.status_code, forged.json()["code"])
    by_number = {**HERE, "project_number": "P-DE01-1"}
    assert [made[1]] == (await here.api.get("/v1/billing-schedules", params=by_number)).json()["items"]
    nobody = {**HERE, "project_number": "P-DE01-9"}
    assert [] == (await here.api.get("/v1/billing-schedules", params=nobody)).json()["items"]


async def test_strangers_are_refused(here: Running) -> None:
    """Unknown connections and ids are 404; an account of nobody's is 422; a token without the scope is 403."""
    answer = await here.api.get("/v1/billing-schedules", params={"connection": "billing-fr"})
    assert (404, "unknown_connection") == (answer.status_code, answer.json()["code"])
    assert 404 == (await here.api.get(f"/v1/billing-schedules/sch_{9:032x}")).status_code
    headers = {"Idempotency-Key": "run-1.schedule"}
    body = new_schedule(f"bac_{9:032x}")
    answer = await here.api.post("/v1/billing-schedules", json=body, params=HERE, headers=headers)
    assert (422, "unknown_reference") == (answer.status_code, answer.json()["code"])
    poor = {"Authorization": "Bearer billing.accounts.read"}
    assert 403 == (await here.api.get("/v1/billing-schedules", params=HERE, headers=poor)).status_code


async def test_a_lost_answer_is_settled_by_looking(here: Running) -> None:
    """The command is in doubt, and the next one under the key finds what was made instead of making it again."""
    account = await here.made("/v1/billing-accounts", ACCOUNT, "run-1.account", **HERE)
    await here.stage.fail("lose_answer", method="POST", skip=1)
    body, headers = new_schedule(account["id"]), {"Idempotency-Key": "run-1.schedule"}
    lost = await here.api.post("/v1/billing-schedules", json=body, params=HERE, headers=headers)
    assert (504, "in_doubt") == (lost.status_code, lost.json()["code"])
    schedule = await here.made("/v1/billing-schedules", body, "run-1.schedule", **HERE)
    assert [schedule] == (await here.api.get("/v1/billing-schedules", params=HERE)).json()["items"]


async def test_a_delivery_makes_the_record_be_read_again(here: Running) -> None:
    """Real deliveries of the platform: the schedule's observed row follows its state; no token is asked for."""
    arrived: asyncio.Queue[int] = asyncio.Queue()
    async with here.stage.served(reported(here.service, arrived)) as url:
        await here.stage.register_hook(f"{url}/v1/hooks/billing-de")
        schedule = await schedule_of(here)
        await here.api.put(f"/v1/billing-schedules/{schedule['id']}/activation")
        query = f"select fields->>'status', transitions from observed where canonical_id = '{schedule['id']}'"
        while [("active", 0)] != await here.rows(query):
            assert 204 == await asyncio.wait_for(arrived.get(), 5)
