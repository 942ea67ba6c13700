"""Crash points: the vendor writes of an undisturbed round, each before and after its effect and at the next call.

They are found in what the sandboxes saw, not listed: a new process, vendor or write is struck by being there.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec
from running_system import RunningSystem

STAGES = ("before", "after", "next")
# A vendor is asked by few calls at a time: were all of them held, nobody would come to another point of it.
_HELD_AT_ONCE = 3
_ID = r"[^/]*\d[^/]*"


class Point(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One write and one moment of it."""

    vendor: str
    method: str
    path: str  # as the sandbox's tally tells it, without ids
    stage: str

    def __str__(self) -> str:
        return f"{self.vendor} {self.method} {self.path} {self.stage}"

    @property
    def pattern(self) -> str:
        """The expression that finds the write's paths again."""
        return "^" + "/".join(_expression(step) for step in self.path.split("/")) + "$"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A point of the undisturbed round: how often it was passed, and where in the round it first came up."""

    point: Point
    times: int
    place: int


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A request that waits at a vendor."""

    vendor: str
    id: int
    stage: str
    method: str
    path: str
    trace: str
    follows: str = ""  # where the stage is `next`: the write before, with its vendor's address


def _expression(step: str) -> str:
    """A step of a path as the tally tells it, as an expression."""
    return _ID if step == "{id}" else re.escape(step).replace(r"\(\)", r"\([^)]*\)")


async def written(system: RunningSystem) -> list[tuple[str, dict[str, str]]]:
    """Every write of a caller with a trace so far, with its vendor."""
    vendors = list(system.told.platforms)
    answers = await asyncio.gather(*(system.control(vendor, "GET", "writes") for vendor in vendors))
    return [(vendor, write) for vendor, answer in zip(vendors, answers, strict=True) for write in answer.json()]


def found_in(writes: Sequence[tuple[str, Mapping[str, str]]], traces: Collection[str]) -> list[Found]:
    """The points of the runs with these traces. Where nothing ever follows a write there is no next call to hold."""
    times: Counter[Point] = Counter()
    places: dict[Point, int] = {}
    for place, (vendor, write) in enumerate(one for one in writes if one[1]["trace"] in traces):
        for stage in STAGES if write["followed"] else STAGES[:2]:
            point = Point(vendor=vendor, method=write["method"], path=write["path"], stage=stage)
            times[point] += 1
            places.setdefault(point, place)
    return [Found(point=point, times=times[point], place=places[point]) for point in sorted(times)]


def chosen(found: Sequence[Found], seed: int) -> list[tuple[Found, int]]:
    """The points of one round, and how many matching requests pass each first: the earlier in the flow, the more.

    Of each vendor's points, in an order drawn once for all, each seed takes the next few: a run of seeds takes all.
    """
    order = sorted(found, key=lambda one: one.point)
    random.Random(0).shuffle(order)
    picked: list[tuple[Found, int]] = []
    for vendor in sorted({one.point.vendor for one in order}):
        mine = [one for one in order if one.point.vendor == vendor]
        window = [mine[(seed * _HELD_AT_ONCE + place) % len(mine)] for place in range(min(_HELD_AT_ONCE, len(mine)))]
        inflow = sorted(window, key=lambda one: (one.place, one.point))
        for place, one in enumerate(inflow):
            picked.append((one, (one.times - 1) * (len(inflow) - 1 - place) // len(inflow)))
    return picked


def named(found: Sequence[Found], names: Collection[str]) -> list[tuple[Found, int]]:
    """The points of these names, each holding the first request that comes."""
    return [(one, 0) for one in found if str(one.point) in names]


def left_over(found: Sequence[Found], done: Collection[str]) -> tuple[str, ...]:
    """Of each vendor one point that is not done: held alone, no other point of its vendor keeps its runs away."""
    left = {one.point.vendor: str(one.point) for one in reversed(found) if str(one.point) not in done}
    return tuple(sorted(left.values()))


async def switch(system: RunningSystem, picked: Sequence[tuple[Found, int]], kind: str = "hold") -> None:
    """Switch a fault on at each point: a hold at its stage, or one of another kind."""
    for one, skip in picked:
        point = one.point
        told = {
            "kind": f"hold_{point.stage}" if kind == "hold" else kind,
            "method": point.method,
            "path": point.pattern,
            "skip": skip,
        }
        await system.control(point.vendor, "POST", "faults", json=told)


async def held(system: RunningSystem) -> list[Held]:
    """All that is held now, at all vendors."""
    vendors = list(system.told.platforms)
    answers = await asyncio.gather(*(system.held(vendor) for vendor in vendors))
    rows = [{"vendor": vendor} | one for vendor, found in zip(vendors, answers, strict=True) for one in found]
    return msgspec.convert(rows, list[Held])


def held_at(
    waiting: Sequence[Held], picked: Sequence[tuple[Found, int]], addresses: Mapping[str, str]
) -> frozenset[Point]:
    """The points of those picked at which a request really stands; *addresses*: the vendors' own, by name."""

    def is_held(point: Point) -> bool:
        if point.stage == "next":
            return f"{addresses[point.vendor]} {point.method} {point.path}" in {one.follows for one in waiting}
        return any(
            (one.vendor, one.stage, one.method) == (point.vendor, point.stage, point.method)
            and re.search(point.pattern, one.path) is not None
            for one in waiting
        )

    return frozenset(one.point for one, _ in picked if is_held(one.point))


async def to_come(system: RunningSystem) -> int:
    """How many requests the faults that are switched on still wait for."""
    answers = await asyncio.gather(*(system.faults(vendor) for vendor in system.told.platforms))
    return sum(one["times"] or 0 for found in answers for one in found)


async def used_up(system: RunningSystem, picked: Sequence[tuple[Found, int]]) -> frozenset[Point]:
    """The points whose switch has met its request."""
    vendors = list(system.told.platforms)
    answers = await asyncio.gather(*(system.faults(vendor) for vendor in vendors))
    left = {
        (vendor, one["method"], one["path"]) for vendor, found in zip(vendors, answers, strict=True) for one in found
    }
    points = (one.point for one, _ in picked)
    return frozenset(one for one in points if (one.vendor, one.method, one.pattern) not in left)


async def release(system: RunningSystem) -> None:
    """Switch all faults off and let go of all that is held."""
    await asyncio.gather(*(system.control(vendor, "DELETE", "faults") for vendor in system.told.platforms))
