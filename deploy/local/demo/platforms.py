"""The vendors' own APIs, as a suspicious controller reads them: not through Syncline, page after page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from demo.firm import Firm
from demo.surroundings import Platform, Surroundings

Record = dict[str, Any]

BC_API = "/v2.0/{tenant}/{environment}/api/v2.0"
BC_CARDS = "/v2.0/{tenant}/{environment}/api/syncline/projects/v1.0"
KANTATA = "/api/v1"
WORKSPACE_PARTS = "external_references,primary_workspace_group,custom_field_values"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the checks look at, as each vendor's own API told it; by account or company where it has several."""

    workspaces: list[Record]
    stories: list[Record]
    billing_milestones: list[Record]
    workspace_resources: list[Record]
    allocations: list[Record]
    psa_users: list[Record]
    products: dict[str, list[Record]]
    prices: dict[str, list[Record]]
    stripe_customers: dict[str, list[Record]]
    stripe_events: dict[str, list[Record]]
    cards: dict[str, list[Record]]
    bc_customers: dict[str, list[Record]]
    workers: int
    accounts: list[Record]
    won: list[Record]


async def read_all(told: Surroundings, firm: Firm) -> Seen:
    """One look at every platform."""
    platforms = told.platforms
    kantata = Kantata(platforms["kantata"])
    stripe = Stripe(platforms["stripe"])
    erp = BusinessCentral(platforms["business_central"], firm)
    return Seen(
        workspaces=await kantata.all("workspaces", include=WORKSPACE_PARTS, include_archived="true"),
        stories=await kantata.all("stories", include="workspace"),
        billing_milestones=await kantata.all("billing_milestones", include="workspace"),
        workspace_resources=await kantata.all("workspace_resources", include="workspace,user", include_unnamed="true"),
        allocations=await kantata.all("workspace_allocations", include="workspace_resource"),
        psa_users=await kantata.all("users", on_my_account="true"),
        products=await stripe.all("products"),
        prices=await stripe.all("prices"),
        stripe_customers=await stripe.all("customers"),
        stripe_events=await stripe.all("events"),
        cards=await erp.all("projectCards", BC_CARDS),
        bc_customers=await erp.all("customers", BC_API),
        workers=await _workers(told, platforms["workday"]),
        accounts=await _scim_accounts(platforms["scim"]),
        won=await _won(told),
    )


class Kantata:
    """Kantata OX API v1: results in order, records in maps by type."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def all(self, kind: str, **params: str) -> list[Record]:
        found: list[Record] = []
        headers = {"Authorization": f"Bearer {self._platform.config['access_token']}"}
        async with httpx.AsyncClient(base_url=self._platform.address, headers=headers, timeout=30) as http:
            page = 1
            while True:
                query = {**params, "per_page": "200", "page": str(page)}
                body = (await http.get(f"{KANTATA}/{kind}.json", params=query)).raise_for_status().json()
                found += [self._whole(body, entry) for entry in body["results"] if entry["key"] == kind]
                if page >= body["meta"]["page_count"]:
                    return found
                page += 1

    @staticmethod
    def _whole(body: Record, entry: Record) -> Record:
        """A record with its external references beside it, where they were asked for."""
        record = dict(body[entry["key"]][entry["id"]])
        references = body.get("external_references", {})
        held = [references[one] for one in record.get("external_reference_ids", ()) if one in references]
        record["references"] = {one["service_name"]: one["service_model_ref"] for one in held}
        return record


class Stripe:
    """Stripe API: a list per account, newest first."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def all(self, kind: str) -> dict[str, list[Record]]:
        return {
            account["country"]: await self._of(account["key"], kind) for account in self._platform.config["accounts"]
        }

    async def _of(self, key: str, kind: str) -> list[Record]:
        found: list[Record] = []
        headers = {"Authorization": f"Bearer {key}", "Stripe-Version": "2026-10-28.endive"}
        async with httpx.AsyncClient(base_url=self._platform.address, headers=headers, timeout=30) as http:
            params: dict[str, str] = {"limit": "100"}
            while True:
                body = (await http.get(f"/v1/{kind}", params=params)).raise_for_status().json()
                found += body["data"]
                if not body["has_more"]:
                    return found
                params["starting_after"] = body["data"][-1]["id"]


class BusinessCentral:
    """Business Central API v2.0 and the custom page for project cards: a list per company."""

    def __init__(self, platform: Platform, firm: Firm) -> None:
        self._platform = platform
        self._firm = firm

    async def all(self, kind: str, root: str) -> dict[str, list[Record]]:
        config = self._platform.config
        where = {"tenant": config["tenant"], "environment": config["environment"]}
        async with self._signed_in() as http:
            companies = (await http.get(f"{BC_API.format(**where)}/companies")).raise_for_status().json()["value"]
            ids = {company["name"]: company["id"] for company in companies}
            return {
                entity.code: await self._list(http, f"{root.format(**where)}/companies({ids[entity.name]})/{kind}")
                for entity in self._firm.entities
            }

    @staticmethod
    async def _list(http: httpx.AsyncClient, path: str) -> list[Record]:
        found: list[Record] = []
        following: str | None = path
        while following is not None:
            body = (await http.get(following)).raise_for_status().json()
            found += body["value"]
            following = body.get("@odata.nextLink")
        return found

    @asynccontextmanager
    async def _signed_in(self) -> AsyncIterator[httpx.AsyncClient]:
        config = self._platform.config
        form = {
            "grant_type": "client_credentials",
            "client_id": config["client_id"],
            "client_secret": config["client_secret"],
            "scope": "https://api.businesscentral.dynamics.com/.default",
        }
        async with httpx.AsyncClient(base_url=self._platform.address, timeout=30) as http:
            answer = await http.post(f"/{config['tenant']}/oauth2/v2.0/token", data=form)
            http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
            yield http


async def _won(told: Surroundings) -> list[Record]:
    """The won opportunities, by SOQL."""
    platform = told.platforms["salesforce"]
    form = {
        "grant_type": "client_credentials",
        "client_id": platform.config["consumer_key"],
        "client_secret": platform.config["consumer_secret"],
    }
    query = "SELECT Id, Name, StageName FROM Opportunity WHERE IsWon = true"
    async with httpx.AsyncClient(base_url=platform.address, timeout=30) as http:
        answer = (await http.post("/services/oauth2/token", data=form)).raise_for_status()
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        body = (
            (await http.get(f"/services/data/v67.0/query?q={quote(query)}", headers=headers)).raise_for_status().json()
        )
    records: list[Record] = body["records"]
    return records


async def _scim_accounts(platform: Platform) -> list[Record]:
    """Every SCIM user, index paging."""
    found: list[Record] = []
    headers = {"Authorization": f"Bearer {platform.config['token']}"}
    async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=30) as http:
        while True:
            params = {"startIndex": str(len(found) + 1), "count": "100"}
            body = (await http.get("/scim/v2/Users", params=params)).raise_for_status().json()
            found += body.get("Resources", [])
            if len(found) >= body["totalResults"] or not body.get("Resources"):
                return found


async def _workers(told: Surroundings, platform: Platform) -> int:
    """How many workers Workday has, leavers included."""
    headers = {"Sandbox-Control-Key": told.control_key}
    async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=30) as http:
        kinds: dict[str, int] = (await http.get("/_sandbox/kinds")).raise_for_status().json()
    return kinds.get("worker", kinds.get("workers", 0))
