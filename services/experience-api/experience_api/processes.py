"""The process layer as the experience layer sees it: reads only. Contracts: contracts/openapi/process/."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from typing import Any, TypeVar

import msgspec

from canonical.paging import Page
from canonical.recognition import TieOut
from canonical.releases import ApprovedValue, Lineage, Release, ReleaseStatistics
from canonical.work import ExceptionCase, ExceptionStatistics, Onboarding, OnboardingStatistics, OnboardingSystems
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.settings import ServiceSettings
from servicekit.tokens import ClientCredentials
from servicekit.upstream import Upstream, in_path

PROCESS_AUDIENCE = "syncline-process"
# A page must not wait long for one section: what is late is shown from its last copy.
TIMEOUT_S = 3.0
# What is read in the ledger at that moment takes longer, and is worth it: an old figure ties nothing out.
LEDGER_TIMEOUT_S = 10.0
PAGE_SIZE = 200
_NO_SUCH_ENTITY = frozenset({"not_bound", "unknown_legal_entity"})

T = TypeVar("T")


class Upstreams(msgspec.Struct, frozen=True, kw_only=True):
    """A client of each process API."""

    onboarding: Upstream
    operations: Upstream
    invoicing: Upstream
    recognition: Upstream


class Processes:
    """What the screens ask of the process APIs."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._onboarding = upstreams.onboarding
        self._operations = upstreams.operations
        self._invoicing = upstreams.invoicing
        self._recognition = upstreams.recognition

    async def onboarding_statistics(self) -> OnboardingStatistics:
        return await self._onboarding.call("GET", "/v1/onboarding-statistics", returns=OnboardingStatistics)

    async def exception_statistics(self) -> ExceptionStatistics:
        return await self._operations.call("GET", "/v1/exception-statistics", returns=ExceptionStatistics)

    async def onboarding_of(self, project_id: str) -> Onboarding | None:
        """The run that set the project up, with its steps; none for a project that no run of ours has made."""
        params = {"project_id": project_id, "limit": PAGE_SIZE}
        page = await self._onboarding.call("GET", "/v1/onboardings", params=params, returns=Page[Onboarding])
        made = [one for one in page.items if one.state != "amended"] or list(page.items)
        if not made:
            return None
        return await self._onboarding.call("GET", f"/v1/onboardings/{in_path(made[-1].id)}", returns=Onboarding)

    async def systems_of(self, onboarding_id: str) -> OnboardingSystems:
        path = f"/v1/onboardings/{in_path(onboarding_id)}/systems"
        return await self._onboarding.call("GET", path, returns=OnboardingSystems)

    async def exceptions_of(self, run_id: str) -> tuple[ExceptionCase, ...]:
        params = {"run_id": run_id, "limit": PAGE_SIZE}
        return (await self._operations.call("GET", "/v1/exceptions", params=params, returns=Page[ExceptionCase])).items

    async def open_exceptions(self, process: str) -> tuple[ExceptionCase, ...]:
        """What waits for a person in all runs of a process, oldest first."""
        found = await _all(self._operations, "/v1/exceptions", {"open_only": True}, Page[ExceptionCase])
        return tuple(case for case in found if case.process == process)

    async def release_statistics(self, legal_entity_code: str | None) -> ReleaseStatistics:
        params = {"legal_entity_code": legal_entity_code}
        return await self._invoicing.call("GET", "/v1/release-statistics", params=params, returns=ReleaseStatistics)

    async def release(self, release_id: str) -> Release | None:
        """With draft and steps; none where there is no such release."""
        try:
            return await self._invoicing.call("GET", f"/v1/releases/{in_path(release_id)}", returns=Release)
        except Failure as failure:
            if failure.kind is Kind.MISSING:
                return None
            raise

    async def lineage(self, release_id: str) -> Lineage:
        """With the lines in the ledger, which the process reads at that moment."""
        path = f"/v1/releases/{in_path(release_id)}/lineage"
        return await self._invoicing.call("GET", path, returns=Lineage, timeout_s=LEDGER_TIMEOUT_S)

    async def releases_of(self, contract_id: str) -> tuple[Release, ...]:
        """All releases of a contract, newest first, without draft and steps."""
        return await _all(self._invoicing, "/v1/releases", {"contract_id": contract_id}, Page[Release])

    async def waiting_releases(self, legal_entity_code: str | None) -> tuple[Release, ...]:
        """The releases that wait for an approval, newest first, without draft and steps."""
        params = {"state": "waiting_for_approval", "legal_entity_code": legal_entity_code}
        return await _all(self._invoicing, "/v1/releases", params, Page[Release])

    async def approved_values(self, legal_entity_code: str) -> tuple[ApprovedValue, ...]:
        """Where each approved amount of an entity's contracts went, as of now."""
        params = {"legal_entity_code": legal_entity_code}
        page = await self._invoicing.call("GET", "/v1/approved-values", params=params, returns=Page[ApprovedValue])
        return page.items

    async def tie_out(self, legal_entity_code: str, period_end: date) -> TieOut | None:
        """What the process reads in the ledger at that moment; none for an entity of which no books are kept."""
        path, params = f"/v1/tie-outs/{in_path(legal_entity_code)}", {"period_end": period_end}
        try:
            return await self._recognition.call("GET", path, params=params, returns=TieOut, timeout_s=LEDGER_TIMEOUT_S)
        except Failure as failure:
            if failure.code in _NO_SUCH_ENTITY:
                return None
            raise


async def _all(upstream: Upstream, path: str, params: Mapping[str, Any], returns: type[Page[T]]) -> tuple[T, ...]:
    """The items of every page."""
    found: list[T] = []
    cursor: str | None = None
    while True:
        asked = {**params, "limit": PAGE_SIZE, "cursor": cursor}
        page = await upstream.call("GET", path, params=asked, returns=returns)
        found += page.items
        cursor = page.next
        if cursor is None:
            return tuple(found)


@asynccontextmanager
async def connected(addresses: Mapping[str, str], settings: ServiceSettings, clock: Clock) -> AsyncIterator[Processes]:
    """The clients, with a token that is fetched when first needed. *addresses*: base URLs by the processes' names.

    Raises MISCONFIGURED where one is missing that a screen reads.
    """
    async with AsyncExitStack() as stack:
        tokens = ClientCredentials(
            settings.issuer,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            audience=PROCESS_AUDIENCE,
            clock=clock,
        )
        stack.push_async_callback(tokens.aclose)

        async def client(process: str) -> Upstream:
            if process not in addresses:
                raise Failure(Kind.MISCONFIGURED, f"The settings name no address of {process}.")
            return await stack.enter_async_context(
                Upstream(process, addresses[process], auth=tokens, timeout_s=TIMEOUT_S)
            )

        yield Processes(
            Upstreams(
                onboarding=await client("project-onboarding"),
                operations=await client("operations"),
                invoicing=await client("invoice-release"),
                recognition=await client("revenue-recognition"),
            )
        )
