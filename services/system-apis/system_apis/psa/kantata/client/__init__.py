"""Kantata OX as a PSA. Source: Kantata OX API v1 (api.mavenlink.com/api/v1), OpenAPI contract of 2026."""

from collections.abc import Mapping
from typing import Self

from servicekit.clock import Clock
from servicekit.upstream import Upstream
from system_apis.psa.kantata.api import AccessToken, Api
from system_apis.psa.kantata.client.billing import Billing
from system_apis.psa.kantata.client.entries import Entries
from system_apis.psa.kantata.client.people import People
from system_apis.psa.kantata.client.plan import Plan
from system_apis.psa.kantata.client.projects import Projects
from system_apis.psa.kantata.client.rates import Rates
from system_apis.psa.kantata.client.revenue import Revenue
from system_apis.psa.kantata.client.staffing import Staffing
from system_apis.psa.kantata.settings import Settings
from system_apis.writes import Settlement

CREATES = (
    "create_project",
    "create_task",
    "create_milestone",
    "create_resource_request",
    "create_assignment",
    "create_billing_mark",
)


class Connector(Projects, Plan, Staffing, People, Entries, Rates, Billing, Revenue):
    """A `Psa`. Every create leaves a marker, its external reference `syncline`, and is looked for by it."""

    settlements: Mapping[str, Settlement]

    def __init__(self, api: Api, settings: Settings, clock: Clock) -> None:
        super().__init__(api, settings, clock)
        settlement = Settlement(kind="marker_search", lag_s=settings.marker_lag_s)
        self.settlements = dict.fromkeys(CREATES, settlement)

    @classmethod
    def connect(cls, name: str, settings: Settings, clock: Clock) -> Self:
        """`clock` says how long what is seldom changed is remembered."""
        http = Upstream(
            name,
            settings.base_url,
            auth=AccessToken(settings.access_token),
            concurrency=settings.concurrency,
            timeout_s=settings.timeout_s,
        )
        return cls(Api(http), settings, clock)

    async def check(self) -> None:
        """One small authorised read."""
        await self._api.window("workspaces", "", offset=0, limit=1)

    async def close(self) -> None:
        await self._api.close()
