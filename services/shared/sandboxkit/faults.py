"""Switchable faults: what goes wrong between a vendor and its client, on demand and a counted number of times."""

import asyncio
import itertools
import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

FaultKind = Literal[
    "outage", "latency", "throttle", "expire_token", "hold_before", "hold_after", "hold_next", "lose_answer", "drop"
]
FAULT_KINDS: tuple[str, ...] = get_args(FaultKind)


@dataclass
class Fault:
    """One switched fault.

    outage: the vendor's own 5xx, no effect. drop: the connection closes, no effect. latency: `seconds` pass first.
    throttle: the vendor's own 429. expire_token: the vendor's own 401 for a stale token. hold_before and hold_after:
    the request waits, before or after its effect, until it is released. hold_next: the request passes, and the next
    one of its caller, to whichever vendor, waits before its effect. lose_answer: the effect happens, then the
    connection closes. `times` counts down; none means until it is removed. `skip` lets so many matching requests pass.
    """

    kind: FaultKind
    method: str = "*"
    path: str = ".*"
    times: int | None = 1
    skip: int = 0
    seconds: float = 0.0
    id: int = 0

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise ValueError(f"kind is one of {', '.join(FAULT_KINDS)}")
        re.compile(self.path)

    def matches(self, method: str, path: str) -> bool:
        return self.method in {"*", method} and re.search(self.path, path) is not None


@dataclass
class Held:
    """A request that waits for its release."""

    id: int
    stage: str
    method: str
    path: str
    trace: str = ""
    follows: str = ""  # where the stage is "next": the write before, as vendor's address, method and path without ids
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def shown(self) -> dict[str, Any]:
        names = ("id", "stage", "method", "path", "trace", "follows")
        return {name: getattr(self, name) for name in names}


class Faults:
    """The faults that are switched on, and the requests they hold."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._held: dict[int, Held] = {}
        self._numbers = itertools.count(1)

    def add(self, fault: Fault) -> Fault:
        fault.id = next(self._numbers)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Switch everything off and let go of whatever is held."""
        self._faults.clear()
        for held in list(self._held.values()):
            held.released.set()

    def shown(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._faults]

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that applies to this request; counts it down."""
        for fault in self._faults:
            if not fault.matches(method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
            return fault
        return None

    def held(self) -> list[Held]:
        return list(self._held.values())

    def release(self, held_id: int) -> bool:
        held = self._held.get(held_id)
        if held is None:
            return False
        held.released.set()
        return True

    async def hold(self, stage: str, method: str, path: str, trace: str = "", follows: str = "") -> None:
        """Wait here until someone releases the request."""
        held = Held(next(self._numbers), stage, method, path, trace, follows)
        self._held[held.id] = held
        try:
            await held.released.wait()
        finally:
            del self._held[held.id]
