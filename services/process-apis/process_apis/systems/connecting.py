"""Opens the clients of the system layer: one upstream and one token for the whole layer's audience each."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from process_apis.systems.billing import Billing
from process_apis.systems.crm import Crm
from process_apis.systems.erp import Erp
from process_apis.systems.hr import Hr
from process_apis.systems.identity import Identity
from process_apis.systems.psa import Psa
from servicekit.clock import Clock
from servicekit.settings import ServiceSettings
from servicekit.tokens import ClientCredentials
from servicekit.upstream import Upstream

SYSTEM_AUDIENCE = "syncline-system"
# A system API may wait for its vendor, settle doubt and try again; it answers within its own lease of 30 s.
TIMEOUT_S = 40.0


class SystemAddresses(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base URL of each system API."""

    crm: str
    psa: str
    hr: str
    billing: str
    erp: str
    identity: str


class Systems(msgspec.Struct, frozen=True, kw_only=True):
    """The six capabilities of the system layer."""

    crm: Crm
    psa: Psa
    hr: Hr
    billing: Billing
    erp: Erp
    identity: Identity


@asynccontextmanager
async def connected(addresses: SystemAddresses, settings: ServiceSettings, clock: Clock) -> AsyncIterator[Systems]:
    """The clients, with a token that is fetched when first needed and shared by all."""
    async with AsyncExitStack() as stack:
        tokens = ClientCredentials(
            settings.issuer,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            audience=SYSTEM_AUDIENCE,
            clock=clock,
        )
        stack.push_async_callback(tokens.aclose)

        async def api(name: str, address: str) -> Upstream:
            return await stack.enter_async_context(Upstream(name, address, auth=tokens, timeout_s=TIMEOUT_S))

        yield Systems(
            crm=Crm(await api("crm", addresses.crm)),
            psa=Psa(await api("psa", addresses.psa)),
            hr=Hr(await api("hr", addresses.hr)),
            billing=Billing(await api("billing", addresses.billing)),
            erp=Erp(await api("erp", addresses.erp)),
            identity=Identity(await api("identity", addresses.identity)),
        )
