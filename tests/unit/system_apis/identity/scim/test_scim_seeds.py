"""The demo firm's identity provider: who can be found there, and by what."""

from datetime import date
from typing import Any

import httpx

from demo.morning import demo_firm
from demo.seeds.scim import ENTERPRISE, NUMBER_AS_EXTERNAL_ID, WITHOUT_NUMBER, account_id, records
from sandboxkit.app import Context
from sandboxkit.store import Store
from servicekit.clock import SystemClock
from servicekit.settings import Secret
from servicekit.upstream import Upstream
from system_apis.identity.scim import Connector, Settings
from system_apis.identity.scim.client import BearerToken
from system_apis.identity.scim.sandbox import create_sandbox_app

FIRM = demo_firm(date(2026, 11, 23))
PEOPLE = {colleague.email: colleague for colleague in FIRM.colleagues if colleague.in_identity}


def seeded(kind: str) -> list[dict[str, Any]]:
    return [row["body"] for row in records(FIRM)[kind]]


def number(user: dict[str, Any]) -> str | None:
    found: str | None = user.get(ENTERPRISE, {}).get("employeeNumber") or user.get("externalId")
    return found


def test_everybody_with_an_account_has_one() -> None:
    """And two more, who left: theirs are deactivated."""
    active = [user["userName"] for user in seeded("users") if user["active"]]
    assert list(PEOPLE) == active
    assert 35 == len(active)
    assert ["otto.grau", "petra.falk"] == [
        user["userName"].partition("@")[0] for user in seeded("users") if not user["active"]
    ]


def test_most_are_found_by_number() -> None:
    """In the one place or the other; three only by e-mail and name."""
    users = [user for user in seeded("users") if user["userName"] in PEOPLE]
    without = [PEOPLE[user["userName"]].number for user in users if number(user) is None]
    assert list(WITHOUT_NUMBER) == without
    assert all(number(user) in {None, PEOPLE[user["userName"]].number} for user in users)
    external = {PEOPLE[user["userName"]].entity for user in users if "externalId" in user}
    assert {NUMBER_AS_EXTERNAL_ID} == external


def test_ids_are_one_persons_and_stay() -> None:
    """A second seeding changes nothing; members and managers are accounts that exist."""
    users = {user["id"]: user for user in seeded("users")}
    assert records(FIRM) == records(demo_firm(date(2026, 11, 23)))
    assert 37 == len(users)
    managers = {
        user[ENTERPRISE]["manager"]["value"] for user in users.values() if "manager" in user.get(ENTERPRISE, {})
    }
    members = {member["value"] for group in seeded("groups") for member in group["members"]}
    assert managers < set(users)
    assert 35 == len(members & set(users))


def test_no_account_was_made_after_the_morning() -> None:
    """Also those who start next month have theirs already."""
    assert all(user["meta"]["created"] < "2026-11-23" for user in seeded("users"))


async def test_the_connector_finds_everybody_in_the_seeded_sandbox() -> None:
    """By number, or by e-mail where HR's number is not there."""
    store = Store(":memory:")
    for kind, rows in records(FIRM).items():
        for row in rows:
            store.put(kind, row["id"], row["body"])
    context = Context(store=store, control_key="c", base_url="http://idp", config={"token": "t"})
    http = httpx.AsyncClient(transport=httpx.ASGITransport(create_sandbox_app(context)))
    upstream = Upstream("idp", "http://idp/scim/v2", auth=BearerToken(Secret("t")), http=http)
    connector = Connector(upstream, Settings(base_url="http://idp", token=Secret("t")), SystemClock())
    for colleague in PEOPLE.values():
        found = await connector.accounts_of(colleague.number, colleague.email)
        by = "email" if colleague.number in WITHOUT_NUMBER else "worker_number"
        assert [(account_id(colleague.number), by)] == [(one.id, how) for one, how in found]
    assert 37 == len((await connector.accounts(None, None, 200)).items)
    await connector.close()
    store.close()
