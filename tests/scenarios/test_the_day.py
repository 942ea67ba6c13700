"""The demo firm's day on the whole system: what it leaves in the platforms, in the event log and on the screens."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from typing import Any

import httpx
from played_day import PlayedDay
from running_system import until

from demo.syncline import Syncline, signed_in


async def test_every_check_of_the_day_holds(whole_day: PlayedDay) -> None:
    """Read in the vendors' own APIs: nothing twice, nothing missing, the right order of times."""
    assert [] == [f"{one.name}: {one.expected} != {one.seen}" for one in whole_day.checks if not one.ok]
    assert 84 == len(whole_day.checks)


async def test_each_fact_is_one_event_however_often_it_was_told(whole_day: PlayedDay) -> None:
    """Fourteen wins, each told twice and polled besides, are fourteen events; so is every later fact one."""
    assert (
        Counter(
            {
                "opportunity-won": 14,
                "employee-created": 1,
                "project-approved": 11,
                "project-activated": 11,
                "contract-amended": 1,
                "exception-raised": 3,
                "exception-resolved": 1,
            }
        )
        == whole_day.events
    )


async def test_a_partner_who_asks_for_a_known_win_gets_its_run(whole_day: PlayedDay) -> None:
    """By event or by call, the same win has the same run."""
    async with signed_in(whole_day.system.told) as syncline:
        run = next(one for one in await syncline.onboardings() if one.state == "activated")
        again = await syncline.start(run.opportunity_id, "pia@partner.example")
    assert (run.id, run.run_id, "activated") == (again.id, again.run_id, again.state)


async def test_a_page_outlives_the_process_api(whole_day: PlayedDay) -> None:
    """While the process API is down its sections are stale, with the moment of their last copy; the page stands."""
    async with signed_in(whole_day.system.told) as syncline:
        fresh = await syncline.overview()
        assert "fresh" == fresh["onboardings"]["freshness"]["status"]
        await whole_day.system.kill("process-project-onboarding")
        stale = await until(lambda: _stale_overview(syncline), "a stale section")
        assert fresh["onboardings"]["states"] == stale["onboardings"]["states"]
        assert fresh["onboardings"]["freshness"]["as_of"] == stale["onboardings"]["freshness"]["as_of"]
        assert "fresh" == stale["exceptions"]["freshness"]["status"]
        await until(lambda: _fresh_overview(syncline), "the section to be fresh again")


async def _stale_overview(syncline: Syncline) -> dict[str, Any] | None:
    shown = await syncline.overview()
    return shown if shown["onboardings"]["freshness"]["status"] == "stale" else None


async def _fresh_overview(syncline: Syncline) -> dict[str, Any] | None:
    shown = await syncline.overview()
    return shown if shown["onboardings"]["freshness"]["status"] == "fresh" else None


async def test_a_hook_is_let_in_by_its_signature_and_not_by_a_token(whole_day: PlayedDay) -> None:
    """The edge routes `/hooks/<connection>` without a token; the service refuses what the vendor did not sign."""
    told = whole_day.system.told
    account = next(one for one in told.platforms["stripe"].config["accounts"] if one["country"] == "DE")
    body = json.dumps({"id": "evt_1", "object": "event", "type": "price.deleted", "data": {"object": {}}}).encode()
    stamp = "1"
    signed = hmac.new(account["webhook_secret"].encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    async with httpx.AsyncClient(base_url=told.edge) as http:
        unsigned = await http.post("/hooks/stripe-de", content=body)
        old = await http.post("/hooks/stripe-de", content=body, headers={"Stripe-Signature": f"t={stamp},v1={signed}"})
        unknown = await http.post("/hooks/stripe-fr", content=body)
    assert (401, "invalid_signature") == (unsigned.status_code, unsigned.json()["code"])
    assert (401, "invalid_signature") == (old.status_code, old.json()["code"])
    assert 404 == unknown.status_code


async def test_a_token_of_one_layer_opens_no_other(whole_day: PlayedDay) -> None:
    """At the edge and at the service itself: the audience decides, and 401 says so."""
    told, site = whole_day.system.told, whole_day.system.site
    async with httpx.AsyncClient() as http:
        form = {"grant_type": "client_credentials", "resource": "syncline-experience"}
        answer = await http.post(f"{told.edge}/oauth/token", data=form, auth=(told.client_id, told.client_secret))
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        edge = await http.get(f"{told.edge}/process/operations/v1/exceptions", headers=headers)
        service = await http.get(f"{site.address('process-operations')}/v1/exceptions", headers=headers)
        system = await http.get(f"{site.address('system-crm')}/v1/opportunities?connection=salesforce", headers=headers)
    assert [401, 401, 401] == [edge.status_code, service.status_code, system.status_code]
    assert ["invalid_token"] * 3 == [one.json()["code"] for one in (edge, service, system)]


async def test_the_documentation_is_served_by_the_edge_itself(whole_day: PlayedDay) -> None:
    """Every API has its page and its contract; nothing is loaded from elsewhere."""
    async with httpx.AsyncClient(base_url=whole_day.system.told.edge) as http:
        home = await http.get("/docs")
        catalog = await http.get("/.well-known/api-catalog")
        metadata = await http.get("/.well-known/oauth-authorization-server")
    assert [200, 200, 200] == [home.status_code, catalog.status_code, metadata.status_code]
    assert "project-onboarding" in home.text
    assert "https://" not in home.text.replace("https://syncline.dev", "")
    assert whole_day.system.told.edge == metadata.json()["issuer"]
