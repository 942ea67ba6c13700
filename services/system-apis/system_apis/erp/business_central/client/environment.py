"""A Business Central environment: its APIs, its companies, and how it is connected to and left."""

from collections.abc import Awaitable
from typing import Self, TypeVar
from urllib.parse import quote

from canonical.money import Currency
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.upstream import Upstream
from system_apis.erp.business_central import mapping
from system_apis.erp.business_central.companies import Companies
from system_apis.erp.business_central.credentials import EntraCredentials
from system_apis.erp.business_central.records import Company
from system_apis.erp.business_central.settings import Settings
from system_apis.erp.business_central.web_service import WebService

T = TypeVar("T")


class Environment:
    """What every part of the connector stands on."""

    def __init__(self, name: str, settings: Settings, http: Upstream, login: Upstream) -> None:
        environment = f"/v2.0/{quote(settings.tenant, safe='')}/{quote(settings.environment, safe='')}"
        self._http = http
        self._login = login
        self._api = WebService(http, f"{environment}/api/v2.0")
        self._cards = WebService(http, f"{environment}/{settings.project_extension_path.strip('/')}")
        self._companies = Companies(name, self._api, settings.companies)

    @classmethod
    def connect(cls, name: str, settings: Settings, clock: Clock) -> Self:
        login = Upstream(f"{name} sign-in", settings.login_url)
        http = Upstream(
            name,
            settings.api_url,
            auth=EntraCredentials(login, settings, clock),
            concurrency=settings.concurrency,
            timeout_s=settings.timeout_s,
        )
        return cls(name, settings, http, login)

    async def check(self) -> None:
        await self._companies.check()

    async def close(self) -> None:
        await self._http.aclose()
        await self._login.aclose()

    async def _company_of(self, native_id: str) -> tuple[Company, str]:
        """The company of a native id, and the id of the record in it."""
        company_id, record_id = mapping.unpack(native_id)
        return await self._companies.by_id(company_id), record_id

    async def _base_currency(self, company: Company) -> Currency:
        return (await self._companies.ledger(company)).local_currency_code


async def told(read: Awaitable[T]) -> T:
    """What is read after something was written. That it cannot be read leaves the write in doubt, not undone."""
    try:
        return await read
    except Failure as failure:
        if failure.kind in {Kind.CONFLICT, Kind.MISSING}:
            raise
        detail = "the ERP was written to, and cannot be asked about it right now"
        raise Failure(Kind.IN_DOUBT, detail, vendor_detail=failure.vendor_detail or str(failure)) from failure


def account_of(company: Company, role: str) -> str:
    """The account that is written to in a role. Raises INVALID `unknown_account_role`."""
    numbers = company.settings.accounts.get(role, ())
    if not numbers:
        detail = f"no account of {company.code} plays the role {role}"
        raise Failure(Kind.INVALID, detail, code="unknown_account_role")
    return numbers[0]
