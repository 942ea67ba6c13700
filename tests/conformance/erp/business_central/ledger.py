"""What an ERP that recognises revenue by itself leaves in its ledger, booked in the vendor's own way."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import httpx

API = "/v2.0/production/api/v2.0/companies"
ACCOUNTS = ("1250", "4000")  # of DE01: unbilled receivable, revenue


class BusinessCentralLedger:
    """A general journal whose lines carry the project as a dimension, as posting the revenue of projects does."""

    def __init__(self, http: httpx.AsyncClient, config: Mapping[str, str]) -> None:
        self._http = http
        self._config = config

    async def recognise(self, document: str, day: date, amounts: Mapping[str, str]) -> None:
        """Debit unbilled receivable, credit revenue, for each project, in one document of DE01."""
        company = await self._company()
        await self._dimension(company, list(amounts))
        lines = [
            self._line(document, day, account, sign * float(amount), project)
            for project, amount in amounts.items()
            for account, sign in zip(ACCOUNTS, (1, -1), strict=True)
        ]
        headers = {"Authorization": f"Bearer {await self._token()}", "Accept": "application/json"}
        body = {"code": "WIP" + document[-7:], "displayName": "Recognition", "journalLines": lines}
        made = await self._http.post(f"{API}({company})/journals", json=body, headers=headers)
        assert 201 == made.status_code, made.text
        path = f"{API}({company})/journals({made.json()['id']})/Microsoft.NAV.post"
        posted = await self._http.post(path, headers=headers)
        assert 204 == posted.status_code, posted.text

    def _line(self, document: str, day: date, account: str, amount: float, project: str) -> dict[str, Any]:
        dimensions = [{"code": "COSTCENTRE", "valueCode": "CC-D20"}, {"code": "PROJECT", "valueCode": project}]
        return {
            "accountType": "G/L Account",
            "accountNumber": account,
            "postingDate": day.isoformat(),
            "documentNumber": document,
            "amount": amount,
            "description": f"Recognised revenue of {project}",
            "dimensionSetLines": dimensions,
        }

    async def _company(self) -> str:
        """The first one is DE01's."""
        found: str = (await self._http.get("/_sandbox/records/dimensions")).json()[0]["companyId"]
        return found

    async def _dimension(self, company: str, projects: list[str]) -> None:
        """PROJECT and its values, like the cost centre's own."""
        (first, *_) = [row for row in await self._records("dimensions") if row["companyId"] == company]
        own = first | {"id": _id(1), "code": "PROJECT", "displayName": "Project"}
        values = [row for row in await self._records("dimensionValues") if row["companyId"] == company]
        more = {"dimensionId": _id(1)}
        rows = [
            values[0] | more | {"id": _id(2, project), "code": project, "displayName": project} for project in projects
        ]
        await self._seed("dimensions", [own])
        await self._seed("dimensionValues", rows)

    async def _records(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self._http.get(f"/_sandbox/records/{kind}")).json()
        return found

    async def _seed(self, kind: str, rows: list[dict[str, Any]]) -> None:
        seeded = [{"id": f"{row['companyId']}/{row['id']}", "body": row} for row in rows]
        answer = await self._http.post(f"/_sandbox/records/{kind}", json=seeded)
        assert answer.is_success, answer.text

    async def _token(self) -> str:
        asked = {
            "grant_type": "client_credentials",
            "client_id": self._config["client_id"],
            "client_secret": self._config["client_secret"],
            "scope": "https://api.businesscentral.dynamics.com/.default",
        }
        answer = await self._http.post(f"/{self._config['tenant']}/oauth2/v2.0/token", data=asked)
        found: str = answer.json()["access_token"]
        return found


def _id(place: int, text: str = "") -> str:
    return f"{place:08x}-0000-4000-8000-{text.encode().hex():0>12}"[:36]
