"""Faults apply to the requests they name, a counted number of times, and holds last until somebody lets go."""

import asyncio
import re
from typing import Any

import pytest

from sandboxkit.faults import FAULT_KINDS, Fault, Faults


@pytest.fixture
def faults() -> Faults:
    return Faults()


def taken(faults: Faults, *requests: tuple[str, str]) -> list[str | None]:
    """The kind of fault that each request meets, or none."""
    found = [faults.take(*request) for request in requests]
    return [None if fault is None else fault.kind for fault in found]


def test_the_kinds_of_fault_are_known() -> None:
    """What can go wrong between a vendor and its client; a new kind is a decision."""
    held = {"hold_before", "hold_after", "hold_next"}
    assert {"outage", "latency", "throttle", "expire_token", "lose_answer", "drop"} | held == set(FAULT_KINDS)


def test_an_unknown_kind_is_refused() -> None:
    """A test that misspells a fault does not pass without one."""
    kind: Any = "outtage"
    with pytest.raises(ValueError, match="kind is one of outage, latency"):
        Fault(kind)


def test_a_path_that_is_no_pattern_is_refused() -> None:
    """It would fail at the first request instead, far from its cause."""
    with pytest.raises(re.error):
        Fault("outage", path="(")


def test_without_faults_every_request_passes(faults: Faults) -> None:
    """Nothing goes wrong by itself."""
    assert [None] == taken(faults, ("GET", "/"))


def test_a_fault_happens_once_unless_told(faults: Faults) -> None:
    """The next request passes."""
    faults.add(Fault("outage"))
    assert ["outage", None] == taken(faults, ("GET", "/"), ("GET", "/"))
    assert [] == faults.shown()


def test_a_counted_fault_counts_down(faults: Faults) -> None:
    """`times` requests are struck, and no more."""
    faults.add(Fault("throttle", times=3))
    assert ["throttle"] * 3 + [None] == taken(faults, *[("GET", "/")] * 4)


def test_a_fault_without_a_count_stays_until_it_is_removed(faults: Faults) -> None:
    """An outage lasts as long as it lasts."""
    faults.add(Fault("outage", times=None))
    assert ["outage"] * 50 == taken(faults, *[("GET", "/")] * 50)
    faults.clear()
    assert [None] == taken(faults, ("GET", "/"))


def test_a_fault_strikes_the_requests_it_names(faults: Faults) -> None:
    """By method and by a pattern that is found anywhere in the path."""
    faults.add(Fault("drop", method="POST", path=r"/accounts/\d+$", times=None))
    requests = [("GET", "/v1/accounts/1"), ("POST", "/v1/accounts"), ("POST", "/v1/accounts/1")]
    assert [None, None, "drop"] == taken(faults, *requests)


def test_so_many_requests_are_skipped_first(faults: Faults) -> None:
    """The third matching request is struck; others are not counted."""
    faults.add(Fault("outage", path="/a", skip=2))
    requests = [("GET", "/a"), ("GET", "/b"), ("GET", "/a"), ("GET", "/a"), ("GET", "/a")]
    assert [None, None, None, "outage", None] == taken(faults, *requests)


def test_the_first_fault_that_applies_is_taken(faults: Faults) -> None:
    """One fault per request, in the order in which they were switched on; a skipping one gives way to the next."""
    faults.add(Fault("outage", skip=1))
    faults.add(Fault("latency"))
    faults.add(Fault("drop"))
    assert ["latency", "outage", "drop", None] == taken(faults, *[("GET", "/")] * 4)


def test_what_is_switched_on_is_shown(faults: Faults) -> None:
    """With the number under which it was added and what is left of its count."""
    faults.add(Fault("outage", method="POST", times=2))
    faults.take("POST", "/")
    shown = {"kind": "outage", "method": "POST", "path": ".*", "times": 1, "skip": 0, "seconds": 0.0, "id": 1}
    assert [shown] == faults.shown()


async def test_a_held_request_waits_until_it_is_released(faults: Faults) -> None:
    """It is shown while it waits, and forgotten when it goes on."""
    waiting = asyncio.create_task(faults.hold("before", "POST", "/accounts", "0af7"))
    await asyncio.sleep(0)  # the task runs up to its waiting
    (held,) = faults.held()
    called = {"method": "POST", "path": "/accounts", "trace": "0af7", "follows": ""}
    assert {"id": held.id, "stage": "before", **called} == held.shown()
    assert not waiting.done()
    assert faults.release(held.id)
    await waiting
    assert [] == faults.held()


async def test_requests_are_released_one_by_one(faults: Faults) -> None:
    """Letting one go does not let another go; an unknown number lets nobody go."""
    waiting = [asyncio.create_task(faults.hold("after", "POST", f"/{name}")) for name in "ab"]
    await asyncio.sleep(0)
    first, second = faults.held()
    assert not faults.release(999)
    faults.release(second.id)
    await waiting[1]
    assert [first] == faults.held()
    faults.release(first.id)
    await waiting[0]


async def test_clearing_lets_everybody_go(faults: Faults) -> None:
    """No request hangs on a fault that is gone."""
    waiting = [asyncio.create_task(faults.hold("before", "POST", "/")) for _ in range(3)]
    await asyncio.sleep(0)
    faults.clear()
    await asyncio.gather(*waiting)
    assert [] == faults.held()


async def test_a_caller_that_gives_up_is_held_no_longer(faults: Faults) -> None:
    """A cancelled request leaves no trace among those that wait."""
    waiting = asyncio.create_task(faults.hold("before", "POST", "/"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert [] == faults.held()
