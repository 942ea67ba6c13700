"""Reads of the HR system API. Contract: contracts/openapi/system/hr.v1.yaml."""

from datetime import date

from canonical.paging import Page
from canonical.people import Absence, CostRate, Worker
from servicekit.upstream import Upstream, in_path

PAGE = 100


class Hr:
    """Workers, their absence, and what they cost where a process may ask for it: that has a scope of its own."""

    def __init__(self, api: Upstream) -> None:
        self._api = api

    async def worker(self, worker_id: str) -> Worker:
        return await self._api.call("GET", f"/v1/workers/{in_path(worker_id)}", returns=Worker)

    async def workers(self, connection: str) -> tuple[Worker, ...]:
        """All of them, page after page."""
        found: list[Worker] = []
        cursor: str | None = None
        while True:
            params = {"connection": connection, "limit": PAGE, "cursor": cursor}
            page = await self._api.call("GET", "/v1/workers", params=params, returns=Page[Worker])
            found.extend(page.items)
            cursor = page.next
            if cursor is None:
                return tuple(found)

    async def cost_rates(self, worker_id: str) -> tuple[CostRate, ...]:
        page = await self._api.call("GET", f"/v1/workers/{in_path(worker_id)}/cost-rates", returns=Page[CostRate])
        return page.items

    async def absences(self, worker_id: str, from_date: date, to_date: date) -> tuple[Absence, ...]:
        params = {"from_date": from_date.isoformat(), "to_date": to_date.isoformat()}
        page = await self._api.call(
            "GET", f"/v1/workers/{in_path(worker_id)}/absences", params=params, returns=Page[Absence]
        )
        return page.items
