"""One round on a running system: runs of every process at once, parked at vendors, struck, and seen to their end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import uuid4

import fault_points as points
import httpx
import msgspec
import psycopg
from batch_firm import ENTITY, cut_off
from fault_points import Found, Point
from fault_world import Keys, contract_number, marks
from psycopg.rows import dict_row
from running_system import RunningSystem, until

from canonical.releases import Release
from demo.authorities import CONTROLLERS, PROJECT_OWNER
from demo.firm import Firm
from demo.fortnight import FINANCE
from demo.invoicing import INVOICING, REVENUE, Invoicing
from demo.seeds import salesforce
from demo.syncline import Syncline, signed_in
from servicekit.database import driver_url

PATIENCE_S = 240.0  # of a round's runs to end
QUIET_S = 4.0  # nobody came to a held point for so long: nobody will
_PARKING_S = 25.0
CONTROLLER = CONTROLLERS[ENTITY][0]


class OpenRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the round and how it stands. `engine` is the engine's own word; `in_doubt`: a person has been asked."""

    run_id: str
    name: str
    state: str
    engine: str
    trace: str
    in_doubt: bool


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """What was picked, and what was held when the strike came."""

    picked: tuple[tuple[Found, int], ...]
    held: tuple[points.Held, ...]
    struck: frozenset[Point]


class Matters:
    """The matters of one round."""

    def __init__(self, system: RunningSystem, firm: Firm, contracts: dict[str, str], keys: Keys, n: int) -> None:
        self.system, self.keys, self.n = system, keys, n
        self._firm, self._contracts = firm, contracts
        self._url = driver_url(system.site.database_url("postgres"))

    @property
    def period_end(self) -> date:
        return cut_off(self._firm)

    async def ask_for_drafts(self, times: int = 1) -> None:
        """The releases and credits of the round, up to where people have to agree."""
        await self.release(self.keys.released, times)
        async with signed_in(self.system.told) as syncline:
            credited = await self._posted(syncline, self.keys.credited)
            await _together(self._credit(syncline, one) for one in credited for _ in range(times))
        await until(lambda: self._waiting(len(self.keys.released) + len(self.keys.credited)), "the drafts of the round")

    async def release(self, keys: Sequence[str], times: int = 1) -> None:
        """Ask for the invoices of these contracts."""
        async with signed_in(self.system.told) as syncline:
            await _together(self._release(syncline, key) for key in keys for _ in range(times))

    async def learn(self) -> None:
        """Bring about what is done once for all rounds, such as knowing people again in the PSA."""
        await _together([self.win(1), self.recognise(1), self.release(self.keys.released)])

    async def ask_for_the_rest(self, times: int = 1) -> None:
        """Everything that writes to vendors begins: agreed drafts, won deals, revenue."""
        await _together([self.agree(), self.win(times), self.recognise(times)])

    async def agree(self) -> None:
        """Two persons agree to whatever drafts wait; repeated, it takes up what broke off before."""
        async with signed_in(self.system.told) as syncline:
            invoicing = Invoicing(syncline)
            waiting = [one for one in await invoicing.releases(state="waiting_for_approval") if self._is_mine(one)]
            await _together(_agreed(invoicing, one) for one in waiting)

    async def runs(self) -> list[OpenRun]:
        """The round's runs, as Syncline's database and the engines' tell them."""
        return await asyncio.to_thread(self._runs)

    async def ended(self, wanted: int) -> bool | None:
        """Whether so many runs have begun and all have ended; people agree to what waits for them meanwhile."""
        await self.agree()
        runs = await self.runs()
        return True if len(runs) >= wanted and all(one.engine == "SUCCESS" for one in runs) else None

    def _runs(self) -> list[OpenRun]:
        with psycopg.connect(self._url, row_factory=dict_row, autocommit=True) as connection:
            found = connection.execute(
                "select run_id, name, state, trace_parent, request, refs from process.run"
            ).fetchall()
            schemas = connection.execute(
                "select table_schema from information_schema.tables where table_name = 'workflow_status'"
            ).fetchall()
            asked = connection.execute(
                "select run_id from process.exception_case where class = 'in_doubt' and resolved_at is null"
            ).fetchall()
            doubtful = {one["run_id"] for one in asked}
            engine: dict[str, str] = {}
            for one in schemas:
                select = f'select workflow_uuid, status from "{one["table_schema"]}".workflow_status'
                engine |= {row["workflow_uuid"]: row["status"] for row in connection.execute(select).fetchall()}
        return [
            OpenRun(
                run_id=row["run_id"],
                name=row["name"],
                state=row["state"],
                engine=engine.get(row["run_id"], "not started"),
                trace=row["trace_parent"].split("-")[1] if row["trace_parent"] else "",
                in_doubt=row["run_id"] in doubtful,
            )
            for row in found
            if self.n in marks(f"{row['name']} {row['request']} {row['refs']}")
        ]

    def first_progress(self, traces: Sequence[str], since: datetime) -> datetime | None:
        """When the first of the runs with these traces went on after that moment."""
        wanted = "select min(step.ended_at) from process.step join process.run using (run_id) where step.ended_at > %s"
        with psycopg.connect(self._url, autocommit=True) as connection:
            row = connection.execute(
                f"{wanted} and step.state = 'done' and split_part(trace_parent, '-', 2) = any(%s)",
                (since, list(traces)),
            ).fetchone()
        return None if row is None else row[0]

    def _is_mine(self, release: Release) -> bool:
        return self.n in marks(release.contract_number)

    async def _waiting(self, wanted: int) -> bool | None:
        async with signed_in(self.system.told) as syncline:
            found = await Invoicing(syncline).releases(state="waiting_for_approval")
        return True if len([one for one in found if self._is_mine(one)]) == wanted else None

    async def _posted(self, syncline: Syncline, keys: Sequence[str]) -> list[Release]:
        wanted = {self._contracts[contract_number(self.n, key)] for key in keys}
        found = [await Invoicing(syncline).releases(contract_id=one) for one in sorted(wanted)]
        return [one for releases in found for one in releases]

    async def _release(self, syncline: Syncline, key: str) -> None:
        body = {"contract_id": self._contract(key), "cut_off": self.period_end.isoformat()}
        await _asked(syncline, f"{INVOICING}/releases", body)

    async def _credit(self, syncline: Syncline, release: Release) -> None:
        body = {"reason": "it was billed in error", "rebill": False}
        await _asked(syncline, f"{INVOICING}/releases/{release.id}/credits", body)

    async def recognise(self, times: int) -> None:
        async def one(syncline: Syncline, key: str) -> None:
            body = {"contract_id": self._contract(key), "period_end": self.period_end.isoformat()}
            await _asked(syncline, f"{REVENUE}/recognitions", body)

        async with signed_in(self.system.told) as syncline:
            await _together(one(syncline, key) for key in self.keys.recognised for _ in range(times))

    async def win(self, times: int) -> None:
        """The salesperson wins the deals; told more than once, Salesforce tells of each again."""
        platform = self.system.told.platforms["salesforce"]
        tokens = {username: token for token, username in platform.config["refresh_tokens"].items()}
        seller = tokens[salesforce.sales_username(self._firm, ENTITY)]
        mine = [deal for deal in self._firm.deals if self.n in marks(deal.key)]
        async with httpx.AsyncClient(base_url=platform.address, timeout=30) as http:
            keys = platform.config["consumer_key"], platform.config["consumer_secret"]
            await salesforce.sign_in(http, *keys, seller)
            for deal in mine:
                await salesforce.win(http, deal)
                for _ in range(times - 1):
                    await salesforce.deliver_again(http, self.system.told.control_key, deal)

    def _contract(self, key: str) -> str:
        return self._contracts[contract_number(self.n, key)]


