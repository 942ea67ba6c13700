"""Every HR vendor on its stage: its sandbox behind a real socket, with the demo firm's people in it."""

import asyncio
import pkgutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any

import httpx
import pytest
import uvicorn

import system_apis.hr
from canonical.people import Worker
from demo.firm import Colleague, Firm
from demo.morning import demo_firm
from demo.seeds import workday as workday_seeds
from sandboxkit.app import Context
from sandboxkit.server import DroppableConnection
from sandboxkit.store import Store
from servicekit.clock import SettableClock
from servicekit.settings import read
from system_apis.hr.port import Hr

CONTROL = {"Sandbox-Control-Key": "control"}


class Stage:
    """A vendor's sandbox, our connector to it, one clock for both, and what people in HR do."""

    def __init__(self, http: httpx.AsyncClient, hr: Hr, clock: SettableClock, firm: Firm) -> None:
        self.http = http
        self.hr = hr
        self.clock = clock
        self.firm = firm
        self._passed = timedelta()
        self.domains: tuple[str, ...] = ()  # rights that can be taken from us
        self.vendor = ""
        self.settings: dict[str, Any] = {}  # of the connection, as they stand in a settings file
        self.reconnected: Callable[..., Hr] = lambda **_: hr

    @property
    def today(self) -> date:
        return self.firm.today

    def colleague(self, number: str) -> Colleague:
        return next(colleague for colleague in self.firm.colleagues if colleague.number == number)

    def native_id(self, number: str) -> str:
        return workday_seeds.worker_wid(self.colleague(number))

    async def worker(self, number: str) -> Worker:
        return await self.hr.worker(self.native_id(number))

    async def changed(self, since: datetime) -> set[str]:
        """The numbers of those who changed, all pages."""
        found: set[str] = set()
        cursor: str | None = None
        while True:
            page = await self.hr.workers(since, cursor, 2)
            found |= {worker.employment.number for worker in page.items}
            cursor = page.cursor
            if cursor is None:
                return found

    async def act(self, action: str, body: Any) -> Any:
        answer = await self.http.post(f"/_sandbox/actions/{action}", json=body, headers=CONTROL)
        answer.raise_for_status()
        return answer.json()

    async def move(self, number: str, cost_centre: str, effective: date) -> Any:
        """A person in HR enters a move now, for a day of its own."""
        return await self.act(
            "enter", workday_seeds.move_deed(self.firm, self.colleague(number), cost_centre, effective)
        )

    async def take_back(self, entered: Any) -> None:
        body = {"worker": entered["worker"], "type": "Rescind", "rescinds": entered["id"]}
        await self.act("enter", body | {"effective": entered["effective"]})

    async def hire(self, colleague: Colleague) -> Any:
        return await self.act("hire", workday_seeds.hire_deed(self.firm, colleague))

    async def fault(self, kind: str, **more: Any) -> None:
        (await self.http.post("/_sandbox/faults", json={"kind": kind} | more, headers=CONTROL)).raise_for_status()

    async def pass_time(self, **by: float) -> None:
        """Time goes on, for us and for the vendor."""
        self._passed += timedelta(**by)
        self.clock.advance(timedelta(**by))
        offset = {"offset_s": self._passed.total_seconds()}
        (await self.http.post("/_sandbox/clock", json=offset, headers=CONTROL)).raise_for_status()


@asynccontextmanager
async def served(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=DroppableConnection,
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield
    server.should_exit = True
    await serving
    listening.close()


ACCEPTS = {
    "tenant": "demo",
    "client_id": "syncline",
    "client_secret": "the-secret",
    "refresh_token": "the-refresh-token",
    "username": "ISU_Syncline",
    "password": "the-password",
}
DOMAINS = (
    "Worker Data: Service Dates",
    "Worker Data: Skills",
    "Worker Data: Qualifications",
    "Worker Data: Current Staffing Information",
    "Person Data: Work Contact Information",
)


@asynccontextmanager
async def workday() -> AsyncIterator[Stage]:
    vendor = import_module("system_apis.hr.workday")
    sandbox = import_module("system_apis.hr.workday.sandbox")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    clock = SettableClock(datetime.now(UTC))
    firm = demo_firm(clock.now().date())
    context = Context(store=Store(":memory:"), control_key="control", base_url=url, config=ACCEPTS)
    for kind, rows in workday_seeds.records(firm).items():
        for row in rows:
            context.store.put(kind, row["id"], row["body"])

    told = {"base_url": url, "known_workers": list(workday_seeds.KNOWN_WORKERS)} | ACCEPTS

    def connected(**changes: Any) -> Any:
        return vendor.Connector.connect("hr-main", read(vendor.Settings, told | changes, {}), clock)

    async with served(sandbox.create_sandbox_app(context), listening), httpx.AsyncClient(base_url=url) as http:
        hr = connected()
        stage = Stage(http, hr, clock, firm)
        stage.domains, stage.reconnected = DOMAINS, connected
        stage.vendor, stage.settings = "workday", told
        yield stage
        await hr.close()
    context.store.close()


# A vendor folder without a stage fails here, by its name.
STAGES: dict[str, Callable[[], Any]] = {"workday": workday}
VENDORS = [found.name for found in pkgutil.iter_modules(system_apis.hr.__path__) if found.ispkg]


@pytest.fixture(params=VENDORS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with STAGES[request.param]() as ready:
        yield ready
