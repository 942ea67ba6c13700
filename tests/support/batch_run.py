"""One batch on a running system: asked for, agreed to and waited for as people do; killed on the way if asked."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import httpx
from batch_firm import ENTITY, Plan, cut_off
from running_system import RunningSystem

from canonical.batches import Batch
from demo.authorities import CONTROLLERS, PROJECT_OWNER
from demo.firm import Firm
from demo.fortnight import FINANCE
from demo.invoicing import Invoicing
from demo.syncline import signed_in
from launcher.reports import memory_mib

T = TypeVar("T")

PROCESS = "process-invoice-release"
APPROVERS = ((PROJECT_OWNER, "the work is as reported"), (CONTROLLERS[ENTITY][0], "within the limit"))
VENDORS = ("salesforce", "kantata", "stripe", "business_central")
PATIENCE_S = 1800.0
_PAUSE_S = 1.0
_MEMORY_EVERY_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What a batch took, from its request to its last posting. `drafted_s` is when all drafts waited or were refused.

    Vendor calls are all that came meanwhile, those of the pollers and of webhooks among them.
    """

    seconds: float
    drafted_s: float
    peak_mib: int
    calls: Counter[str]
    states: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Strike:
    """The process is killed once so many of the batch's releases are in one of these states."""

    states: tuple[str, ...]
    share: float


DRAFTING = Strike(states=("waiting_for_approval",), share=1 / 3)
POSTING = Strike(states=("posted",), share=1 / 3)


class BatchRun:
    """A batch of the plan's projects. `struck` says what was done to it."""

    def __init__(self, system: RunningSystem, firm: Firm, plan: Plan, strikes: tuple[Strike, ...] = ()) -> None:
        self._system = system
        self._firm = firm
        self._plan = plan
        self._strikes = list(strikes)
        self.struck: list[str] = []

    async def carry_out(self) -> Carried:
        """Ask, agree and wait until every good release is posted and every bad one waits for a person."""
        before, peak = await vendor_calls(self._system), _Peak()
        async with peak:
            began = time.monotonic()
            batch = await self._asked(lambda one: one.start_batch(ENTITY, cut_off(self._firm), FINANCE))
            drafted = await self._until(batch.id, self._is_drafted)
            drafted_s = time.monotonic() - began
            done = await self._until(batch.id, self._is_posted, agreeing=True)
            seconds = time.monotonic() - began
        calls = await vendor_calls(self._system)
        calls.subtract(before)
        assert drafted.total == done.total
        return Carried(seconds=seconds, drafted_s=drafted_s, peak_mib=peak.mib, calls=+calls, states=done.states)

    def _is_drafted(self, batch: Batch) -> bool:
        found = Counter(batch.states)
        return found["waiting_for_approval"] >= self._plan.good and found["in_exception"] >= self._plan.bad

    def _is_posted(self, batch: Batch) -> bool:
        return batch.states == {"posted": self._plan.good, "in_exception": self._plan.bad}

    async def _until(self, batch_id: str, there: Callable[[Batch], bool], *, agreeing: bool = False) -> Batch:
        """Look again and again, striking and agreeing on the way."""
        batch = await self._asked(lambda one: one.batch(batch_id))
        async with asyncio.timeout(PATIENCE_S):
            while not there(batch):
                await self._strike(batch)
                if agreeing and batch.states.get("waiting_for_approval"):
                    await self._agree(batch_id)
                await asyncio.sleep(_PAUSE_S)  # the system is other processes: nothing here can be awaited
                batch = await self._asked(lambda one: one.batch(batch_id))
        return batch

    async def _agree(self, batch_id: str) -> None:
        """Two persons, one request each. What a request left behind because it broke off, the next round takes up."""
        for person, reason in APPROVERS:
            await self._asked(lambda one, who=person, why=reason: one.approve_batch(batch_id, why, who))

    async def _strike(self, batch: Batch) -> None:
        if not self._strikes:
            return
        strike = self._strikes[0]
        reached = sum(batch.states.get(state, 0) for state in strike.states)
        if reached >= strike.share * self._plan.good:
            await self._system.kill(PROCESS)
            self.struck.append(f"{PROCESS} killed with {reached} of {self._plan.good} {' or '.join(strike.states)}")
            self._strikes.pop(0)

    async def _asked(self, ask: Callable[[Invoicing], Awaitable[T]]) -> T:
        """What the process answers, once it does: it may be on its way up again."""
        last: Exception | None = None
        for _ in range(120):
            try:
                async with signed_in(self._system.told) as syncline:
                    return await ask(Invoicing(syncline))
            except (httpx.HTTPError, RuntimeError) as error:
                last = error
                await asyncio.sleep(_PAUSE_S)
        raise AssertionError("the process does not answer") from last


class _Peak:
    """The most memory that all processes below this one had together, looked at every other second."""

    def __init__(self) -> None:
        self.mib = 0
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._looking = asyncio.create_task(self._look())

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            self.mib = max(self.mib, await asyncio.to_thread(memory_mib, os.getpid()))
            await asyncio.sleep(_MEMORY_EVERY_S)


async def vendor_calls(system: RunningSystem, vendors: Iterable[str] = VENDORS) -> Counter[str]:
    """Since the sandboxes were started, by vendor, method and kind of path."""
    found: Counter[str] = Counter()
    for vendor in vendors:
        told = (await system.control(vendor, "GET", "requests")).json()
        found.update({f"{vendor} {what}": count for what, count in told.items()})
    return found