async def park(matters: Matters, picked: Sequence[tuple[Found, int]], *, holds: bool) -> Parked:
    """Wait until runs stand at all points that were picked, or at as many as any run comes to."""
    began = changed = time.monotonic()
    held: list[points.Held] = []
    while holds and len(held) < len(picked):
        found = await points.held(matters.system)
        if len(found) != len(held):
            held, changed = found, time.monotonic()
        now = time.monotonic()
        if (held and now - changed > QUIET_S) or now - began > _PARKING_S:
            break
        await asyncio.sleep(0.2)  # the system is other processes: nothing here can be awaited
    addresses = {name: platform.address for name, platform in matters.system.told.platforms.items()}
    return Parked(picked=tuple(picked), held=tuple(held), struck=points.held_at(held, picked, addresses))


async def _asked(syncline: Syncline, path: str, body: dict[str, Any]) -> None:
    """A command of finance; whoever got no answer asks again under the same key."""
    key = str(uuid4())

    async def ask() -> bool:
        await syncline.process("POST", path, actor=FINANCE, key=key, json=body)
        return True

    await until(ask, f"an answer of {path}")


async def _agreed(invoicing: Invoicing, release: Release) -> None:
    """Project owner, then controller; a credit is the controller's alone. What is not theirs any more is passed by."""
    for person, reason in ((PROJECT_OWNER, "the work is as reported"), (CONTROLLER, "within the limit")):
        try:
            await invoicing.approve(release, reason, person)
        except RuntimeError as refused:
            if " 403: " not in str(refused) and " 409: " not in str(refused):
                raise


async def _together(calls: Any) -> list[Any]:
    """All at once; the first failure is told when all have ended."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    failed = next((one for one in results if isinstance(one, BaseException)), None)
    if failed is not None:
        raise failed
    return results
