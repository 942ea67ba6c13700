"""The process layer as the experience layer sees it: reads only. Contracts: contracts/openapi/process/."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from canonical.paging import Page
from canonical.work import ExceptionCase, ExceptionStatistics, Onboarding, OnboardingStatistics, OnboardingSystems
from servicekit.clock import Clock
from servicekit.settings import ServiceSettings
from servicekit.tokens import ClientCredentials
from servicekit.upstream import Upstream

PROCESS_AUDIENCE = "syncline-process"
# A page must not wait long for one section: what is late is shown from its last copy.
TIMEOUT_S = 3.0


class ProcessAddresses(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base URL of each process API."""

    project_onboarding: str
    operations: str


class Processes:
    """What the screens ask of the process APIs."""

    def __init__(self, onboarding: Upstream, operations: Upstream) -> None:
        self._onboarding = onboarding
        self._operations = operations

    async def onboarding_statistics(self) -> OnboardingStatistics:
        return await self._onboarding.call("GET", "/v1/onboarding-statistics", returns=OnboardingStatistics)

    async def exception_statistics(self) -> ExceptionStatistics:
        return await self._operations.call("GET", "/v1/exception-statistics", returns=ExceptionStatistics)

    async def onboarding_of(self, project_id: str) -> Onboarding | None:
        """The run that set the project up, with its steps; none for a project that no run of ours has made."""
        params = {"project_id": project_id, "limit": 200}
        page = await self._onboarding.call("GET", "/v1/onboardings", params=params, returns=Page[Onboarding])
        made = [one for one in page.items if one.state != "amended"] or list(page.items)
        if not made:
            return None
        return await self._onboarding.call("GET", f"/v1/onboardings/{made[-1].id}", returns=Onboarding)

    async def systems_of(self, onboarding_id: str) -> OnboardingSystems:
        path = f"/v1/onboardings/{onboarding_id}/systems"
        return await self._onboarding.call("GET", path, returns=OnboardingSystems)

    async def exceptions_of(self, run_id: str) -> tuple[ExceptionCase, ...]:
        params = {"run_id": run_id, "limit": 200}
        return (await self._operations.call("GET", "/v1/exceptions", params=params, returns=Page[ExceptionCase])).items


@asynccontextmanager
async def connected(addresses: ProcessAddresses, settings: ServiceSettings, clock: Clock) -> AsyncIterator[Processes]:
    """The clients, with a token that is fetched when first needed."""
    async with AsyncExitStack() as stack:
        tokens = ClientCredentials(
            settings.issuer,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            audience=PROCESS_AUDIENCE,
            clock=clock,
        )
        stack.push_async_callback(tokens.aclose)
        onboarding = Upstream("project-onboarding", addresses.project_onboarding, auth=tokens, timeout_s=TIMEOUT_S)
        operations = Upstream("operations", addresses.operations, auth=tokens, timeout_s=TIMEOUT_S)
        yield Processes(await stack.enter_async_context(onboarding), await stack.enter_async_context(operations))
