"""Reads and writes of the billing system API. Contract: contracts/openapi/system/billing.v1.yaml."""

from canonical.billing import BillingAccount, BillingSchedule, NewBillingAccount, NewBillingSchedule, ScheduleAmendment
from canonical.paging import Page
from servicekit.upstream import Upstream


class Billing:
    """Writes carry the key under which they happen once."""

    def __init__(self, api: Upstream) -> None:
        self._api = api

    async def ensure_account(self, connection: str, new: NewBillingAccount, key: str) -> BillingAccount:
        """The customer's account: found, or created."""
        params = {"connection": connection}
        return await self._api.call(
            "POST", "/v1/billing-accounts", params=params, body=new, key=key, returns=BillingAccount
        )

    async def schedule(self, schedule_id: str) -> BillingSchedule:
        return await self._api.call("GET", f"/v1/billing-schedules/{schedule_id}", returns=BillingSchedule)

    async def schedule_of_project(self, connection: str, project_number: str) -> BillingSchedule | None:
        params = {"connection": connection, "project_number": project_number}
        page = await self._api.call("GET", "/v1/billing-schedules", params=params, returns=Page[BillingSchedule])
        return page.items[0] if page.items else None

    async def create_schedule(self, connection: str, new: NewBillingSchedule, key: str) -> BillingSchedule:
        params = {"connection": connection}
        return await self._api.call(
            "POST", "/v1/billing-schedules", params=params, body=new, key=key, returns=BillingSchedule
        )

    async def amend_schedule(self, schedule_id: str, amendment: ScheduleAmendment, key: str) -> BillingSchedule:
        path = f"/v1/billing-schedules/{schedule_id}/amendments"
        return await self._api.call("POST", path, body=amendment, key=key, returns=BillingSchedule)

    async def activate_schedule(self, schedule_id: str, key: str) -> BillingSchedule:
        path = f"/v1/billing-schedules/{schedule_id}/activation"
        return await self._api.call("PUT", path, key=key, returns=BillingSchedule)

    async def cancel_schedule(self, schedule_id: str, key: str) -> BillingSchedule:
        path = f"/v1/billing-schedules/{schedule_id}/cancellation"
        return await self._api.call("PUT", path, key=key, returns=BillingSchedule)
